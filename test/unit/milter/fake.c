#include "fake.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void on(struct fake *f, char command, const char *answer)
{
	assert_true(f->script_count < SCRIPT);
	f->script[f->script_count++] =
		(struct fake_line){ .command = command, .answer = answer };
}

static const char *answer_to(struct fake *f, char command)
{
	for (size_t i = 0; i < f->script_count; i++) {
		struct fake_line *line = &f->script[i];

		if (line->command != command || line->is_used)
			continue;
		if (line->answer[0] == '*')
			return line->answer + 1;
		line->is_used = true;
		return line->answer;
	}
	return "c";
}

/* --- says ---------------------------------------------------------------------- */

void fake_hang_up(struct fake *f)
{
	if (f->readable != NULL)
		event_free(f->readable);
	if (f->writable != NULL)
		event_free(f->writable);
	f->readable = NULL;
	f->writable = NULL;
	(void)evbuffer_drain(f->out, evbuffer_get_length(f->out));
	fd_close(&f->fd);
	f->in_n = 0;
}

static void on_writable(int fd, short what, void *arg)
{
	struct fake *f = arg;

	(void)what;
	if (evbuffer_get_length(f->out) > 0)
		(void)evbuffer_write(f->out, fd);
	if (evbuffer_get_length(f->out) > 0)
		(void)event_add(f->writable, NULL);
}

static void put(struct fake *f, char code, const char *p, size_t n)
{
	uint32_t length = htonl((uint32_t)n + 1);

	(void)evbuffer_add(f->out, &length, 4);
	(void)evbuffer_add(f->out, &code, 1);
	if (n > 0)
		(void)evbuffer_add(f->out, p, n);
	on_writable(f->fd, EV_WRITE, f);
}

/* "1:Name:value" */
static void put_header(struct fake *f, char code, const char *text)
{
	char packet[4096];
	size_t n = 0;
	char *colon;

	if (code != 'h') {
		uint32_t index = htonl((uint32_t)strtol(text, &colon, 10));

		memcpy(packet, &index, 4);
		text = colon + 1;
		n = 4;
	}
	(void)snprintf(packet + n, sizeof(packet) - n, "%s", text);
	*strchr(packet + n, ':') = '\0';
	put(f, code, packet, n + strlen(text) + 1);
}

static void put_body(struct fake *f, size_t n)
{
	char *octets = mem_array(n, 1);

	memset(octets, 'x', n);
	put(f, 'b', octets, n);
	mem_free(&octets);
}

static void say_packet(struct fake *f, const char *p)
{
	if (p[0] == '!')
		fake_hang_up(f);
	else if (p[0] == '#')
		put_body(f, (size_t)strtoul(p + 1, NULL, 10));
	else if (p[0] == '\0')
		return;
	else if (p[1] == '\0')
		put(f, p[0], NULL, 0);
	else if (p[0] == 'h' || p[0] == 'i' || p[0] == 'm')
		put_header(f, p[0], p + 2);
	else
		put(f, p[0], p + 2, strlen(p + 2) + (p[0] == 'b' ? 0 : 1));
}

static void say(struct fake *f, const char *answer)
{
	char *copy = mem_string(answer);
	char *rest = copy;
	char *packet;

	while ((packet = strsep(&rest, "|")) != NULL && f->fd >= 0)
		say_packet(f, packet);
	mem_free(&copy);
}

static void say_options(struct fake *f)
{
	char packet[512];
	const uint32_t words[3] = { htonl(f->version), htonl(f->actions),
				    htonl(f->steps) };
	char symbols[400];
	char *rest = symbols;
	const char *list;
	size_t n = sizeof(words);

	memcpy(packet, words, sizeof(words));
	(void)snprintf(symbols, sizeof(symbols), "%s", f->symbols);
	while (rest != NULL && (list = strsep(&rest, "|")) != NULL &&
	       list[0] != '\0') {
		uint32_t stage = htonl((uint32_t)(list[0] - '0'));

		memcpy(packet + n, &stage, 4);
		n += 4;
		memcpy(packet + n, list + 1, strlen(list + 1) + 1);
		n += strlen(list + 1) + 1;
	}
	if (!f->is_mute)
		put(f, 'O', packet, n);
}

/* --- hears --------------------------------------------------------------------- */

static void note(struct fake *f, const char *p, size_t n)
{
	size_t at = strlen(f->told);

	for (size_t i = 0; i < n && at + 3 < TOLD; i++) {
		if (p[i] == '\n' || p[i] == '\r') {
			f->told[at++] = '\\';
			f->told[at++] = p[i] == '\n' ? 'n' : 'r';
		} else {
			f->told[at++] = p[i] == '\0' ? ' ' : p[i];
		}
	}
	f->told[at] = '\0';
}

static void note_macros(struct fake *f, const char *p, size_t n)
{
	bool is_name = true;

	note(f, p, 1);
	for (size_t i = 1; i < n; i += strlen(p + i) + 1) {
		note(f, is_name ? " " : "=", 1);
		note(f, p + i, strlen(p + i));
		is_name = !is_name;
	}
}

