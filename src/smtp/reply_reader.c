#include "smtp/reply_reader.h"

#include "base/mem.h"

#include <string.h>

struct reply_reader {
	char line[REPLY_READER_LINE_OCTETS];
	size_t line_n;
	char *text; /* of the lines before */
	size_t text_n;
	size_t text_room;
	unsigned lines;
	uint16_t code;
	bool is_done; /* the reply was given out: the next call begins anew */
};

struct reply_reader *reply_reader_new(void)
{
	return mem_new(sizeof(struct reply_reader));
}

void reply_reader_free(struct reply_reader **reader)
{
	if (*reader == NULL)
		return;
	mem_free(&(*reader)->text);
	mem_free(reader);
}

static void begin(struct reply_reader *r)
{
	r->line_n = 0;
	r->text_n = 0;
	r->lines = 0;
	r->code = 0;
	r->is_done = false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Adds text to the reply, as far as there is room. */
static void keep(struct reply_reader *r, struct slice text)
{
	size_t left = REPLY_READER_REPLY_OCTETS - r->text_n;

	text = slice_head(text, left);
	if (r->text_room - r->text_n < text.n) {
		r->text_room = r->text_n + text.n > 256
				       ? REPLY_READER_REPLY_OCTETS
				       : 256;
		r->text = mem_resize(r->text, r->text_room, 1);
	}
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		r->text[r->text_n++] =
			(char)((c < ' ' && c != '\n') || c == 127 ? '?' : c);
	}
}

/* Takes digits, three at most, from the start of *in. */
static bool take_number(struct slice *in, uint8_t *ret_number)
{
	unsigned value = 0;
	size_t n = 0;

	while (n < 3 && n < in->n && is_digit(in->p[n]))
		value = value * 10 + (unsigned)(in->p[n++] - '0');
	if (n == 0 || value > UINT8_MAX)
		return false;
	*in = slice_tail(*in, n);
	*ret_number = (uint8_t)value;
	return true;
}

static bool take_dot(struct slice *in)
{
	bool has_dot = in->n > 0 && in->p[0] == '.';

	if (has_dot)
		*in = slice_tail(*in, 1);
	return has_dot;
}

/* Takes "5.1.1 " from the start of *text, if it is there and its class is
 * that of the code (RFC 2034 4). */
static bool take_status(struct slice *text, uint16_t code,
			uint8_t ret_status[3])
{
	struct slice rest = *text;
	uint8_t status[3];

	if (!take_number(&rest, &status[0]) || !take_dot(&rest) ||
	    !take_number(&rest, &status[1]) || !take_dot(&rest) ||
	    !take_number(&rest, &status[2]) || status[0] != code / 100 ||
	    (rest.n > 0 && rest.p[0] != ' '))
		return false;
	*text = slice_tail(rest, 1);
	memcpy(ret_status, status, sizeof(status));
	return true;
}

/* "250-" or "250 " or "250": false if it is none of them. */
static bool read_code(struct slice line, uint16_t *ret_code, bool *ret_is_last)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' ||
	    !is_digit(line.p[1]) || !is_digit(line.p[2]) ||
	    (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
		return false;
	*ret_code = (uint16_t)((line.p[0] - '0') * 100 +
			       (line.p[1] - '0') * 10 + (line.p[2] - '0'));
	*ret_is_last = line.n == 3 || line.p[3] == ' ';
	return true;
}

static int take_line(struct reply_reader *r, struct slice line,
		     struct reply *ret_reply)
{
	struct reply reply = { .code = 0 };
	bool is_last;
	struct slice text = slice_tail(line, 4);

	if (!read_code(line, &reply.code, &is_last) ||
	    slice_find(line, '\r') < line.n ||
	    (r->lines > 0 && reply.code != r->code) ||
	    ++r->lines > REPLY_READER_LINES)
		return REPLY_READER_MALFORMED;
	r->code = reply.code;
	(void)take_status(&text, reply.code, reply.status);
	if (r->lines > 1)
		keep(r, S("\n"));
	keep(r, text);
	if (!is_last)
		return REPLY_READER_MORE;
	reply.text = (struct slice){ .p = r->text, .n = r->text_n };
	r->is_done = true;
	*ret_reply = reply;
	return REPLY_READER_DONE;
}

/* Adds octets of a line, with or without its end. */
static bool add_to_line(struct reply_reader *r, struct slice in)
{
	if (in.n > sizeof(r->line) - r->line_n)
		return false;
	if (in.n > 0)
		memcpy(r->line + r->line_n, in.p, in.n);
	r->line_n += in.n;
	return true;
}

/* The gathered line without its end; a server that forgets the CR is
 * understood, as nothing depends on it here. */
static struct slice end_line(struct reply_reader *r)
{
	struct slice line = { .p = r->line, .n = r->line_n - 1 };

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	r->line_n = 0;
	return line;
}

int reply_reader_feed(struct reply_reader *reader, struct slice in,
		      size_t *ret_consumed, struct reply *ret_reply)
{
	const size_t total = in.n;
	int result = REPLY_READER_MORE;

	if (reader->is_done)
		begin(reader);
	while (in.n > 0 && result == REPLY_READER_MORE) {
		size_t lf = slice_find(in, '\n');
		bool is_whole = lf < in.n;

		if (!add_to_line(reader, slice_head(in, lf + 1)))
			return REPLY_READER_MALFORMED;
		in = slice_tail(in, lf + 1);
		if (is_whole)
			result = take_line(reader, end_line(reader), ret_reply);
	}
	if (result != REPLY_READER_MALFORMED)
		*ret_consumed = total - in.n;
	return result;
}
