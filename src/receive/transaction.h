/*
 * One mail transaction, RFC 5321 3.3: from MAIL to the reply after the
 * content. Everything of it dies with it.
 */
#ifndef RECEIVE_TRANSACTION_H
#define RECEIVE_TRANSACTION_H

#include "base/log.h"
#include "mail/delivered_to.h"
#include "mail/header.h"
#include "mail/tls_required.h"
#include "milter/message.h"
#include "receive/content.h"
#include "receive/handover.h"
#include "receive/origin.h"
#include "receive/outgoing.h"
#include "receive/resolve.h"
#include "receive/sender.h"
#include "receive/signing.h"
#include "smtp/data.h"

#include <event2/buffer.h>

enum {
	/* What ENQUEUE can carry. */
	TRANSACTION_TARGETS = WIRE_LIST,
};

/* How far a message has come since its last octet: complete.c. */
enum complete_step {
	COMPLETE_CONTENT,  /* what was written is flushed */
	COMPLETE_FROM,     /* a login's own address */
	COMPLETE_ORIGIN,   /* it is known who sent it, and its fields say so */
	COMPLETE_FILTERS,  /* milters see it */
	COMPLETE_EDITS,    /* what they changed is done to the content */
	COMPLETE_ENVELOPE, /* and to sender and recipients */
	COMPLETE_HOOK,     /* hooks/post-data sees it */
	COMPLETE_SIGN,     /* DKIM */
	COMPLETE_SPEND,    /* a login's share of the day */
	COMPLETE_HANDOVER,
};

struct queue_call;

struct transaction {
	struct arena *arena;
	struct slice trace; /* ID.N */
	struct log_ctx log;
	uint64_t began_ms;

	struct slice reverse_path; /* as address_format() writes it */
	struct mail_params mail;

	/* The sender being looked up: sender.c. */
	struct slice sender;
	const char *sender_place;
	sender_on_verdict *on_sender;

	/* The RCPT being resolved. */
	struct address asked;
	struct handover_recipient pending;
	struct resolution *resolution;
	size_t asked_count; /* RCPTs, whatever became of them */
	/* It is refused, and filters are being told; a REPLY_*. */
	const struct reply *refusal;

	struct handover_recipient *recipients;
	size_t recipient_count;
	size_t recipient_room;
	size_t target_count; /* of all recipients */

	struct origin origin;

	/* The content: body.c. */
	struct data_reader data;
	struct header_watch header;
	struct delivered_watch delivered; /* to the alias that sends it on */
	struct tls_required_watch tls_required;
	struct content *content;
	struct slice own;          /* what we have put before all that came */
	struct evbuffer *held;     /* what content does not take now; or NULL */
	struct evbuffer *line;     /* begun, of the header; or NULL */
	const struct reply *fault; /* the first; it is still read to its end */
	bool adds_fields;          /* submission: Date, Message-ID */
	bool watches_sieve;        /* the client may be our own Dovecot */
	bool is_from_sieve;
	uint8_t sieve_matched;
	bool is_last_chunk;
	bool reads_more; /* the stream's input limit was raised */

	enum complete_step step; /* ST_COMPLETE */
	struct slice dropped_by; /* the filter that wants it all accepted and
	                            nothing delivered, or empty */
	/* What goes on then; complete_cancel() ends it. */
	struct milter_message *message; /* the content as filters see it */
	struct rewrite *rewrite;
	struct envelope *envelope;
	struct post_data *post_data;
	const struct slice *authors; /* of From, not yet looked at */
	size_t author_count;
	struct queue_call *spend;
	outgoing_refuse *refuse;
	struct dkim_sign_call *signing;
	signing_put *put_signatures;
	struct slice hold; /* why the queue is to hold it, or empty */
	struct handover *handover;
};

/* trace is copied. */
struct transaction *transaction_new(struct slice trace, uint64_t now_ms);
/* Cancels what is under way. */
void transaction_free(struct transaction **transaction);

/* Makes the pending recipient one of the transaction's. Returns false when its
 * targets are too many for one message. */
bool transaction_add_recipient(struct transaction *t, struct targets targets);
/* RFC 6531 3.6: whether LMTP can be told of these without SMTPUTF8. */
bool transaction_is_ascii(struct targets targets);
/* The one recipient of t, if it is an alias that leads outside; else empty. Of
 * several none tells the others which it is. */
struct slice transaction_forwarder(const struct transaction *t);
/* Of the reverse path, canonical; empty if it has none. */
struct slice transaction_sender_domain(const struct transaction *t);
/* Takes the last one back. */
void transaction_drop_recipient(struct transaction *t);

#endif
