/* sendmail -bs: SMTP on standard input and output, passed on to culverd. */
#include "base/mem.h"
#include "ctl/dialog.h"
#include "ctl/sendmail.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { PIECE_OCTETS = 16384 };

static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		p += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

static bool write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t written = write(STDOUT_FILENO, p, n);

		if (written < 0 && errno != EINTR)
			return false;
		p += written > 0 ? written : 0;
		n -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

/* Who types or writes LF means CRLF; culverd takes nothing else. *last is the
 * octet before. Returns false at the end. */
static bool pass_input(int fd, char *last)
{
	char in[PIECE_OCTETS], out[2 * PIECE_OCTETS];
	ssize_t n = read(STDIN_FILENO, in, sizeof(in));
	size_t k = 0;

	if (n < 0 && errno == EINTR)
		return true;
	for (ssize_t i = 0; i < n; i++) {
		if (in[i] == '\n' && *last != '\r')
			out[k++] = '\r';
		out[k++] = *last = in[i];
	}
	return n > 0 && send_all(fd, out, k);
}

static bool pass_output(int fd)
{
	char piece[PIECE_OCTETS];
	ssize_t n = recv(fd, piece, sizeof(piece), 0);

	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && write_all(piece, (size_t)n);
}

static void pass(int fd)
{
	struct pollfd p[] = { { .fd = fd, .events = POLLIN },
			      { .fd = STDIN_FILENO, .events = POLLIN } };
	char last = '\0';

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		if (p[0].revents != 0 && !pass_output(fd))
			return;
		if (p[1].revents != 0 && !pass_input(fd, &last)) {
			(void)shutdown(fd, SHUT_WR);
			p[1].fd = -1; /* the answers still come */
		}
	}
}

int sendmail_stdio(const struct sendmail *m)
{
	AUTO(fd_close) int fd = dialog_connect(&m->ctl);

	if (fd < 0) {
		(void)puts("421 4.3.2 culverd is away\r");
		ctl_complain("culverd is away: %s", strerror(-fd));
		fd = -1; /* no errno to be closed */
		return EX_TEMPFAIL;
	}
	pass(fd);
	return EX_OK;
}
