/*
 * Writes header fields and text of our own messages. What came from outside
 * is cleaned on its way, so that no octet of it can end a line, and folded, so
 * that no line grows long.
 */
#ifndef MAIL_WRITER_H
#define MAIL_WRITER_H

#include "base/slice.h"

struct writer {
	char *p;
	size_t n;
	size_t room;
	bool keeps_utf8; /* else characters beyond ASCII become \x{HEX}, as in
	                    RFC 6533 3 */
};

void writer_done(struct writer *w);
/* What was written; valid until the next write. */
struct slice writer_text(const struct writer *w);

/* Our own words, as they are. */
void writer_put(struct writer *w, struct slice ours);
/*
 * Anybody's text: line ends and tabs become spaces, other control octets and
 * what is not UTF-8 "?".
 */
void writer_put_clean(struct writer *w, struct slice text);
/*
 * The same, folded between words: a line that would pass 76 octets goes on
 * after CRLF and indent (spaces). Runs of spaces become one; a word of more
 * than 200 octets is parted.
 */
void writer_put_folded(struct writer *w, struct slice text, size_t indent);

#endif
