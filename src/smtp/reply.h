/*
 * SMTP replies as values: compared, logged, forwarded, tested. RFC 5321 4.2,
 * enhanced status codes of RFC 3463 and 2034.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>

struct reply {
	uint16_t code;     /* 200..559 */
	uint8_t status[3]; /* class, subject, detail; class 0 = none */
	bool close;        /* hang up once sent */
	struct slice text; /* UTF-8 or ASCII, no CR; LF separates lines; a
	                      literal, or in the session's arena */
};

/* The fixed replies: REPLY_OK and so on, from replies.def. */
#define REPLY(name, code, class, subject, detail, close, text)                 \
	extern const struct reply REPLY_##name;
#include "smtp/replies.def"
#undef REPLY

/*
 * The octets to send: "250-2.1.0 first\r\n250 2.1.0 last\r\n", in arena. Each
 * line carries the enhanced code; lines are cut at 512 octets with CRLF. Control
 * octets in the text are replaced by "?".
 */
struct slice reply_format(const struct reply *r, struct arena *arena);

/* 2xx and 3xx; 4xx; 5xx. */
bool reply_is_positive(const struct reply *r);
bool reply_is_transient(const struct reply *r);
bool reply_is_permanent(const struct reply *r);

#endif
