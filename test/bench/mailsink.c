/*
 * mailsink: a server of LMTP (RFC 2033), and of SMTP without TLS, that keeps
 * nothing and counts what came. One thread, epoll. A message carries
 * "X-Bench: RUN ID START_NS" in its first 16 KiB; see counts.h for what is
 * noted.
 *
 *   mailsink [-d] [-r] [-s ADDRESS] COUNTS PATH
 *     -d  offers DATA only, as if CHUNKING (RFC 3030) did not exist
 *     -r  refuses every recipient with 450 until the harness says otherwise
 *     -s  SMTP at port 25 of that address, as LMTP at PATH
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "counts.h"

enum { INPUT = 65536, HEAD = 16384, OUTPUT = 8192, SMTP_PORT = 25 };

enum phase { PHASE_COMMAND, PHASE_DATA, PHASE_CHUNK };

struct session {
	int fd;
	bool is_smtp;
	enum phase phase;
	unsigned int recipients;
	size_t chunk_left;
	bool chunk_is_last;
	unsigned int dot; /* octets of CRLF.CRLF seen */
	size_t in_n, head_n, out_n;
	char in[INPUT], head[HEAD], out[OUTPUT];
};

static struct counts *counts;
static int epoll_fd, lmtp_fd, smtp_fd = -1;
static uint64_t now_open;
static bool offers_chunking = true;

static void session_free(struct session *s)
{
	close(s->fd);
	free(s);
	now_open--;
}

/* Replies are short and their reader waits for them: it never blocks long. */
static bool flush(struct session *s)
{
	size_t at = 0;

	while (at < s->out_n) {
		ssize_t n =
			send(s->fd, s->out + at, s->out_n - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN || usleep(50) != 0)
			return false;
	}
	s->out_n = 0;
	return true;
}

static void reply(struct session *s, const char *text)
{
	size_t n = strlen(text);

	if (s->out_n + n > OUTPUT && !flush(s))
		return;
	memcpy(s->out + s->out_n, text, n);
	s->out_n += n;
}

static void note(struct session *s)
{
	unsigned long long run, id, start;
	uint64_t now = clock_ns();
	char *at;

	s->head[s->head_n < HEAD ? s->head_n : HEAD - 1] = '\0';
	at = strstr(s->head, "X-Bench: ");
	if (at == NULL ||
	    sscanf(at + 9, "%llu %llu %llu", &run, &id, &start) != 3 ||
	    run != counts->run || id >= COUNTS_MESSAGES) {
		counts->unknown++;
	} else if (counts->latency_us[id] != 0) {
		counts->twice++;
	} else {
		counts->latency_us[id] = (uint32_t)((now - start) / 1000 + 1);
		counts->delivered++;
		counts->last_ns = now;
	}
}

static void end_message(struct session *s)
{
	if (s->recipients > 0)
		note(s);
	if (s->is_smtp)
		s->recipients = 1; /* one reply for all */
	for (unsigned int i = 0; i < s->recipients; i++)
		reply(s, "250 2.0.0 Delivered\r\n");
	s->recipients = 0;
	s->head_n = 0;
	s->phase = PHASE_COMMAND;
}

static void keep_head(struct session *s, const char *p, size_t n)
{
	size_t room = HEAD - s->head_n;

	if (n > room)
		n = room;
	memcpy(s->head + s->head_n, p, n);
	s->head_n += n;
}

/* Each of these eats what it can of the input and returns how much. */
static size_t eat_chunk(struct session *s, const char *p, size_t n)
{
	if (n > s->chunk_left)
		n = s->chunk_left;
	keep_head(s, p, n);
	s->chunk_left -= n;
	if (s->chunk_left > 0)
		return n;
	s->phase = PHASE_COMMAND;
	if (s->recipients == 0)
		reply(s, "503 5.5.1 No recipients\r\n");
	else if (s->chunk_is_last)
		end_message(s);
	else
		reply(s, "250 2.0.0 Go on\r\n");
	return n;
}

static size_t eat_data(struct session *s, const char *p, size_t n)
{
	static const char end[] = "\r\n.\r\n";
	size_t i = 0;

	while (i < n && s->dot < 5) {
		if (s->dot == 0) { /* the fast way to the next CR */
			const char *cr = memchr(p + i, '\r', n - i);

			i = cr == NULL ? n : (size_t)(cr - p) + 1;
			s->dot = cr != NULL;
		} else if (p[i] == end[s->dot]) {
			s->dot++;
			i++;
		} else {
			s->dot = p[i] == '\r';
			i += s->dot;
		}
	}
	keep_head(s, p, i);
	if (s->dot == 5)
		end_message(s);
	return i;
}

static void begin_chunk(struct session *s, const char *arguments)
{
	char last[8] = "";

	if (sscanf(arguments, "%zu %7s", &s->chunk_left, last) < 1) {
		reply(s, "501 5.5.4 BDAT what\r\n");
		return;
	}
	s->chunk_is_last = strncasecmp(last, "LAST", 4) == 0;
	s->phase = PHASE_CHUNK;
	if (s->chunk_left == 0)
		eat_chunk(s, "", 0);
}

