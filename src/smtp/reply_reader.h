/*
 * Reads the replies of a server (LMTP and SMTP, RFC 5321 4.2.1): hostile
 * input, bounded in lines and octets, one reply at a time.
 */
#ifndef SMTP_REPLY_READER_H
#define SMTP_REPLY_READER_H

#include "smtp/reply.h"

enum {
	REPLY_READER_LINE_OCTETS = 2048,   /* a longer line is an error */
	REPLY_READER_REPLY_OCTETS = 16384, /* text kept of one reply */
	REPLY_READER_LINES = 256,
};

struct reply_reader;

struct reply_reader *reply_reader_new(void);
void reply_reader_free(struct reply_reader **reader);

enum {
	REPLY_READER_DONE = 0,
	REPLY_READER_MORE,     /* everything was consumed, no reply yet */
	REPLY_READER_MALFORMED /* hang up: no digits, codes that differ between
	                          lines, a bare CR, too long, too many lines */
};

/*
 * Consumes octets of in up to the end of one reply; *ret_consumed says how
 * many. On REPLY_READER_DONE *ret_reply is the reply: its text without the
 * codes, lines separated by LF, control octets replaced by "?"; status is that
 * of the last line, class 0 when the server sent none or one of another class
 * than the code. It lives until the next call.
 */
int reply_reader_feed(struct reply_reader *reader, struct slice in,
		      size_t *ret_consumed, struct reply *ret_reply);

#endif
