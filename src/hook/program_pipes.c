/* What a program reads and says. */
#include "base/file.h"
#include "base/mem.h"
#include "hook/program-private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	PIECE_OCTETS = 16 << 10,
	ERROR_OCTETS = 4 << 10, /* what is kept of standard error */
	DRAIN_PIECES = 8,       /* more than a pipe holds */
};

static void shut(int *fd, struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
	fd_close(fd);
}

/* --- its input -------------------------------------------------------------------------- */

/* CRLF becomes LF, wherever pieces part. */
static void add_piece(struct program *p, struct slice in, bool is_last)
{
	while (in.n > 0) {
		size_t n = slice_find(in, '\r');

		if (p->has_cr && in.p[0] != '\n')
			(void)evbuffer_add(p->input, "\r", 1);
		(void)evbuffer_add(p->input, in.p, n);
		p->has_cr = n < in.n;
		in = slice_tail(in, n + 1);
	}
	if (is_last && p->has_cr)
		(void)evbuffer_add(p->input, "\r", 1);
}

/* Returns false when the message cannot be read. */
static bool read_piece(struct program *p)
{
	char piece[PIECE_OCTETS];
	uint64_t left = p->source_octets - p->source_at;
	size_t want = left < sizeof(piece) ? (size_t)left : sizeof(piece);

	if (file_read_at(p->source_fd, piece, want, p->source_at) != 0)
		return false;
	p->source_at += want;
	add_piece(p, (struct slice){ piece, want },
		  p->source_at == p->source_octets);
	if (p->source_at == p->source_octets)
		fd_close(&p->source_fd);
	return true;
}

/* Returns whether there is more to write. Any failure but "later" means that
 * the program does not read on, as it may. */
static bool write_input(struct program *p, int fd)
{
	if (evbuffer_get_length(p->input) > 0 &&
	    evbuffer_write(p->input, fd) < 0 && errno != EAGAIN)
		return false;
	return evbuffer_get_length(p->input) > 0 || p->source_fd >= 0;
}

static void on_writable(int fd, short what, void *arg)
{
	struct program *p = arg;

	(void)what;
	if (evbuffer_get_length(p->input) == 0 && p->source_fd >= 0 &&
	    !read_piece(p))
		program_fail(p, PROGRAM_NO_INPUT);
	else if (!write_input(p, fd))
		shut(&p->in_fd, &p->on_writable);
}

/* --- its output --------------------------------------------------------------------------- */

/* Returns what read(2) does; what was read is at the end of to. */
static ssize_t read_output(int fd, struct evbuffer *to)
{
	char piece[PIECE_OCTETS];
	ssize_t n = read(fd, piece, sizeof(piece));

	if (n > 0)
		(void)evbuffer_add(to, piece, (size_t)n);
	return n;
}

/* Returns false when there is more than may be. */
static bool bound_output(struct program *p)
{
	size_t have = evbuffer_get_length(p->output);

	if (have <= PROGRAM_OUTPUT_OCTETS)
		return true;
	(void)evbuffer_drain(p->output, have - PROGRAM_OUTPUT_OCTETS);
	return p->keeps_tail;
}

static void bound_error(struct program *p)
{
	size_t have = evbuffer_get_length(p->error);
	char kept[ERROR_OCTETS];

	if (have <= sizeof(kept))
		return;
	(void)evbuffer_remove(p->error, kept, sizeof(kept));
	(void)evbuffer_drain(p->error, have);
	(void)evbuffer_add(p->error, kept, sizeof(kept));
}

static bool is_over(ssize_t n)
{
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void on_output(int fd, short what, void *arg)
{
	struct program *p = arg;
	ssize_t n = read_output(fd, p->output);

	(void)what;
	if (!bound_output(p))
		program_fail(p, PROGRAM_TOO_LOUD);
	else if (is_over(n))
		shut(&p->out_fd, &p->on_output);
}

static void on_error(int fd, short what, void *arg)
{
	struct program *p = arg;
	ssize_t n = read_output(fd, p->error);

	(void)what;
	bound_error(p);
	if (is_over(n))
		shut(&p->err_fd, &p->on_error);
}

bool program_pipes_drain(struct program *p)
{
	bool is_bounded = true;

	/* Who still holds the pipe may go on writing. */
	for (int i = 0; i < DRAIN_PIECES && is_bounded && p->out_fd >= 0 &&
			read_output(p->out_fd, p->output) > 0;
	     i++)
		is_bounded = bound_output(p);
	if (p->err_fd >= 0)
		(void)read_output(p->err_fd, p->error);
	bound_error(p);
	return is_bounded;
}

/* --- all of them ---------------------------------------------------------------------------- */

static struct event *watch(struct program *p, struct event_base *base, int fd,
			   short what, event_callback_fn fn)
{
	struct event *e =
		event_new(base, fd, (short)(what | EV_PERSIST), fn, p);

	assert(e != NULL);
	(void)event_add(e, NULL);
	return e;
}

void program_pipes_open(struct program *p, struct event_base *base)
{
	p->input = evbuffer_new();
	p->output = evbuffer_new();
	p->error = evbuffer_new();
	assert(p->input != NULL && p->output != NULL && p->error != NULL);
	p->on_writable = watch(p, base, p->in_fd, EV_WRITE, on_writable);
	p->on_output = watch(p, base, p->out_fd, EV_READ, on_output);
	p->on_error = watch(p, base, p->err_fd, EV_READ, on_error);
}

void program_pipes_free(struct program *p)
{
	struct evbuffer *buffers[] = { p->input, p->output, p->error };

	shut(&p->in_fd, &p->on_writable);
	shut(&p->out_fd, &p->on_output);
	shut(&p->err_fd, &p->on_error);
	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
		if (buffers[i] != NULL)
			evbuffer_free(buffers[i]);
	p->input = p->output = p->error = NULL;
}
