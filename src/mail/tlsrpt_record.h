/*
 * Where a domain wants reports on TLS: the TXT record at _smtp._tls.DOMAIN
 * (RFC 8460 3). Records are hostile.
 */
#ifndef MAIL_TLSRPT_RECORD_H
#define MAIL_TLSRPT_RECORD_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	TLSRPT_RECORD_OCTETS = 4096, /* a longer one is none */
	TLSRPT_URIS_MAX = 4,         /* more are left out */
	TLSRPT_URI_OCTETS = 500,
};

struct tlsrpt_uri {
	bool is_mail;
	struct slice
		to; /* "local@domain", or the address as it is: https:... */
};

struct tlsrpt_record {
	struct tlsrpt_uri uris[TLSRPT_URIS_MAX];
	size_t count; /* at least one */
};

/* Whether that begins as such a record does; others do not count. */
bool tlsrpt_record_is_one(struct slice text);
/* text: the record's strings joined. Slices are in arena. False if it is none,
 * or nothing in it can be used. */
bool tlsrpt_record_parse(struct slice text, struct arena *arena,
			 struct tlsrpt_record *ret_record);

/* Where a report goes by HTTPS. */
struct tlsrpt_https {
	struct slice host; /* canonical (smtp/name.h) */
	unsigned port;
	struct slice path; /* "/...", with its query */
};

/* An "https:" of a record. Slices are views of uri, or in arena. False if it
 * names nobody, or a user. */
bool tlsrpt_https_parse(struct slice uri, struct arena *arena,
			struct tlsrpt_https *ret_https);

#endif
