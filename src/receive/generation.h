/*
 * What of the configuration comes in parts: the local domains with their
 * aliases, and the certificates. Gathered between CONF_BEGIN and CONF_COMMIT,
 * then used as a whole or not at all.
 */
#ifndef RECEIVE_GENERATION_H
#define RECEIVE_GENERATION_H

#include "net/tls.h"
#include "proc/message.h"
#include "receive/resolve.h"

struct generation;

struct generation *generation_new(void);
void generation_free(struct generation **g);

/* m is CONF_DOMAIN or CONF_CERTIFICATE; it is kept as it came. */
void generation_add(struct generation *g, const struct message *m);

/*
 * Reads what was kept; the certificates' keys are asked of keys. Returns false, with the reasons logged, if any of it
 * cannot be used: the parent has read it before, so that is a bug or a file
 * that is newer than its check.
 */
bool generation_read(const struct generation *g, const struct conf *conf,
		     struct key_provider *keys, struct domains **ret_domains,
		     struct tls_server **ret_tls);

#endif
