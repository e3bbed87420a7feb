/*
 * The client's side of an SMTP connection (RFC 5321; RFC 1870, 2920, 3030,
 * 3207, 3461, 6152, 6531, 9422) as a pure machine: the server's octets go in;
 * commands, and what became of each recipient, come out. No socket, no clock,
 * no TLS: smtp_conn.h has those.
 */
#ifndef DELIVER_SMTP_DIALOG_H
#define DELIVER_SMTP_DIALOG_H

#include "deliver/smtp_end.h"
#include "deliver/smtp_features.h"
#include "deliver/smtp_login.h"
#include "deliver/smtp_message.h"

struct smtp_dialog;

enum smtp_state {
	SMTP_GREETING,    /* nothing has come from the server yet */
	SMTP_HELLO,       /* EHLO, or HELO after it, is out */
	SMTP_STARTTLS,    /* STARTTLS is out */
	SMTP_HANDSHAKE,   /* begin TLS, then smtp_dialog_secure() */
	SMTP_LOGGING_IN,  /* AUTH is out */
	SMTP_IDLE,        /* smtp_dialog_begin() may be called */
	SMTP_TRANSACTION, /* between begin and the last answer */
	SMTP_RESETTING,   /* the same, but only RSET's is still to come */
	SMTP_QUITTING,    /* QUIT is out */
	SMTP_ENDED,       /* hang up: nothing more goes out or in */
};

enum smtp_tls {
	SMTP_TLS_NEVER,
	SMTP_TLS_IF_OFFERED, /* and without it if STARTTLS is refused */
	SMTP_TLS_DEMANDED,
};

/* hostname: for EHLO; copied, and cut at 255 octets. login: used in TLS only,
 * copied; NULL: do not log in. */
struct smtp_dialog *smtp_dialog_new(const char *hostname, enum smtp_tls tls,
				    const struct smtp_login *login);
void smtp_dialog_free(struct smtp_dialog **dialog);

enum smtp_state smtp_dialog_state(const struct smtp_dialog *dialog);
/* What the server offers; known from SMTP_IDLE on. */
const struct smtp_features *smtp_dialog_features(
	const struct smtp_dialog *dialog);
/* Replies taken so far. */
unsigned smtp_dialog_replies(const struct smtp_dialog *dialog);

/* Once it is SMTP_ENDED: why, and the same as an outcome, OUTCOME_REFUSED for a
 * 5xx greeting; its text is in the dialog's memory. */
enum smtp_end smtp_dialog_end(const struct smtp_dialog *dialog);
const struct outcome *smtp_dialog_failure(const struct smtp_dialog *dialog);

/* TLS is up and good enough: what was said before is forgotten. In
 * SMTP_HANDSHAKE, or, for TLS from the start (RFC 8314 3), in SMTP_GREETING. */
void smtp_dialog_secure(struct smtp_dialog *dialog);

/*
 * Begins a message, which is used until smtp_dialog_is_over(); its descriptor
 * never. Recipients are given to the server in as many transactions as it
 * needs. What it cannot take at all is over at once, without a word.
 */
void smtp_dialog_begin(struct smtp_dialog *dialog,
		       const struct smtp_message *message);
/* Every recipient has its result; or nothing was begun yet. */
bool smtp_dialog_is_over(const struct smtp_dialog *dialog);
/* index: into the message's recipients. Valid until the next begin. */
const struct smtp_result *smtp_dialog_result(const struct smtp_dialog *dialog,
					     size_t index);
/* The server takes no further message on this connection (RFC 9422). */
bool smtp_dialog_is_used_up(const struct smtp_dialog *dialog);

/* In SMTP_IDLE: says QUIT. */
void smtp_dialog_quit(struct smtp_dialog *dialog);
/* The server hung up, or a timer ran out ... why is a literal. */
void smtp_dialog_close(struct smtp_dialog *dialog, enum smtp_end how,
		       const char *why);

/* All octets from the server, as they come. */
void smtp_dialog_feed(struct smtp_dialog *dialog, struct slice in);

/* The commands that may be sent now and from now on count as sent; valid
 * until the next call. Call it until there are none. */
struct slice smtp_dialog_output(struct smtp_dialog *dialog);

enum smtp_content {
	SMTP_CONTENT_NONE,
	SMTP_CONTENT_PLAIN,  /* the octets as they are */
	SMTP_CONTENT_DOTTED, /* through lmtp/dots.h, with its end */
};

/* Whether content is to follow what smtp_dialog_output() gave, and how: from
 * its start, for each transaction anew. */
enum smtp_content smtp_dialog_content(const struct smtp_dialog *dialog);
/* The last octet of the content is out. */
void smtp_dialog_content_sent(struct smtp_dialog *dialog);

/* What the server owes us, each with a time of its own (RFC 5321 4.5.3.2). */
enum smtp_wait {
	SMTP_WAIT_NOTHING, /* or it is our turn */
	SMTP_WAIT_CONNECT, /* never the dialog's */
	SMTP_WAIT_GREETING,
	SMTP_WAIT_HELLO,
	SMTP_WAIT_TLS, /* STARTTLS and the handshake */
	SMTP_WAIT_MAIL,
	SMTP_WAIT_RCPT,
	SMTP_WAIT_DATA,
	SMTP_WAIT_BLOCK, /* that it takes more of the content */
	SMTP_WAIT_FINAL,
	SMTP_WAIT_RESET,
	SMTP_WAIT_QUIT,
};

enum smtp_wait smtp_dialog_wait(const struct smtp_dialog *dialog);

#endif
