/*
 * The beginning of a session, up to SMTP_IDLE: greeting, EHLO or HELO,
 * STARTTLS, EHLO again, AUTH. Pure; for smtp_dialog.c.
 */
#ifndef DELIVER_SMTP_OPENING_H
#define DELIVER_SMTP_OPENING_H

#include "deliver/smtp_dialog.h"
#include "lmtp/commands.h"

struct smtp_opening;

/* How it failed. what: our words for it; NULL: the server's own count. */
struct smtp_failure {
	enum smtp_end end;
	const char *what; /* a literal */
};

struct smtp_opening *smtp_opening_new(const char *hostname, enum smtp_tls tls,
				      const struct smtp_login *login);
void smtp_opening_free(struct smtp_opening **opening);

/* SMTP_GREETING..SMTP_IDLE. */
enum smtp_state smtp_opening_state(const struct smtp_opening *o);
const struct smtp_features *smtp_opening_features(const struct smtp_opening *o);

/* TLS is up: after SMTP_HANDSHAKE, or before all. */
void smtp_opening_secure(struct smtp_opening *o, struct lmtp_commands *out);
/* A reply, before SMTP_IDLE; adds what is to be said. False if it failed. */
bool smtp_opening_take(struct smtp_opening *o, const struct reply *reply,
		       struct lmtp_commands *out,
		       struct smtp_failure *ret_failure);

#endif