static void begin_data(struct session *s)
{
	if (s->recipients == 0) {
		reply(s, "503 5.5.1 No recipients\r\n");
		return;
	}
	reply(s, "354 Go on\r\n");
	s->phase = PHASE_DATA;
	s->dot = 2;
}

static void take_recipient(struct session *s)
{
	if (counts->refuse != 0) {
		counts->refused++;
		reply(s, "450 4.2.0 Not now\r\n");
	} else {
		s->recipients++;
		reply(s, "250 2.1.5 OK\r\n");
	}
}

/* False: the session is over. */
static bool command(struct session *s, const char *line)
{
	if (strncasecmp(line, s->is_smtp ? "EHLO" : "LHLO", 4) == 0) {
		reply(s, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
			 "250-ENHANCEDSTATUSCODES\r\n");
		reply(s, offers_chunking ? "250 CHUNKING\r\n" : "250 SIZE\r\n");
	} else if (strncasecmp(line, "RCPT", 4) == 0) {
		take_recipient(s);
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		begin_data(s);
	} else if (strncasecmp(line, "BDAT", 4) == 0 && offers_chunking) {
		begin_chunk(s, line + 4);
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		reply(s, "221 2.0.0 Bye\r\n");
		return false;
	} else if (strncasecmp(line, "MAIL", 4) == 0 ||
		   strncasecmp(line, "RSET", 4) == 0) {
		s->recipients = 0;
		s->head_n = 0;
		reply(s, "250 2.0.0 OK\r\n");
	} else if (strncasecmp(line, "NOOP", 4) == 0) {
		reply(s, "250 2.0.0 OK\r\n");
	} else {
		reply(s, "502 5.5.1 What\r\n");
	}
	return true;
}

/* Returns what one step ate, 0: more is needed, -1: the session is over. */
static ssize_t step(struct session *s, char *p, size_t n)
{
	char *end;

	switch (s->phase) {
	case PHASE_DATA:
		return (ssize_t)eat_data(s, p, n);
	case PHASE_CHUNK:
		return (ssize_t)eat_chunk(s, p, n);
	case PHASE_COMMAND:
		break;
	}
	end = memchr(p, '\n', n);
	if (end == NULL)
		return n == INPUT ? -1 : 0;
	*end = '\0';
	return command(s, p) ? end + 1 - p : -1;
}

static bool session_read(struct session *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_n, INPUT - s->in_n, 0);
	size_t at = 0;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	s->in_n += (size_t)n;
	n = 1;
	while (n > 0 && at < s->in_n) {
		n = step(s, s->in + at, s->in_n - at);
		if (n > 0)
			at += (size_t)n;
	}
	s->in_n -= at;
	memmove(s->in, s->in + at, s->in_n);
	return flush(s) && n >= 0;
}

static void accept_all(int listener)
{
	const int one = 1;

	for (;;) {
		int fd = accept4(listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct session *s;
		struct epoll_event event = { .events = EPOLLIN };

		if (fd < 0)
			return;
		s = calloc(1, sizeof(*s));
		if (s == NULL)
			abort();
		s->fd = fd;
		s->is_smtp = listener == smtp_fd;
		if (s->is_smtp)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				   sizeof(one));
		event.data.ptr = s;
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
		counts->sessions++;
		if (++now_open > counts->most_open)
			counts->most_open = now_open;
		reply(s, "220 sink ESMTP\r\n");
		if (!flush(s))
			session_free(s);
	}
}

static int listen_lmtp(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path))
		return -1;
	strcpy(at.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    chmod(path, 0666) != 0 || listen(fd, 4096) != 0)
		return -1;
	return fd;
}

static int listen_smtp(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(SMTP_PORT) };
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, 4096) != 0)
		return -1;
	return fd;
}

static bool map_counts(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*counts)) != 0)
		return false;
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	close(fd);
	return counts != MAP_FAILED;
}

/* An event carries its session, or where the descriptor of a listener is. */
static void watch_listener(int *listener)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = listener };

	if (*listener >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *listener, &event);
}

static void serve(void)
{
	struct epoll_event events[256];

	watch_listener(&lmtp_fd);
	watch_listener(&smtp_fd);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 256, -1);

		for (int i = 0; i < n; i++) {
			void *at = events[i].data.ptr;

			if (at == &lmtp_fd || at == &smtp_fd)
				accept_all(*(int *)at);
			else if (!session_read(at))
				session_free(at);
		}
	}
}

int main(int argc, char **argv)
{
	const char *address = NULL;
	bool refuses = false;
	int option;

	while ((option = getopt(argc, argv, "drs:")) != -1) {
		offers_chunking = offers_chunking && option != 'd';
		refuses = refuses || option == 'r';
		address = option == 's' ? optarg : address;
	}
	if (argc != optind + 2) {
		fprintf(stderr,
			"usage: mailsink [-d] [-r] [-s ADDRESS] COUNTS PATH\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	lmtp_fd = listen_lmtp(argv[optind + 1]);
	if (address != NULL)
		smtp_fd = listen_smtp(address);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (lmtp_fd < 0 || (address != NULL && smtp_fd < 0) || epoll_fd < 0 ||
	    !map_counts(argv[optind])) {
		perror("mailsink");
		return 1;
	}
	counts->refuse = refuses;
	serve();
}
