#include "dialog.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

struct dialog {
	struct event_base *base;
	const struct dialog_owner *owner;
	int peer;
	bool is_wanted, is_late;
	const char *event;
	char in[32768]; /* what Dovecot got and the script did not see yet */
	size_t in_octets;
	char step[256]; /* the one that runs, for messages */
};

static const char *const event_names[] = {
	[AUTH_CONNECTED] = "connected",
	[AUTH_LOST] = "lost",
	[AUTH_UNREACHABLE] = "unreachable",
	[AUTH_WRONG_SOCKET] = "wrong-socket",
	[AUTH_RESTRICTED] = "restricted",
};

struct dialog *dialog_new(const struct dialog_owner *owner)
{
	struct dialog *dialog = mem_new(sizeof(*dialog));

	(void)signal(SIGPIPE, SIG_IGN); /* as every user of libevent must */
	dialog->base = event_base_new();
	assert_non_null(dialog->base);
	dialog->owner = owner;
	dialog->peer = -1;
	dialog->event = "";
	return dialog;
}

void dialog_free(struct dialog **dialog)
{
	fd_close(&(*dialog)->peer);
	event_base_free((*dialog)->base);
	mem_free(dialog);
}

struct event_base *dialog_base(struct dialog *dialog)
{
	return dialog->base;
}

void dialog_want(void *arg)
{
	struct dialog *dialog = arg;

	dialog->is_wanted = true;
}

void dialog_event(enum auth_event event, const char *text, void *arg)
{
	struct dialog *dialog = arg;

	assert_true(strlen(text) > 0);
	dialog->event = event_names[event];
}

void dialog_settle(struct dialog *dialog)
{
	for (int i = 0; i < 8; i++) /* deferred callbacks take rounds */
		(void)event_base_loop(dialog->base, EVLOOP_NONBLOCK);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct dialog *dialog = arg;

	(void)fd;
	(void)what;
	dialog->is_late = true;
}

void dialog_wait(struct dialog *dialog, const bool *is_true)
{
	struct timeval limit = { .tv_sec = 10 };
	struct event *timer = evtimer_new(dialog->base, on_late, dialog);

	dialog->is_late = false;
	(void)event_add(timer, &limit);
	while (!*is_true && !dialog->is_late)
		(void)event_base_loop(dialog->base, EVLOOP_ONCE);
	event_free(timer);
	if (!*is_true)
		fail_msg("nothing happened at: %s", dialog->step);
}

static void connect_step(struct dialog *dialog)
{
	int pair[2];

	dialog_wait(dialog, &dialog->is_wanted);
	dialog->is_wanted = false;
	fd_close(&dialog->peer);
	dialog->in_octets = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	dialog->peer = pair[1];
	dialog->owner->connected(pair[0], 0, dialog->owner->arg);
}

static void refuse_step(struct dialog *dialog)
{
	dialog_wait(dialog, &dialog->is_wanted);
	dialog->is_wanted = false;
	dialog->owner->connected(-1, -ECONNREFUSED, dialog->owner->arg);
}

static void with_tabs(struct slice text, char *ret_text)
{
	for (size_t i = 0; i < text.n; i++)
		ret_text[i] = text.p[i] == '|' ? '\t' : text.p[i];
}

void dialog_send_raw(struct dialog *dialog, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(write(dialog->peer, text, n), n);
	dialog_settle(dialog);
}

static void send_step(struct dialog *dialog, struct slice line)
{
	char text[512];

	assert_true(line.n + 1 < sizeof(text));
	with_tabs(line, text);
	text[line.n] = '\n';
	text[line.n + 1] = '\0';
	dialog_send_raw(dialog, text);
}

/* Reads what has arrived; true at the end of it all. */
static bool fill(struct dialog *dialog)
{
	ssize_t n;

	dialog_settle(dialog);
	do {
		n = read(dialog->peer, dialog->in + dialog->in_octets,
			 sizeof(dialog->in) - dialog->in_octets);
		if (n > 0)
			dialog->in_octets += (size_t)n;
	} while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

static void expect_step(struct dialog *dialog, struct slice want)
{
	struct slice in, line;
	char text[512];
	bool is_match;

	(void)fill(dialog);
	in = (struct slice){ dialog->in, dialog->in_octets };
	if (!slice_cut(in, '\n', &line, &in))
		fail_msg("no line for: %s", dialog->step);
	with_tabs(want, text);
	want.p = text;
	if (want.n > 0 && text[want.n - 1] == '*')
		is_match = slice_starts(line, slice_head(want, want.n - 1));
	else
		is_match = slice_equal(line, want);
	if (!is_match)
		fail_msg("at: %s\ngot: %.*s", dialog->step, (int)line.n,
			 line.p);
	dialog->in_octets = in.n;
	if (in.n > 0)
		memmove(dialog->in, in.p, in.n);
}

static void quiet_step(struct dialog *dialog)
{
	(void)fill(dialog);
	if (dialog->in_octets > 0)
		fail_msg("got more: %.*s", (int)dialog->in_octets, dialog->in);
}

static bool own_step(struct dialog *dialog, struct slice verb,
		     struct slice rest)
{
	if (slice_equal(verb, S("connect")))
		connect_step(dialog);
	else if (slice_equal(verb, S("refuse")))
		refuse_step(dialog);
	else if (slice_equal(verb, S(">")))
		send_step(dialog, rest);
	else if (slice_equal(verb, S("<")))
		expect_step(dialog, rest);
	else if (slice_equal(verb, S("<-")))
		quiet_step(dialog);
	else if (slice_equal(verb, S("eof")))
		fd_close(&dialog->peer);
	else if (slice_equal(verb, S("gone")))
		assert_true(fill(dialog));
	else if (slice_equal(verb, S("event")))
		assert_true(slice_equal(rest, slice_of(dialog->event)));
	else
		return false;
	dialog_settle(dialog);
	return true;
}

void dialog_run(struct dialog *dialog, const char *script)
{
	struct slice rest = slice_of(script), line, verb;

	while (rest.n > 0) {
		(void)slice_cut(rest, '\n', &line, &rest);
		line = slice_trim(line);
		if (line.n == 0)
			continue;
		assert_true(line.n < sizeof(dialog->step));
		memcpy(dialog->step, line.p, line.n);
		dialog->step[line.n] = '\0';
		(void)slice_cut(line, ' ', &verb, &line);
		if (!own_step(dialog, verb, line) &&
		    !dialog->owner->step(verb, line, dialog->owner->arg))
			fail_msg("no such step: %s", dialog->step);
	}
}
