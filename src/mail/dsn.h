/*
 * Delivery status notifications: RFC 3464 and RFC 6522, for what was accepted
 * and could not be delivered. Auto-Submitted, null envelope sender (the
 * caller's part), one plain sentence first. Never tells an alias' targets:
 * recipients are named as the sender named them.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include "base/arena.h"
#include "base/slice.h"
#include "smtp/reply.h"

#include <stdint.h>

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED };

struct dsn_recipient {
	struct slice mailbox;    /* where it went when address is an alias: the
	                         server's words are cleaned of it; may be empty */
	struct slice address;    /* final recipient as the sender wrote it */
	struct slice orcpt_type; /* RFC 3461 4.2; empty if none */
	struct slice orcpt;
	enum dsn_action action;
	struct reply reply;   /* the last answer; code 0 when there was none */
	struct slice remote;  /* who gave it, "dovecot (lmtp)"; may be empty */
	struct slice server;  /* in its place: a host's name in the DNS */
	struct slice reason;  /* our own words when reply.code is 0 */
	int64_t last_attempt; /* wall-clock seconds */
};

struct dsn {
	struct slice hostname; /* Reporting-MTA */
	struct slice sender;   /* whom the report goes to: "user@domain" */
	struct slice envid;    /* RFC 3461 4.4; empty if none */
	struct slice trace;    /* of the original message */
	struct slice
		message_id; /* unique left part of the report's Message-ID */
	int64_t arrived;
	int64_t now;
	int64_t gives_up;      /* for DSN_DELAYED: when we stop trying */
	struct slice original; /* header section, or the whole message */
	bool original_is_whole;
	bool is_utf8; /* RFC 6533 types for addresses beyond ASCII */
	const struct dsn_recipient *recipients;
	size_t recipient_count;
};

/* The report as a message with CRLF lines, in arena. */
struct slice dsn_format(const struct dsn *d, struct arena *arena);

#endif
