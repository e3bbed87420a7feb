/* sendmail_read_input() of sendmail.h. */
#include "base/mem.h"
#include "ctl/sendmail.h"
#include "smtp/data.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { READ_OCTETS = 65536 };

struct input {
	char *octets;
	size_t n, room;
	size_t line;       /* where the line at hand begins */
	bool is_after_cr;  /* one or more */
	bool is_in_header; /* no empty line yet */
	bool ignores_dots;
	bool is_over; /* the lone dot */
};

static void put(struct input *in, char c)
{
	if (in->n == in->room) {
		in->room = in->room * 2 + READ_OCTETS;
		in->octets = mem_resize(in->octets, in->room, 1);
	}
	in->octets[in->n++] = c;
}

static void end_line(struct input *in)
{
	size_t length = in->n - in->line;

	in->is_after_cr = false;
	if (!in->ignores_dots && length == 1 && in->octets[in->line] == '.') {
		in->n = in->line;
		in->is_over = true;
		return;
	}
	if (length == 0)
		in->is_in_header = false;
	put(in, '\r');
	put(in, '\n');
	in->line = in->n;
}

/* What programs print to draw over a line is a line of its own; in a header a
 * line more would be a field more. */
static void end_cr(struct input *in)
{
	if (in->is_in_header)
		put(in, ' ');
	else
		end_line(in);
	in->is_after_cr = false;
}

static void take(struct input *in, char c)
{
	if (c == '\n') {
		end_line(in);
		return;
	}
	if (c == '\r') {
		in->is_after_cr = true;
		return;
	}
	if (in->is_after_cr)
		end_cr(in);
	if (in->is_over || c == '\0')
		return;
	put(in, c);
	if (!in->is_in_header &&
	    in->n - in->line + sizeof("\r\n") > DATA_LINE_OCTETS)
		end_line(in);
}

static void finish(struct input *in)
{
	if (!in->is_over && (in->is_after_cr || in->n > in->line))
		end_line(in);
}

int sendmail_read_input(int fd, bool ignores_dots, struct slice *ret_message)
{
	struct input in = { .ignores_dots = ignores_dots,
			    .is_in_header = true };
	char piece[READ_OCTETS];
	ssize_t got = 1;

	while (!in.is_over && in.n <= SENDMAIL_OCTETS) {
		got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got && !in.is_over; i++)
			take(&in, piece[i]);
	}
	if (got < 0 || in.n > SENDMAIL_OCTETS) {
		mem_free(&in.octets);
		return got < 0 ? -errno : -EFBIG;
	}
	finish(&in);
	*ret_message = (struct slice){ in.octets, in.n };
	return 0;
}
