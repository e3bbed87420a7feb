#include "ctl/dialog.h"

#include "base/mem.h"
#include "ctl/ask.h"
#include "smtp/reply_reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum {
	/* RFC 5321 4.5.3.2.6: filters may take their time. */
	TIMEOUT_S = 600,
	PATH_OCTETS = 4096,
	BUFFER_OCTETS = 16384,
};

struct dialog {
	int fd;
	bool is_verbose;
	bool is_lost;
	struct reply_reader *reader;
	struct reply reply;
	size_t out_octets;
	struct slice unread; /* of in */
	char out[BUFFER_OCTETS];
	char in[BUFFER_OCTETS];
};

static const struct reply lost = {
	.code = 421,
	.status = { 4, 4, 2 },
	.text = SLICE("culverd hung up"),
};

int dialog_connect(const struct ctl *ctl)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[PATH_OCTETS];
	AUTO(fd_close) int fd = -1;
	int ret;

	ask_run_path(ctl, "submit.sock", path, sizeof(path));
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
			 sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
			 sizeof(timeout));
	ret = fd;
	fd = -1;
	return ret;
}

struct dialog *dialog_new(int fd, bool is_verbose)
{
	struct dialog *d = mem_new(sizeof(*d));

	d->fd = fd;
	d->is_verbose = is_verbose;
	d->reader = reply_reader_new();
	return d;
}

void dialog_free(struct dialog **dialog)
{
	if (*dialog == NULL)
		return;
	fd_close(&(*dialog)->fd);
	reply_reader_free(&(*dialog)->reader);
	mem_free(dialog);
}

static void flush(struct dialog *d)
{
	size_t at = 0;

	while (at < d->out_octets && !d->is_lost) {
		ssize_t n = send(d->fd, d->out + at, d->out_octets - at,
				 MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			d->is_lost = true; /* what it said can still be read */
		at += n > 0 ? (size_t)n : 0;
	}
	d->out_octets = 0;
}

void dialog_send(struct dialog *d, struct slice octets)
{
	while (octets.n > 0) {
		size_t n = sizeof(d->out) - d->out_octets;

		if (n > octets.n)
			n = octets.n;
		memcpy(d->out + d->out_octets, octets.p, n);
		d->out_octets += n;
		octets = slice_tail(octets, n);
		if (d->out_octets == sizeof(d->out))
			flush(d);
	}
}

/* Returns false at the end. */
static bool receive(struct dialog *d)
{
	ssize_t n;

	do
		n = recv(d->fd, d->in, sizeof(d->in), 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	d->unread = (struct slice){ d->in, (size_t)n };
	return true;
}

static void show(const struct dialog *d)
{
	if (!d->is_verbose)
		return;
	(void)printf("<- %u %.*s\n", (unsigned)d->reply.code,
		     (int)d->reply.text.n,
		     d->reply.text.n > 0 ? d->reply.text.p : "");
	(void)fflush(stdout);
}

const struct reply *dialog_read(struct dialog *d)
{
	int result = REPLY_READER_MORE;

	flush(d);
	while (result == REPLY_READER_MORE) {
		size_t consumed;

		if (d->unread.n == 0 && !receive(d))
			break;
		result = reply_reader_feed(d->reader, d->unread, &consumed,
					   &d->reply);
		d->unread = slice_tail(d->unread, consumed);
	}
	if (result != REPLY_READER_DONE)
		d->reply = lost;
	show(d);
	return &d->reply;
}

const struct reply *dialog_say(struct dialog *d, struct slice line)
{
	if (d->is_verbose)
		(void)printf("-> %.*s\n", (int)line.n, line.p);
	dialog_send(d, line);
	dialog_send(d, S("\r\n"));
	return dialog_read(d);
}
