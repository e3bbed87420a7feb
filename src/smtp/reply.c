#include "smtp/reply.h"

#include <stdio.h>
#include <string.h>

enum {
	REPLY_LINE_OCTETS = 512, /* with CRLF; RFC 5321 4.5.3.1.5 */
	HEAD_OCTETS = 24,        /* the codes, CRLF and snprintf()'s NUL */
};

#define REPLY(name, code_, class, subject, detail, close_, text_)              \
	const struct reply REPLY_##name = {                                    \
		.code = (code_),                                               \
		.status = { (class), (subject), (detail) },                    \
		.close = (close_),                                             \
		.text = SLICE(text_),                                          \
	};
#include "smtp/replies.def"
#undef REPLY

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

/* line, cut before the character that would pass room octets. */
static struct slice fit(struct slice line, size_t room)
{
	if (line.n <= room)
		return line;
	while (room > 0 && ((unsigned char)line.p[room] & 0xc0) == 0x80)
		room--;
	return slice_head(line, room);
}

/* Appends line as it may be sent: no controls, no broken UTF-8. */
static size_t put_text(char *out, struct slice line)
{
	bool is_utf8 = slice_is_utf8(line);

	for (size_t i = 0; i < line.n; i++) {
		bool bad = is_control(line.p[i]) ||
			   (!is_utf8 && (unsigned char)line.p[i] > 127);

		out[i] = line.p[i];
		if (bad)
			out[i] = '?';
	}
	return line.n;
}

/* out has room for HEAD_OCTETS and the line. */
static size_t put_line(char *out, const struct reply *r, struct slice line,
		       bool is_last)
{
	const char mark = is_last ? ' ' : '-';
	size_t n;

	if (r->status[0] != 0)
		n = (size_t)snprintf(out, HEAD_OCTETS, "%03u%c%u.%u.%u ",
				     r->code, mark, r->status[0], r->status[1],
				     r->status[2]);
	else
		n = (size_t)snprintf(out, HEAD_OCTETS, "%03u%c", r->code, mark);
	n += put_text(out + n, fit(line, REPLY_LINE_OCTETS - 2 - n));
	if (out[n - 1] == ' ') /* RFC 5321 4.2: no text, no space */
		n--;
	out[n++] = '\r';
	out[n++] = '\n';
	return n;
}

static size_t count_lines(struct slice text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	return lines;
}

struct slice reply_format(const struct reply *r, struct arena *arena)
{
	struct slice text = r->text, line;
	char *out =
		arena_alloc(arena, text.n + count_lines(text) * HEAD_OCTETS);
	bool more = true;
	size_t n = 0;

	while (more) {
		more = slice_cut(text, '\n', &line, &text);
		n += put_line(out + n, r, line, !more);
	}
	return (struct slice){ .p = out, .n = n };
}

bool reply_is_positive(const struct reply *r)
{
	return r->code >= 200 && r->code < 400;
}

bool reply_is_transient(const struct reply *r)
{
	return r->code >= 400 && r->code < 500;
}

bool reply_is_permanent(const struct reply *r)
{
	return r->code >= 500 && r->code < 600;
}
