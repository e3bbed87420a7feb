#include "milter/outbox.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { KEPT_OCTETS = 256 << 10 }; /* what a larger burst took is given back */

void milter_outbox_clear(struct milter_outbox *o)
{
	mem_free(&o->writer.p);
	*o = (struct milter_outbox){ .sent = 0 };
}

size_t milter_outbox_unsent(const struct milter_outbox *o)
{
	return o->writer.n - o->sent;
}

static void forget_sent(struct milter_outbox *o)
{
	struct milter_writer *w = &o->writer;

	if (o->sent < w->n)
		memmove(w->p, w->p + o->sent, w->n - o->sent);
	w->n -= o->sent;
	o->sent = 0;
	if (w->n == 0 && w->room > KEPT_OCTETS)
		milter_outbox_clear(o);
}

size_t milter_outbox_send(struct milter_outbox *o, int fd)
{
	size_t n = milter_outbox_unsent(o);
	ssize_t r;

	if (n == 0 || o->is_closed)
		return 0;
	r = send(fd, o->writer.p + o->sent, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (r < 0) {
		o->is_closed = errno != EAGAIN && errno != EINTR;
		return 0;
	}
	o->sent += (size_t)r;
	/* Not octet by octet: what is moved is less than what was sent. */
	if (milter_outbox_unsent(o) <= o->sent)
		forget_sent(o);
	return (size_t)r;
}
