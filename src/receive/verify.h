/*
 * The way from receive to `verify`: who sent this? SPF of a session's client
 * and sender (RFC 7208), DKIM and DMARC of a complete message.
 *
 * A question that `verify` dies of is asked anew, once: it may have died of
 * another. Where no answer comes, that itself is the answer: AUTHRES_TEMPERROR,
 * and the mail goes on.
 */
#ifndef RECEIVE_VERIFY_H
#define RECEIVE_VERIFY_H

#include "mail/authres.h"
#include "proc/role.h"

struct verifier; /* all of this process */
struct verify_call;

struct verifier *verifier_new(struct role_self *self);
void verifier_free(struct verifier **verifier);
/* The role's on_message, on_peer and on_peer_gone pass these on: SPF, VERIFIED;
 * `verify` has come, is gone. */
void verifier_on_message(struct verifier *v, const struct message *m);
void verifier_on_peer(struct verifier *v);
void verifier_on_peer_gone(struct verifier *v);

/* Answers live during the call, which comes once, never from within the
 * starter. result is of enum authres_result. A failed check of a message has no
 * results, and dmarc is AUTHRES_TEMPERROR. */
typedef void verify_on_spf(const struct msg_spf *answer, void *arg);
typedef void verify_on_message(const struct msg_verified *answer, void *arg);

/* question, message: all of them but the id; copied. */
struct verify_call *verify_spf(struct verifier *v,
			       const struct msg_spf_wanted *question,
			       verify_on_spf *done, void *arg);
/* content_fd stays the caller's, and open until the answer or the end. */
struct verify_call *verify_message(struct verifier *v,
				   const struct msg_verify *message,
				   int content_fd, verify_on_message *done,
				   void *arg);
/* Nobody waits any more. NULL is allowed. */
void verify_call_cancel(struct verify_call **call);

#endif
