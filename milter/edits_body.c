#include "base/file.h"
#include "base/mem.h"
#include "milter/edits-private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { RUN_OCTETS = 32 << 10 };

void edit_body_init(struct edit_body *body)
{
	*body = (struct edit_body){ .fd = -1 };
}

void edit_body_done(struct edit_body *body)
{
	fd_close(&body->fd);
	mem_free(&body->run);
}

static int put_run_out(struct edit_body *body)
{
	const struct slice run = { body->run, body->run_n };

	body->run_n = 0;
	return file_write_at(body->fd, run, body->octets - run.n);
}

/* At most RUN_OCTETS. */
static int put(struct edit_body *body, struct slice octets)
{
	int error = 0;

	if (octets.n > RUN_OCTETS - body->run_n)
		error = put_run_out(body);
	memcpy(body->run + body->run_n, octets.p, octets.n);
	body->run_n += octets.n;
	body->octets += octets.n;
	body->is_open_line = octets.p[octets.n - 1] != '\n';
	return error;
}

/* Takes one line's text, or one line end, from *in. */
static int add_one(struct edit_body *body, struct slice *in)
{
	const char c = in->p[0];
	struct slice text;
	size_t n = 0;

	if (c == '\n' || body->is_after_cr) {
		body->is_after_cr = false;
		*in = slice_tail(*in, c == '\n');
		return put(body, S("\r\n"));
	}
	if (c == '\r') {
		body->is_after_cr = true;
		*in = slice_tail(*in, 1);
		return 0;
	}
	while (n < in->n && n < RUN_OCTETS && in->p[n] != '\r' &&
	       in->p[n] != '\n')
		n++;
	text = slice_head(*in, n);
	*in = slice_tail(*in, n);
	return put(body, text);
}

static int open_memfd(struct edit_body *body)
{
	if (body->fd >= 0)
		return 0;
	body->fd = memfd_create("body", MFD_CLOEXEC);
	if (body->fd < 0)
		return -errno;
	body->run = mem_new(RUN_OCTETS);
	return 0;
}

static bool is_unfinished(const struct edit_body *body)
{
	return body->is_after_cr || body->is_open_line;
}

/* The line end that edit_body_finish() will count lies there already, so that
 * there nothing can fail. */
static int flush(struct edit_body *body)
{
	int error = put_run_out(body);

	if (error == 0 && is_unfinished(body))
		error = file_write_at(body->fd, S("\r\n"), body->octets);
	return error;
}

enum milter_edit_result edit_body_add(struct edit_body *body,
				      struct slice octets, uint64_t limit)
{
	int error = open_memfd(body);

	while (error == 0 && octets.n > 0 && body->octets <= limit)
		error = add_one(body, &octets);
	if (error == 0)
		error = flush(body);
	if (error != 0)
		return MILTER_EDIT_NO_ROOM;
	return body->octets > limit ? MILTER_EDIT_TOO_BIG : MILTER_EDIT_TAKEN;
}

void edit_body_finish(struct edit_body *body)
{
	if (is_unfinished(body))
		body->octets += 2;
	body->is_after_cr = body->is_open_line = false;
}
