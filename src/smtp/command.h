/* Command lines, RFC 5321 4.1.1 and 4.5.3.1: the verb and what follows it. */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "base/slice.h"

enum {
	COMMAND_LINE_OCTETS = 2048, /* with CRLF; RFC 5321 asks for 512, DSN
	                                     and SMTPUTF8 parameters add to it */
	COMMAND_AUTH_LINE_OCTETS = 12288, /* RFC 4954 4.(12) */
};

enum verb {
	VERB_UNKNOWN,
	VERB_HELO,
	VERB_EHLO,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	VERB_BDAT,
	VERB_RSET,
	VERB_NOOP,
	VERB_VRFY,
	VERB_EXPN,
	VERB_HELP,
	VERB_QUIT,
	VERB_STARTTLS,
	VERB_AUTH,
	VERB_HTTP, /* GET, POST, CONNECT, "Host:" ...: a browser or a proxy */
};

struct command {
	enum verb verb;
	struct slice
		args; /* after the verb and one space; trailing blanks cut */
};

/* line without its CRLF. */
struct command command_parse(struct slice line);
/* The verb's name, for log and table; "?" for VERB_UNKNOWN. */
const char *verb_name(enum verb verb);

/*
 * "FROM:" or "TO:" and the optional space some clients send after it.
 * Returns false, leaving *ret_rest, if args do not begin with it.
 */
bool command_strip_keyword(struct slice args, struct slice keyword,
			   struct slice *ret_rest);

/* The argument of EHLO and HELO: a domain (underscores and single labels
 * tolerated) or an address literal, at most 255 octets, printable. */
bool command_is_hello_name(struct slice name);

/*
 * RFC 3030: "BDAT" SP chunk-size [SP "LAST"]. Returns false on anything else,
 * sizes of over 2^53 octets too.
 */
bool command_parse_bdat(struct slice args, uint64_t *ret_octets,
			bool *ret_last);

/* RFC 4954 4: base64 with its padding, length a multiple of 4; empty passes. */
bool command_is_base64(struct slice text);

#endif
