/*
 * A message on its way to a server outside, and what became of it there for
 * each of its recipients.
 */
#ifndef DELIVER_SMTP_MESSAGE_H
#define DELIVER_SMTP_MESSAGE_H

#include "proc/wire.h"
#include "smtp/params.h"

enum { SMTP_RECIPIENTS_MAX = 1000 }; /* of one smtp_message */

struct smtp_recipient {
	struct slice address; /* "local@domain", as address_format() gives it */
	unsigned notify;      /* enum dsn_notify */
	struct slice orcpt_type, orcpt; /* decoded; empty if there is none */
};

struct smtp_message {
	struct slice reverse_path; /* without <>; empty: the null path */
	struct slice envid;        /* decoded */
	enum dsn_ret ret;
	bool is_8bit;      /* its body may be (RFC 6152) */
	bool is_smtputf8;  /* its header may be in UTF-8 (RFC 6532) */
	bool requires_tls; /* RFC 8689: with a proof, and so on from there */
	int content_fd; /* read with pread from offset 0, lines end in CRLF */
	uint64_t content_octets;
	const struct smtp_recipient *recipients; /* 1..SMTP_RECIPIENTS_MAX */
	size_t recipient_count;
};

struct smtp_result {
	/* Never OUTCOME_CANCELLED. code is the server's; 0 when the reason is
	 * ours: what it offers is not enough, or the connection broke. text is
	 * at most WIRE_TEXT_OCTETS. */
	struct outcome outcome;
	/* OUTCOME_DEFERRED, and the server has taken nothing of it: the session
	 * ended before, so another connection or host may do better at once. */
	bool is_untouched;
	/* OUTCOME_DELIVERED, and reports on it are that server's duty now
	 * (RFC 3461 5.2); else NOTIFY=SUCCESS asks us for one, "relayed". */
	bool is_dsn_taken_over;
};

#endif
