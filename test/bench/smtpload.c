/*
 * smtpload: sends mail as fast as a server takes it, or holds idle
 * connections. One thread, epoll; MAIL, RCPT and DATA are always pipelined
 * (RFC 2920). Prints one line of JSON. A message that is not accepted is
 * counted and not sent again.
 *
 *   smtpload [-p PORT] [-n MESSAGES] [-c CONNECTIONS] [-m MESSAGES_EACH]
 *            [-s OCTETS] [-u USERS] [-r RUN] [-T] [-a USER:PASSWORD]
 *            [-D SECONDS] [-I] [-B ADDRESSES] [-t DOMAIN]
 *     -m  messages of one connection; 0, the default: it is kept
 *     -T  STARTTLS    -a  AUTH PLAIN    -D  gives up after that time
 *     -I  idle: after EHLO every connection is held until stdin ends; a line
 *         is printed when all are there and another at the end
 *     -t  of the recipients: u0, u1 and so on, as many as there are users
 *     -B  client addresses, 127.1.0.1 and following
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counts.h"

enum { INPUT = 4096, COMMAND = 1024, GROUP = 3, OPENING = 200 };

enum state {
	ST_GREETING,
	ST_EHLO,
	ST_STARTTLS,
	ST_HANDSHAKE,
	ST_EHLO_AGAIN,
	ST_AUTH,
	ST_ENVELOPE, /* replies to MAIL, RCPT, DATA */
	ST_MESSAGE,  /* the reply to the dot */
	ST_QUIT,
	ST_IDLE,
};

struct connection {
	int fd;
	enum state state;
	SSL *tls;
	long id;     /* of the message it sends */
	long sent;   /* messages of this connection */
	int replies; /* still to come of the group */
	bool awaits_room;
	uint64_t opened_ns, begun_ns, ended_ns;
	struct {
		const char *p;
		size_t n;
	} out[3]; /* what is to be written: command, or head, body, dot */
	size_t in_n;
	char in[INPUT], text[COMMAND];
};

struct samples {
	uint32_t *us;
	size_t n, room;
};

static struct {
	struct sockaddr_in server;
	long messages, connections, each, users, addresses;
	size_t octets;
	unsigned long long run;
	bool tls, idle;
	const char *login, *domain;
	double limit_s;
	char auth[256];
	char *body;
} options = { .messages = 1,
	      .connections = 1,
	      .users = 1,
	      .octets = 4096,
	      .domain = "bench.test",
	      .limit_s = 60 };

static int epoll_fd;
static SSL_CTX *tls_context;
static long next_id, now_open, now_opening, accepted, failed, held, sessions;
static uint64_t last_ns;
static char last_error[128];
static struct samples greetings, transactions, dots;

static void sample(struct samples *s, uint64_t since_ns)
{
	if (s->n == s->room) {
		s->room = s->room * 2 + 1024;
		s->us = realloc(s->us, s->room * sizeof(*s->us));
		if (s->us == NULL)
			abort();
	}
	s->us[s->n++] = (uint32_t)((clock_ns() - since_ns) / 1000);
}

/* --- writing ------------------------------------------------------------- */

