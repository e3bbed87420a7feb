/*
 * Asks `keyring` for the signatures of handshakes, and waits: one round trip
 * costs about what a signature of our own would. A keyring that is late holds
 * the process up once; until it has caught up, handshakes fail at once.
 */
#ifndef RECEIVE_SIGNER_H
#define RECEIVE_SIGNER_H

#include "net/key_provider.h"

#include <stdint.h>

struct signer;

/* wait_ms: for one answer. */
struct signer *signer_new(unsigned wait_ms);
void signer_free(struct signer **signer);

/* The link to ask over (WAITING_LINK), now the signer's, or -1; an older one is
 * closed. */
void signer_use(struct signer *signer, int fd);

/* As key_sign. What fails is logged, a series of failures once. */
size_t signer_sign(const struct key_question *question, char *room, size_t n,
		   struct signer *signer);

/* For how long it has been waiting for an answer; 0: it is not. */
uint64_t signer_late_ms(const struct signer *signer);

#endif