static void note_line(struct fake *f, char command, const char *p, size_t n)
{
	char head[32];
	size_t at;

	if (command == 'B') {
		(void)snprintf(head, sizeof(head), "B %zu", n);
		note(f, head, strlen(head));
	} else {
		note(f, &command, 1);
		if (command != 'D' && n > 0)
			note(f, " ", 1);
	}
	if (command == 'C') { /* the port is two octets */
		size_t name = strlen(p);

		note(f, p, name);
		note(f, " ", 1);
		note(f, p + name + 1, 1);
		if (p[name + 1] != 'U') {
			(void)snprintf(head, sizeof(head), " %u ",
				       (unsigned char)p[name + 2] * 256U +
					       (unsigned char)p[name + 3]);
			note(f, head, strlen(head));
			note(f, p + name + 4, n - name - 5);
		}
	} else if (command == 'D') {
		note_macros(f, p, n);
	} else if (command != 'B' && n > 0) {
		note(f, p, n - 1);
	}
	at = strlen(f->told);
	assert_true(at + 2 < TOLD);
	f->told[at] = '\n';
	f->told[at + 1] = '\0';
}

static bool is_answered(const struct fake *f, char command)
{
	static const struct {
		char command;
		uint32_t no_reply;
	} rules[] = { { 'C', MILTER_NR_CONN }, { 'H', MILTER_NR_HELO },
		      { 'M', MILTER_NR_MAIL }, { 'R', MILTER_NR_RCPT },
		      { 'T', MILTER_NR_DATA }, { 'U', MILTER_NR_UNKN },
		      { 'L', MILTER_NR_HDR },  { 'N', MILTER_NR_EOH },
		      { 'B', MILTER_NR_BODY }, { 'E', 0 } };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].command == command)
			return (f->steps & rules[i].no_reply) == 0;
	return false;
}

static void hear(struct fake *f, char command, const char *p, size_t n)
{
	if (command == 'O') {
		say_options(f);
		return;
	}
	if (command != 'D' || f->has_macros)
		note_line(f, command, p, n);
	if (command == 'B' && f->body_n + n <= sizeof(f->body)) {
		memcpy(f->body + f->body_n, p, n);
		f->body_n += n;
	}
	if (is_answered(f, command))
		say(f, answer_to(f, command));
}

static void on_readable(int fd, short what, void *arg)
{
	struct fake *f = arg;
	ssize_t got = recv(fd, f->in + f->in_n, sizeof(f->in) - f->in_n,
			   MSG_DONTWAIT);
	size_t at = 0;

	(void)what;
	if (got <= 0) {
		note_line(f, '.', NULL, 0);
		fake_hang_up(f);
		return;
	}
	f->reads++;
	f->in_n += (size_t)got;
	while (f->in_n - at >= 5 && f->fd >= 0) {
		uint32_t n;

		memcpy(&n, f->in + at, 4);
		n = ntohl(n);
		assert_true(n >= 1 && n <= MILTER_DATA_OCTETS + 1);
		if (f->in_n - at < 4 + n)
			break;
		at += 4 + n;
		hear(f, f->in[at - n], f->in + at - n + 1, n - 1);
	}
	if (f->fd < 0)
		return;
	memmove(f->in, f->in + at, f->in_n - at);
	f->in_n -= at;
}

/* --- is connected to ------------------------------------------------------------ */

static void on_connect(int fd, short what, void *arg)
{
	struct fake *f = arg;
	void *token = f->token;
	int pair[2];

	(void)fd;
	(void)what;
	f->token = NULL;
	if (f->error != 0 || f->attempt < f->dead) {
		milter_connected(token, -1, f->error ? f->error : -EPERM,
				 f->attempt < f->dead, S("here"));
		return;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fake_hang_up(f);
	f->fd = pair[1];
	f->readable = event_new(f->w->base, f->fd, EV_READ | EV_PERSIST,
				on_readable, f);
	f->writable = event_new(f->w->base, f->fd, EV_WRITE, on_writable, f);
	(void)evutil_make_socket_nonblocking(f->fd);
	(void)event_add(f->readable, NULL);
	milter_connected(token, pair[0], 0, f->has_more, S("here"));
}

static void on_want(const char *filter, unsigned attempt, void *token,
		    void *arg)
{
	struct world *w = arg;
	struct fake *f = &w->fakes[filter[0] - 'a'];

	assert_null(f->token);
	f->wanted++;
	f->attempt = attempt;
	f->token = token;
	if (!f->is_deaf)
		event_active(f->connect, EV_TIMEOUT, 0);
}

static void on_forget(void *token, void *arg)
{
	struct world *w = arg;

	for (size_t i = 0; i < w->count; i++) {
		if (w->fakes[i].token != token)
			continue;
		w->fakes[i].token = NULL;
		(void)event_del(w->fakes[i].connect);
	}
}

void fake_init(struct fake *f, struct world *w)
{
	f->w = w;
	f->fd = -1;
	f->version = MILTER_VERSION;
	f->actions = MILTER_MAY_ALL;
	f->symbols = "";
	f->out = evbuffer_new();
	f->connect = evtimer_new(w->base, on_connect, f);
}

void fake_end(struct fake *f)
{
	fake_hang_up(f);
	evbuffer_free(f->out);
	event_free(f->connect);
}

const struct milter_connector fake_connector = {
	.want = on_want,
	.forget = on_forget,
};
