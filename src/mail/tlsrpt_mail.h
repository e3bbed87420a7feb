/*
 * A report on TLS on its way: compressed (RFC 1952), and as the message of
 * RFC 8460 5.3.
 */
#ifndef MAIL_TLSRPT_MAIL_H
#define MAIL_TLSRPT_MAIL_H

#include "mail/tlsrpt.h"

/* In arena; empty if it cannot be done. */
struct slice tlsrpt_gzip(struct slice text, struct arena *arena);

struct tlsrpt_mail {
	const struct tlsrpt_report *report;
	struct slice gzip;       /* the report, compressed */
	struct slice from;       /* "local@domain" */
	struct slice to;         /* the same */
	struct slice message_id; /* "left@right" */
	int64_t now;
};

/* A message with CRLF lines in ASCII, in arena. */
struct slice tlsrpt_mail_format(const struct tlsrpt_mail *mail,
				struct arena *arena);

#endif
