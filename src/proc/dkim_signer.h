/*
 * Signs messages with the DKIM keys of their From: domain (RFC 6376), by asking
 * `keyring`, which holds them. For roles that have a link to it and are told of
 * the keys: `receive` and `queue`.
 *
 * Every key of a domain signs, so that RSA and Ed25519 stand side by side
 * (RFC 8463 5). A message that has a signature of a key already, say from a
 * filter, gets none of that key. Nothing is passed on unsigned because
 * `keyring` is away: then there is DKIM_SIGN_FAILED.
 */
#ifndef PROC_DKIM_SIGNER_H
#define PROC_DKIM_SIGNER_H

#include "proc/role.h"

enum {
	DKIM_SIGNER_KEYS_MAX = 8,          /* of one message */
	DKIM_SIGNER_ANSWER_MS = 5000,      /* then it failed */
	DKIM_SIGNER_TURN_OCTETS = 1 << 19, /* hashed in one turn of the loop */
	DKIM_SIGNER_HEADER_OCTETS = 1 << 20,
};

struct dkim_signer; /* all of this process */
struct dkim_sign_call;

struct dkim_signer *dkim_signer_new(struct role_self *self);
void dkim_signer_free(struct dkim_signer **signer);

/* The role's callbacks pass these on. m: CONF_BEGIN or CONF_DKIM_KEY. */
void dkim_signer_on_conf_part(struct dkim_signer *signer,
			      const struct message *m);
void dkim_signer_on_conf(struct dkim_signer *signer);
/* m is SIGNATURE; `keyring` has come, is gone. */
void dkim_signer_on_message(struct dkim_signer *signer,
			    const struct message *m);
void dkim_signer_on_keyring(struct dkim_signer *signer);
void dkim_signer_on_keyring_gone(struct dkim_signer *signer);

/* Whether there is any key at all. */
bool dkim_signer_has_keys(const struct dkim_signer *signer);

enum dkim_sign_result {
	DKIM_SIGN_DONE,
	DKIM_SIGN_NOT_WANTED, /* no key for it, or signed already */
	DKIM_SIGN_FAILED,     /* try again later */
};

/* Once, and never from within dkim_sign(). header: the signatures, whole
 * lines, to be put before the message. problem: for the log, if it failed.
 * Both live during the call. */
typedef void dkim_sign_on_done(enum dkim_sign_result result,
			       struct slice header, struct slice problem,
			       void *arg);

/* fd, with octets from offset 0, stays the caller's, and open until the
 * end. */
struct dkim_sign_call *dkim_sign(struct dkim_signer *signer, int fd,
				 uint64_t octets, dkim_sign_on_done *done,
				 void *arg);
/* Nobody waits any more. NULL is fine. */
void dkim_sign_cancel(struct dkim_sign_call **call);

#endif
