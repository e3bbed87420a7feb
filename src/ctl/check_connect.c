/* Connecting to a filter, and what it negotiates. */
#include "base/mem.h"
#include "conf/endpoint.h"
#include "ctl/check.h"
#include "milter/conn.h"
#include "milter/names.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* --- a socket ----------------------------------------------------------------- */

/* Returns a descriptor or -errno. */
static int dial_address(const struct sockaddr *address, socklen_t size,
			uint64_t timeout_s)
{
	const struct timeval tv = { .tv_sec = (time_t)timeout_s };
	AUTO(fd_close)
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int connected;

	if (fd < 0)
		return -errno;
	/* It is how long connect() may take, too. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, address, size) < 0)
		return errno == EINPROGRESS || errno == EAGAIN ? -ETIMEDOUT
							       : -errno;
	connected = fd;
	fd = -1;
	return connected;
}

static int dial_path(const char *path, uint64_t timeout_s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	return dial_address((const struct sockaddr *)&address, sizeof(address),
			    timeout_s);
}

/* The first address that answers. */
static int dial_host(const struct endpoint *e, uint64_t timeout_s,
		     struct slice *ret_problem)
{
	const struct addrinfo hints = {
		.ai_family = e->kind == ENDPOINT_INET6 ? AF_INET6 : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *all;
	int fd = -EADDRNOTAVAIL, r;
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", e->port);
	r = getaddrinfo(e->host, port, &hints, &all);
	if (r != 0) {
		*ret_problem = slice_of(gai_strerror(r));
		return -1;
	}
	for (const struct addrinfo *a = all; a != NULL && fd < 0;
	     a = a->ai_next)
		fd = dial_address(a->ai_addr, a->ai_addrlen, timeout_s);
	freeaddrinfo(all);
	if (fd < 0)
		*ret_problem = slice_of(strerror(-fd));
	return fd;
}

static int dial(struct check *c, struct slice *ret_problem)
{
	uint64_t timeout_s = c->milter->connect_timeout;
	struct endpoint e;
	const char *problem =
		endpoint_parse(slice_of(c->milter->socket), c->arena, &e);
	int fd;

	if (problem != NULL) {
		*ret_problem = slice_of(problem);
		return -1;
	}
	if (e.kind != ENDPOINT_UNIX)
		return dial_host(&e, timeout_s, ret_problem);
	fd = dial_path(e.path, timeout_s);
	if (fd < 0)
		*ret_problem = slice_of(strerror(-fd));
	return fd;
}

int check_dial(struct check *c, struct slice *ret_problem)
{
	struct slice problem;
	int fd = dial(c, &problem);

	if (fd >= 0)
		return fd;
	*ret_problem =
		arena_join(c->arena,
			   (const struct slice[]){ S("cannot connect to "),
						   slice_of(c->milter->socket),
						   S(": "), problem },
			   4);
	return -1;
}

/* --- what is negotiated ------------------------------------------------------- */

static size_t pick_bits(const struct milter_bit_name *names, size_t count,
			uint32_t bits, const char **ret_words)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (bits & names[i].bit)
			ret_words[n++] = names[i].name;
	return n;
}

static void say_actions(struct check *c, const struct milter_options *o)
{
	const char *words[MILTER_ACTION_NAMES];
	size_t n = pick_bits(milter_action_names, MILTER_ACTION_NAMES,
			     o->actions, words);

	if (n == 0 && c->report == NULL)
		(void)puts("it changes nothing");
	check_say_words(c, "actions", "it may: ", words, n);
}

static void say_steps(struct check *c, const struct milter_options *o)
{
	const char *told[MILTER_STEP_NAMES], *silent[MILTER_STEP_NAMES];
	const char *habits[MILTER_HABIT_NAMES];
	size_t told_n = 0, silent_n = 0;

	for (size_t i = 0; i < MILTER_STEP_NAMES; i++) {
		const struct milter_step_name *step = &milter_step_names[i];

		if (o->steps & step->skip_bit)
			continue;
		told[told_n++] = step->name;
		if (o->steps & step->silent_bit)
			silent[silent_n++] = step->name;
	}
	check_say_words(c, "stages", "it is told of: ", told, told_n);
	check_say_words(c, "silent", "it does not answer: ", silent, silent_n);
	check_say_words(c, "habits", "it ", habits,
			pick_bits(milter_habit_names, MILTER_HABIT_NAMES,
				  o->steps, habits));
}

static void on_ready(void *arg)
{
	struct check *c = arg;

	(void)event_base_loopbreak(c->base);
}

/* Nothing is asked here: the connection itself ends for a reply. */
static void on_reply(const struct milter_reply *reply, void *arg)
{
	(void)reply;
	(void)arg;
}

static void on_room(void *arg)
{
	(void)arg;
}

static void on_end(bool is_quiet, struct slice problem, void *arg)
{
	struct check *c = arg;

	(void)is_quiet;
	check_fail(c, problem);
	(void)event_base_loopbreak(c->base);
}

static const struct milter_conn_calls calls = {
	.on_ready = on_ready,
	.on_reply = on_reply,
	.on_room = on_room,
	.on_end = on_end,
};

void check_options(struct check *c)
{
	const struct milter_conn_config config = {
		.connect_ms = (unsigned)c->milter->connect_timeout * 1000,
		.write_ms = (unsigned)c->milter->connect_timeout * 1000,
		.offer = milter_offer((uint32_t)c->milter->protocol),
	};
	const struct milter_options *o;
	struct milter_conn *conn;
	struct slice problem;
	int fd = check_dial(c, &problem);

	if (fd < 0) {
		check_fail(c, problem);
		return;
	}
	conn = milter_conn_new(c->base, fd, &config, &calls, c);
	(void)event_base_dispatch(c->base);
	o = milter_conn_options(conn);
	if (!c->has_failed) {
		check_say_number(c, "version", o->version);
		say_actions(c, o);
		say_steps(c, o);
	}
	for (size_t i = 0; !c->has_failed && i < MILTER_STAGES; i++)
		if (o->has_symbols & 1u << i)
			check_say_macros(c, milter_stage_names[i],
					 o->symbols[i]);
	milter_conn_quit(&conn, false);
}
