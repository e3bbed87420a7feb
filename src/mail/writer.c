#include "mail/writer.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistr.h>

enum { LINE_OCTETS = 76, WORD_OCTETS = 200, FIRST_ROOM = 4096 };

void writer_done(struct writer *w)
{
	mem_free(&w->p);
	*w = (struct writer){ .p = NULL };
}

struct slice writer_text(const struct writer *w)
{
	return (struct slice){ .p = w->p, .n = w->n };
}

void writer_put(struct writer *w, struct slice ours)
{
	if (w->room - w->n < ours.n) {
		size_t room = w->room > 0 ? w->room : FIRST_ROOM;

		while (room - w->n < ours.n)
			room *= 2;
		w->p = mem_resize(w->p, room, 1);
		w->room = room;
	}
	if (ours.n > 0)
		memcpy(w->p + w->n, ours.p, ours.n);
	w->n += ours.n;
}

static void put_ascii(struct writer *w, char c)
{
	if (c == '\r' || c == '\n' || c == '\t')
		c = ' ';
	else if ((unsigned char)c < ' ' || (unsigned char)c >= 127)
		c = '?';
	writer_put(w, (struct slice){ &c, 1 });
}

/* The character at the start of s, which is beyond ASCII. Returns its octets,
 * or 1 for what is none. */
static size_t put_beyond(struct writer *w, struct slice s)
{
	ucs4_t c;
	int n = u8_mbtoucr(&c, (const uint8_t *)s.p, s.n);

	if (n < 2 || c < 0xa0) { /* U+0080 and so on are controls */
		put_ascii(w, '?');
		return n < 2 ? 1 : (size_t)n;
	}
	if (w->keeps_utf8) {
		writer_put(w, slice_head(s, (size_t)n));
	} else {
		char text[16];

		(void)snprintf(text, sizeof(text), "\\x{%02X}", (unsigned)c);
		writer_put(w, slice_of(text));
	}
	return (size_t)n;
}

void writer_put_clean(struct writer *w, struct slice text)
{
	while (text.n > 0) {
		size_t n = 1;

		if ((unsigned char)text.p[0] > 127)
			n = put_beyond(w, text);
		else
			put_ascii(w, text.p[0]);
		text = slice_tail(text, n);
	}
}

/* Octets since the last line end. */
static size_t column(const struct writer *w)
{
	struct slice text = writer_text(w);
	size_t lf = slice_find_last(text, '\n');

	return lf < text.n ? text.n - lf - 1 : text.n;
}

static void begin_line(struct writer *w, size_t indent)
{
	static const char spaces[] = "        ";

	assert(indent < sizeof(spaces));
	writer_put(w, S("\r\n"));
	writer_put(w, (struct slice){ spaces, indent });
}

/* Takes the first word, or as much of it as goes on one line. */
static struct slice take_word(struct slice *text)
{
	size_t n = slice_find(*text, ' ');
	struct slice word;

	if (n > WORD_OCTETS) {
		n = WORD_OCTETS;
		while (n > 1 && ((unsigned char)text->p[n] & 0xc0) == 0x80)
			n--;
	}
	word = slice_head(*text, n);
	*text = slice_tail(*text, n);
	return word;
}

void writer_put_folded(struct writer *w, struct slice text, size_t indent)
{
	struct writer clean = { .keeps_utf8 = w->keeps_utf8 };
	struct slice rest;
	bool is_first = true;

	writer_put_clean(&clean, text);
	rest = writer_text(&clean);
	for (;;) {
		struct slice word;

		while (rest.n > 0 && rest.p[0] == ' ')
			rest = slice_tail(rest, 1);
		if (rest.n == 0)
			break;
		word = take_word(&rest);
		if (!is_first && column(w) + 1 + word.n > LINE_OCTETS)
			begin_line(w, indent);
		else if (!is_first)
			writer_put(w, S(" "));
		writer_put(w, word);
		is_first = false;
	}
	writer_done(&clean);
}
