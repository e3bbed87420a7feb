#include "lmtp/dots.h"

#include <string.h>

static size_t put(char *out, const char *p, size_t n)
{
	if (n > 0)
		memcpy(out, p, n);
	return n;
}

/* Octets up to the first CR or LF, or all. */
static size_t line_octets(struct slice in)
{
	return slice_find(slice_head(in, slice_find(in, '\n')), '\r');
}

/* What becomes of a line's end at the start of in; *in moves on. */
static size_t put_line_end(struct lmtp_dots *dots, struct slice *in, char *out)
{
	bool is_cr = *in->p == '\r';

	*in = slice_tail(*in, 1);
	dots->is_cr_pending = is_cr;
	dots->is_in_line = is_cr;
	return is_cr ? put(out, "\r", 1) : put(out, "\r\n", 2);
}

/* The LF that the CR before in makes a line's end with, in's own or ours. */
static size_t put_pending(struct lmtp_dots *dots, struct slice *in, char *out)
{
	if (!dots->is_cr_pending)
		return 0;
	dots->is_cr_pending = dots->is_in_line = false;
	if (*in->p == '\n')
		*in = slice_tail(*in, 1);
	return put(out, "\n", 1);
}

size_t lmtp_dots_encode(struct lmtp_dots *dots, struct slice in, char *out)
{
	size_t n = 0;

	while (in.n > 0) {
		size_t line;

		n += put_pending(dots, &in, out + n);
		line = line_octets(in);
		if (!dots->is_in_line && in.n > 0 && *in.p == '.')
			n += put(out + n, ".", 1);
		n += put(out + n, in.p, line);
		if (line > 0)
			dots->is_in_line = true;
		in = slice_tail(in, line);
		if (in.n > 0)
			n += put_line_end(dots, &in, out + n);
	}
	return n;
}

size_t lmtp_dots_end(const struct lmtp_dots *dots, char *out)
{
	size_t n = 0;

	if (dots->is_cr_pending)
		n += put(out, "\n", 1);
	else if (dots->is_in_line)
		n += put(out, "\r\n", 2);
	return n + put(out + n, ".\r\n", 3);
}
