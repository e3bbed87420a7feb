/* The SASL mechanisms Dovecot listed in its handshake, and which of them a
 * client may be offered. Private to this folder. */
#ifndef AUTH_MECH_H
#define AUTH_MECH_H

#include "auth/auth_line.h"

struct mech_list;

struct mech_list *mech_list_new(void);
void mech_list_free(struct mech_list **list);
/* Forgets all: a new handshake begins. */
void mech_list_clear(struct mech_list *list);

/*
 * What follows "MECH" on its line. Left out: mechanisms with the flags
 * `private` and `anonymous`, names RFC 4422 3.1 does not allow, and the 33rd.
 */
void mech_list_add(struct mech_list *list, struct auth_reader *line);

/* The name as Dovecot wrote it, compared without case; empty when it may not
 * be offered. `plaintext` and `channel-binding` ones need TLS. */
struct slice mech_list_find(const struct mech_list *list, struct slice name,
			    bool is_tls);
/* "PLAIN LOGIN", until the list changes. */
struct slice mech_list_text(const struct mech_list *list, bool is_tls);

#endif
