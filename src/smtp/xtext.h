/*
 * xtext of RFC 3461 4, and its UTF-8 sister of RFC 6533 3. Decoding refuses a
 * control octet in the result: a report's header would take it for a line end.
 */
#ifndef SMTP_XTEXT_H
#define SMTP_XTEXT_H

#include "base/arena.h"
#include "base/slice.h"

/* The text goes to arena. Returns false on bad input. */
bool xtext_decode(struct slice in, struct arena *arena, struct slice *ret_text);
struct slice xtext_encode(struct slice text, struct arena *arena);

/* utf-8-addr-xtext and utf-8-addr-unitext of RFC 6533 3: "\x{HEX}" and UTF-8;
 * also the "+HH" that some write in spite of it. */
bool xtext_decode_utf8(struct slice in, struct arena *arena,
		       struct slice *ret_text);
/* utf-8-addr-xtext, for servers with SMTPUTF8 and without. text is UTF-8. */
struct slice xtext_encode_utf8(struct slice text, struct arena *arena);

#endif
