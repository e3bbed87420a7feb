/*
 * The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8
 * (RFC 6531), REQUIRETLS (RFC 8689), RET, ENVID, NOTIFY, ORCPT (RFC 3461), AUTH= (RFC 4954 5).
 * Anything else is 555, a parameter given twice or malformed is 501.
 */
#ifndef SMTP_PARAMS_H
#define SMTP_PARAMS_H

#include "base/arena.h"
#include "base/slice.h"
#include "smtp/reply.h"
#include "smtp/xtext.h"

#include <stdint.h>

enum dsn_ret { DSN_RET_NONE, DSN_RET_FULL, DSN_RET_HDRS };

enum dsn_notify { /* a set; 0 when the client said nothing */
		  DSN_NOTIFY_NEVER = 1,
		  DSN_NOTIFY_SUCCESS = 2,
		  DSN_NOTIFY_FAILURE = 4,
		  DSN_NOTIFY_DELAY = 8,
};

struct mail_params {
	uint64_t size; /* octets; 0 when not declared */
	bool is_8bit;
	bool is_smtputf8;
	bool requires_tls; /* RFC 8689 */
	enum dsn_ret ret;
	struct slice
		envid; /* decoded xtext, printable ASCII, at most 100 octets */
};

struct rcpt_params {
	unsigned notify; /* enum dsn_notify */
	struct slice
		orcpt_type; /* "rfc822" or "utf-8", lower case; empty if none */
	struct slice orcpt; /* decoded, no control octets, at most 500 octets */
};

/*
 * Parses " KEY[=VALUE]..." as it stands after the path. Values live in arena.
 * Returns NULL, or the reply that refuses the command; outputs are then
 * untouched.
 */
const struct reply *params_parse_mail(struct slice in, struct arena *arena,
				      struct mail_params *ret_params);
const struct reply *params_parse_rcpt(struct slice in, struct arena *arena,
				      struct rcpt_params *ret_params);

#endif
