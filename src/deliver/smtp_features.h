/* What an SMTP server said it can do (RFC 5321 4.1.1.1). */
#ifndef DELIVER_SMTP_FEATURES_H
#define DELIVER_SMTP_FEATURES_H

#include "lmtp/features.h"

struct smtp_features {
	struct lmtp_features common;
	bool has_starttls;   /* RFC 3207 */
	bool has_dsn;        /* RFC 3461 */
	bool has_requiretls; /* RFC 8689 */
	uint64_t size_max;   /* RFC 1870: octets of a message; 0: not said */
	unsigned rcpt_max;   /* RFC 9422: recipients a transaction, 1..100 */
	unsigned mail_max;   /* RFC 9422: transactions a session; 0: not said */
};

/* Of a server that can do nothing, as one that knows HELO only. */
void smtp_features_init(struct smtp_features *ret_features);
/* text: of the reply to EHLO, its lines separated by LF. */
void smtp_features_parse(struct slice text, struct smtp_features *ret_features);

#endif