static ssize_t write_some(struct connection *c, const char *p, size_t n,
			  bool more)
{
	ssize_t done;

	if (c->tls == NULL || c->state == ST_STARTTLS) {
		done = send(c->fd, p, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
		return done < 0 && errno == EAGAIN ? 0 : done;
	}
	ERR_clear_error();
	done = SSL_write(c->tls, p, n > 16384 ? 16384 : (int)n);
	if (done > 0)
		return done;
	return SSL_get_error(c->tls, (int)done) == SSL_ERROR_WANT_WRITE ? 0
									: -1;
}

static void watch(struct connection *c, bool for_room)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (c->awaits_room == for_room)
		return;
	c->awaits_room = for_room;
	if (for_room)
		event.events |= EPOLLOUT;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static bool write_out(struct connection *c)
{
	for (int i = 0; i < 3; i++) {
		while (c->out[i].n > 0) {
			bool more = i < 2 && c->out[i + 1].n > 0;
			ssize_t n =
				write_some(c, c->out[i].p, c->out[i].n, more);

			if (n < 0)
				return false;
			if (n == 0) {
				watch(c, true);
				return true;
			}
			c->out[i].p += n;
			c->out[i].n -= (size_t)n;
		}
	}
	watch(c, false);
	return true;
}

static bool say(struct connection *c, enum state state, const char *text)
{
	c->state = state;
	c->out[0].p = text;
	c->out[0].n = strlen(text);
	return write_out(c);
}

/* --- the dialog; false: this connection is over ---------------------------- */

static bool begin_message(struct connection *c)
{
	if (next_id >= options.messages ||
	    (options.each > 0 && c->sent >= options.each))
		return say(c, ST_QUIT, "QUIT\r\n");
	c->id = next_id++;
	c->sent++;
	c->replies = GROUP;
	c->begun_ns = clock_ns();
	snprintf(c->text, COMMAND,
		 "MAIL FROM:<u0@bench.test>\r\n"
		 "RCPT TO:<u%ld@%s>\r\nDATA\r\n",
		 c->id % options.users, options.domain);
	return say(c, ST_ENVELOPE, c->text);
}

static bool send_message(struct connection *c)
{
	snprintf(c->text, COMMAND,
		 "From: <u0@bench.test>\r\nTo: <u%ld@%s>\r\n"
		 "Subject: message %ld\r\n"
		 "Date: Sat, 1 Aug 2026 12:00:00 +0000\r\n"
		 "Message-ID: <%llu.%ld@load.test>\r\n"
		 "X-Bench: %llu %ld %llu\r\n\r\n",
		 c->id % options.users, options.domain, c->id, options.run,
		 c->id, options.run, c->id, (unsigned long long)c->begun_ns);
	c->out[1].p = options.body;
	c->out[1].n = options.octets;
	c->out[2].p = ".\r\n";
	c->out[2].n = 3;
	c->ended_ns = clock_ns();
	return say(c, ST_MESSAGE, c->text);
}

static bool begin_mail(struct connection *c)
{
	if (!options.idle)
		return begin_message(c);
	c->state = ST_IDLE;
	held++;
	now_opening--;
	return true;
}

static bool handshake(struct connection *c)
{
	int done, error;

	ERR_clear_error();
	done = SSL_do_handshake(c->tls);
	if (done == 1)
		return say(c, ST_EHLO_AGAIN, "EHLO load.test\r\n");
	error = SSL_get_error(c->tls, done);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool start_tls(struct connection *c)
{
	c->tls = SSL_new(tls_context);
	if (c->tls == NULL || SSL_set_fd(c->tls, c->fd) != 1)
		return false;
	SSL_set_connect_state(c->tls);
	c->state = ST_HANDSHAKE;
	return handshake(c);
}

static bool log_in(struct connection *c)
{
	return options.login == NULL ? begin_mail(c)
				     : say(c, ST_AUTH, options.auth);
}

static int wanted_code(const struct connection *c)
{
	switch (c->state) {
	case ST_GREETING:
	case ST_STARTTLS:
		return 220;
	case ST_AUTH:
		return 235;
	case ST_ENVELOPE:
		return c->replies == 1 ? 354 : 250;
	case ST_QUIT:
		return 221;
	case ST_EHLO:
	case ST_EHLO_AGAIN:
	case ST_MESSAGE:
	case ST_HANDSHAKE:
	case ST_IDLE:
		break;
	}
	return 250;
}

static bool proceed(struct connection *c)
{
	switch (c->state) {
	case ST_GREETING:
		sample(&greetings, c->opened_ns);
		return say(c, ST_EHLO, "EHLO load.test\r\n");
	case ST_EHLO:
		return options.tls ? say(c, ST_STARTTLS, "STARTTLS\r\n")
				   : log_in(c);
	case ST_STARTTLS:
		return start_tls(c);
	case ST_EHLO_AGAIN:
		return log_in(c);
	case ST_AUTH:
		return begin_mail(c);
	case ST_ENVELOPE:
		return --c->replies > 0 || send_message(c);
	case ST_MESSAGE:
		accepted++;
		last_ns = clock_ns();
		sample(&dots, c->ended_ns);
		sample(&transactions, c->begun_ns);
		return begin_message(c);
	case ST_HANDSHAKE:
	case ST_QUIT:
	case ST_IDLE:
		break;
	}
	return false;
}

static void complain(const char *what)
{
	snprintf(last_error, sizeof(last_error), "%.*s",
		 (int)strcspn(what, "\r\n"), what);
	for (char *p = last_error; *p != '\0'; p++)
		if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
			*p = '\'';
}

static bool take_line(struct connection *c, const char *line)
{
	if (strlen(line) < 4 || line[3] == '-')
		return true;
	if (atoi(line) == wanted_code(c))
		return proceed(c);
	complain(line);
	return false;
}

static ssize_t read_some(struct connection *c)
{
	char *p = c->in + c->in_n;
	size_t room = INPUT - c->in_n;
	ssize_t n;
	int error;

	if (c->tls == NULL) {
		n = recv(c->fd, p, room, 0);
		if (n < 0 && errno == EAGAIN)
			return 0;
		return n <= 0 ? -1 : n;
	}
	ERR_clear_error();
	n = SSL_read(c->tls, p, (int)room);
	if (n > 0)
		return n;
	error = SSL_get_error(c->tls, (int)n);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE
		       ? 0
		       : -1;
}

static bool take_lines(struct connection *c)
{
	size_t at = 0;

	for (;;) {
		char *line = c->in + at;
		char *end = memchr(line, '\n', c->in_n - at);

		if (end == NULL)
			break;
		*end = '\0';
		at = (size_t)(end + 1 - c->in);
		if (!take_line(c, line))
			return false;
	}
	c->in_n -= at;
	memmove(c->in, c->in + at, c->in_n);
	return c->in_n < INPUT;
}

static bool on_readable(struct connection *c)
{
	ssize_t n;

	do {
		if (c->state == ST_HANDSHAKE)
			return handshake(c);
		n = read_some(c);
		if (n > 0) {
			c->in_n += (size_t)n;
			if (!take_lines(c))
				return false;
		}
	} while (n > 0);
	return n == 0;
}

/* --- connections ------------------------------------------------------------ */

static void connection_free(struct connection *c)
{
	if (c->state != ST_QUIT) {
		failed++;
		if (last_error[0] == '\0')
			complain("the connection was closed");
		if (c->state == ST_IDLE)
			held--;
		else if (options.idle)
			now_opening--;
	}
	SSL_free(c->tls);
	close(c->fd);
	free(c);
	now_open--;
}

static int connect_from(long number)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (options.addresses > 0) {
		from.sin_addr.s_addr = htonl(
			0x7f010001 + (uint32_t)(number % options.addresses));
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
			   sizeof(one));
		bind(fd, (struct sockaddr *)&from, sizeof(from));
	}
	if (connect(fd, (struct sockaddr *)&options.server,
		    sizeof(options.server)) != 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool connection_open(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct connection *c;
	int fd = connect_from(sessions);

	if (fd < 0) {
		complain(strerror(errno));
		return false;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->fd = fd;
	c->opened_ns = clock_ns();
	event.data.ptr = c;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	sessions++;
	now_open++;
	now_opening++;
	return true;
}

static void open_more(void)
{
	if (options.idle) {
		while (sessions < options.connections && now_opening < OPENING)
			if (!connection_open())
				return;
		return;
	}
	while (now_open < options.connections &&
	       next_id + (options.each > 0 ? now_open : 0) < options.messages)
		if (!connection_open())
			return;
}

/* --- the report -------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *s)
{
	static const uint32_t none[1];
	const uint32_t *us = s->n > 0 ? s->us : none;
	size_t last = s->n > 0 ? s->n - 1 : 0;

	if (s->n > 0)
		qsort(s->us, s->n, sizeof(*s->us), by_value);
	printf(", \"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f, \"%s_max_ms\": "
	       "%.3f",
	       name, us[last / 2] / 1e3, name, us[last * 99 / 100] / 1e3, name,
	       us[last] / 1e3);
}

static void report(uint64_t start_ns)
{
	struct rusage use;
	uint64_t end_ns = options.idle ? clock_ns() : last_ns;

	getrusage(RUSAGE_SELF, &use);
	printf("{\"accepted\": %ld, \"failed\": %ld, \"held\": %ld, "
	       "\"sessions\": %ld, \"start_ns\": %llu, \"wall_s\": %.4f, "
	       "\"client_cpu_s\": %.3f, \"error\": \"%s\"",
	       accepted, failed, held, sessions, (unsigned long long)start_ns,
	       end_ns > start_ns ? (double)(end_ns - start_ns) / 1e9 : 0.0,
	       (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) /
			       1e6,
	       last_error);
	print_samples("greeting", &greetings);
	print_samples("transaction", &transactions);
	print_samples("dot", &dots);
	printf("}\n");
	fflush(stdout);
}

/* --- main --------------------------------------------------------------------- */

static bool has_stdin_ended(void)
{
	char rest[64];

	return read(STDIN_FILENO, rest, sizeof(rest)) <= 0;
}

static bool on_event(const struct epoll_event *event)
{
	struct connection *c = event->data.ptr;
	bool is_good = true;

	if (c == NULL)
		return !has_stdin_ended();
	if ((event->events & EPOLLOUT) != 0 && c->awaits_room)
		is_good = write_out(c);
	if (is_good && (event->events & ~(uint32_t)EPOLLOUT) != 0)
		is_good = on_readable(c);
	if (!is_good)
		connection_free(c);
	return true;
}

static bool is_done(void)
{
	if (options.idle)
		return held + failed >= options.connections;
	return next_id >= options.messages && now_open == 0;
}

/* Idle connections are reported when they are there, and held. */
static void run(uint64_t start_ns)
{
	uint64_t deadline = start_ns + (uint64_t)(options.limit_s * 1e9);
	struct epoll_event events[256];
	bool is_reported = false;

	for (;;) {
		int n;

		if (!is_reported && (is_done() || clock_ns() > deadline)) {
			report(start_ns);
			is_reported = true;
			if (!options.idle)
				return;
		}
		open_more();
		n = epoll_wait(epoll_fd, events, 256, 20);
		for (int i = 0; i < n; i++)
			if (!on_event(&events[i]))
				return;
	}
}

static void make_auth(const char *login)
{
	unsigned char plain[128];
	const char *colon = strchr(login, ':');
	int n;

	if (colon == NULL || strlen(login) > sizeof(plain) - 2)
		exit(2);
	n = snprintf((char *)plain, sizeof(plain), "%c%.*s%c%s", '\0',
		     (int)(colon - login), login, '\0', colon + 1);
	strcpy(options.auth, "AUTH PLAIN ");
	EVP_EncodeBlock((unsigned char *)options.auth + 11, plain, n);
	strcat(options.auth, "\r\n");
	options.login = login;
}

/* Text of 76 columns; no line begins with a dot. */
static void make_body(void)
{
	options.octets -= options.octets % 78;
	options.body = malloc(options.octets + 1);
	if (options.body == NULL)
		abort();
	for (size_t i = 0; i < options.octets; i++) {
		size_t column = i % 78;

		options.body[i] = column == 76   ? '\r'
				  : column == 77 ? '\n'
						 : (char)('a' + column % 26);
	}
}

static void take_option(int option, const char *value)
{
	switch (option) {
	case 'p':
		options.server.sin_port = htons((uint16_t)atoi(value));
		break;
	case 'n':
		options.messages = atol(value);
		break;
	case 'c':
		options.connections = atol(value);
		break;
	case 'm':
		options.each = atol(value);
		break;
	case 's':
		options.octets = (size_t)atol(value);
		break;
	case 'u':
		options.users = atol(value);
		break;
	case 'r':
		options.run = strtoull(value, NULL, 10);
		break;
	case 'a':
		make_auth(value);
		break;
	case 'D':
		options.limit_s = atof(value);
		break;
	case 'B':
		options.addresses = atol(value);
		break;
	case 't':
		options.domain = value;
		break;
	case 'T':
		options.tls = true;
		break;
	case 'I':
		options.idle = true;
		break;
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event input = { .events = EPOLLIN };
	struct rlimit files;
	int option;

	options.server.sin_family = AF_INET;
	options.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while ((option = getopt(argc, argv, "p:n:c:m:s:u:r:a:t:D:B:TI")) != -1)
		take_option(option, optarg);
	make_body();
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	tls_context = SSL_CTX_new(TLS_client_method());
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (tls_context == NULL || epoll_fd < 0)
		return 1;
	SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(tls_context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE |
				 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				 SSL_MODE_RELEASE_BUFFERS);
	if (options.idle)
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input);
	run(clock_ns());
	if (options.idle)
		printf("{\"held\": %ld}\n", held);
	return 0;
}
