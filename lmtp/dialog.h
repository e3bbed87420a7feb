/*
 * The client's side of one LMTP connection (RFC 2033, with RFC 2920 and RFC
 * 3030) as a pure machine: the server's octets go in; commands, and what
 * became of each transaction, come out. No socket and no clock: conn.h has
 * those.
 */
#ifndef LMTP_DIALOG_H
#define LMTP_DIALOG_H

#include "lmtp/pool.h"

struct lmtp_dialog;

enum lmtp_state {
	LMTP_GREETING,    /* nothing has come from the server yet */
	LMTP_HELLO,       /* LHLO is out */
	LMTP_IDLE,        /* lmtp_dialog_begin() may be called */
	LMTP_TRANSACTION, /* between begin and the last answer */
	LMTP_RESETTING,   /* the verdict is known, RSET is out */
	LMTP_CLOSED,      /* hang up: nothing more goes out or in */
};

/* hostname: for LHLO; copied, and cut at 255 octets. */
struct lmtp_dialog *lmtp_dialog_new(const char *hostname);
void lmtp_dialog_free(struct lmtp_dialog **dialog);

enum lmtp_state lmtp_dialog_state(const struct lmtp_dialog *dialog);
/* Known from LMTP_IDLE on. */
bool lmtp_dialog_has_smtputf8(const struct lmtp_dialog *dialog);
/* Replies taken so far. */
unsigned lmtp_dialog_replies(const struct lmtp_dialog *dialog);
/* Why it is LMTP_CLOSED; in the dialog's memory. */
struct slice lmtp_dialog_why(const struct lmtp_dialog *dialog);

/*
 * Begins a transaction. request is used until the transaction is over; its
 * descriptor never. What the server cannot take (an address in UTF-8 without
 * SMTPUTF8, one that is no address) is over at once.
 */
void lmtp_dialog_begin(struct lmtp_dialog *dialog,
		       const struct lmtp_request *request);

/*
 * One more transaction may follow right behind the content of the one that
 * runs (RFC 2920 3.1), for an answer a message to wait for in place of two.
 * Its content waits until it has succeeded: a lost connection never leaves
 * more than one uncertain, and the follower not even begun. Not with
 * CHUNKING, which has but one answer to wait for anyway.
 */
bool lmtp_dialog_may_follow(const struct lmtp_dialog *dialog);
void lmtp_dialog_follow(struct lmtp_dialog *dialog,
			const struct lmtp_request *request);
/* The transaction is over and has a follower: look at its end, then let that
 * one take its place. No replies are taken in between. */
bool lmtp_dialog_is_followed(const struct lmtp_dialog *dialog);
void lmtp_dialog_succeed(struct lmtp_dialog *dialog);

/* All octets from the server, as they come. Returns those not taken, for the
 * next call: none, but for lmtp_dialog_is_followed() and LMTP_CLOSED. */
struct slice lmtp_dialog_feed(struct lmtp_dialog *dialog, struct slice in);
/* The server hung up, or a timer ran out: there is no follower any more. why
 * is a literal. */
void lmtp_dialog_close(struct lmtp_dialog *dialog, struct slice why);

/* The commands that may be sent now and from now on count as sent; valid
 * until the next call. */
struct slice lmtp_dialog_output(struct lmtp_dialog *dialog);

enum lmtp_content {
	LMTP_CONTENT_NONE,
	LMTP_CONTENT_PLAIN,  /* the octets as they are */
	LMTP_CONTENT_DOTTED, /* through dots.h, with its end */
};

/* Whether content is to follow what lmtp_dialog_output() gave, and how. */
enum lmtp_content lmtp_dialog_content(const struct lmtp_dialog *dialog);
/* The last octet of the content is out. */
void lmtp_dialog_content_sent(struct lmtp_dialog *dialog);
/* Whether that was said of this transaction. */
bool lmtp_dialog_is_content_sent(const struct lmtp_dialog *dialog);

/* Whether the transaction is over: its end is known. */
bool lmtp_dialog_is_over(const struct lmtp_dialog *dialog);
/* How it ended. *ret_reply as in lmtp_on_result, valid until the next begin. */
enum lmtp_end lmtp_dialog_end(const struct lmtp_dialog *dialog,
			      const struct reply **ret_reply);
/* True if the server cannot have begun with it: no answer came but a 421, and
 * the content was not all sent unless that 421 came. */
bool lmtp_dialog_is_untouched(const struct lmtp_dialog *dialog);

#endif
