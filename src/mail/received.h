/* The trace field a server adds: RFC 5321 4.4, RFC 3848, RFC 8314 4.3. */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>

struct received {
	/* Without user: */
	struct slice hello; /* as the client said it: checked by
	                            command_is_hello_name(); empty if none */
	struct slice
		client_ip; /* "192.0.2.1" or "2001:db8::1"; empty hides it */
	struct slice user; /* numeric: of this machine, by no SMTP */
	struct slice hostname;    /* ours */
	struct slice trace;       /* id of the transaction */
	struct slice recipient;   /* for one recipient only, else empty */
	struct slice tls_version; /* "TLSv1.3"; empty without TLS */
	struct slice tls_cipher;  /* RFC 8314 4.3: the IANA suite name */
	bool is_esmtp;            /* EHLO was sent */
	bool is_smtputf8;
	bool is_authenticated;
	int64_t date; /* wall-clock seconds */
};

/* The whole field with its CRLF, folded, in arena. */
struct slice received_format(const struct received *r, struct arena *arena);

#endif
