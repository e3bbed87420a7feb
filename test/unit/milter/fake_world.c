#include "fake.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- the server's side ----------------------------------------------------------- */

static void on_verdict(const struct milter_verdict *v, void *arg)
{
	struct world *w = arg;

	w->verdict_count++;
	w->verdict = *v;
	if (!w->frees_in_verdict)
		return;
	(void)snprintf(w->text, sizeof(w->text), "%.*s", (int)v->text.n,
		       v->text.p);
	w->verdict.text = slice_of(w->text);
	milter_chain_free(&w->chain);
}

static bool get_macro(enum milter_stage stage, struct slice name,
		      struct arena *arena, struct slice *ret_value, void *arg)
{
	struct world *w = arg;
	const char *value = NULL;

	(void)stage;
	if (slice_equal(name, S("j")))
		value = "mx.test";
	else if (slice_equal(name, S("i")))
		value = w->queue_id;
	else if (slice_equal(name, S("{auth_authen}")))
		value = w->login;
	else if (slice_equal(name, S("{client_name}")))
		value = "client.test";
	if (value != NULL)
		*ret_value = arena_copy(arena, slice_of(value));
	return value != NULL;
}

static void on_event(const struct milter_event *e, void *arg)
{
	static const char *const kinds[] = {
		[MILTER_EVENT_FAILED] = "failed",
		[MILTER_EVENT_PASSED] = "passed",
		[MILTER_EVENT_IGNORED] = "ignored",
		[MILTER_EVENT_VERDICT] = "verdict",
		[MILTER_EVENT_EDIT] = "edit",
		[MILTER_EVENT_QUARANTINE] = "quarantine",
		[MILTER_EVENT_RETURNED] = "returned",
	};
	struct world *w = arg;
	size_t at = strlen(w->events);

	(void)snprintf(w->events + at, EVENTS - at, "%s%s %s, %s: %u %.*s\n",
		       e->is_dry_run ? "dry " : "", kinds[e->kind], e->filter,
		       e->stage, e->code, (int)e->text.n, e->text.p);
}

static const struct milter_chain_calls calls = {
	.on_verdict = on_verdict,
	.get_macro = get_macro,
	.on_event = on_event,
};

/* --- life ------------------------------------------------------------------------ */

struct fake *add_filter(struct world *w)
{
	static const char *const names[FAKES] = { "a", "b", "c" };
	struct fake *f = &w->fakes[w->count];

	w->configs[w->count] = (struct milter_filter_config){
		.name = names[w->count],
		.listeners = 1,
		.connect_ms = 10000,
		.command_ms = 10000,
		.content_ms = 10000,
		.version = MILTER_VERSION,
	};
	fake_init(f, w);
	w->count++;
	return f;
}

int make_world(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->base = event_base_new();
	w->message_ms = 20000;
	w->body_limit = 1 << 20;
	w->queue_id = "q1";
	w->content = -1;
	(void)add_filter(w);
	*state = w;
	return 0;
}

void open_chain(struct world *w)
{
	struct milter_set_config config = {
		.base = w->base,
		.filters = w->configs,
		.count = w->count,
		.message_ms = w->message_ms,
		.body_limit = w->body_limit,
		.connector = fake_connector,
	};

	config.connector.arg = w;
	if (w->set == NULL)
		w->set = milter_set_new(&config, NULL);
	w->chain = milter_chain_new(w->set, 1, w->is_login_needed, &calls, w);
}

int end_world(void **state)
{
	struct world *w = *state;

	milter_chain_free(&w->chain);
	milter_set_release(&w->set);
	for (size_t i = 0; i < w->count; i++)
		fake_end(&w->fakes[i]);
	milter_message_free(&w->message);
	fd_close(&w->content);
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}

void turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* --- events ---------------------------------------------------------------------- */

static void on_late(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

static void wait_for_verdict(struct world *w)
{
	const struct timeval tv = { .tv_sec = 20 };
	bool is_late = false;
	struct event *late = evtimer_new(w->base, on_late, &is_late);
	unsigned before = w->verdict_count;

	(void)event_add(late, &tv);
	while (w->verdict_count == before && !is_late)
		(void)event_base_loop(w->base, EVLOOP_ONCE);
	event_free(late);
	assert_false(is_late);
}

const char *verdict(struct world *w, const struct milter_verdict *v)
{
	char copy[1024];
	struct slice text;

	if (v != NULL)
		w->verdict = *v;
	else
		wait_for_verdict(w);
	text = w->verdict.text;
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)text.n, text.p);
	if (w->verdict.kind == MILTER_GO_ON)
		(void)snprintf(w->text, sizeof(w->text), "go on");
	else if (w->verdict.kind == MILTER_DROP)
		(void)snprintf(w->text, sizeof(w->text), "drop");
	else
		(void)snprintf(w->text, sizeof(w->text), "%s%u %s",
			       w->verdict.is_failure ? "!" : "",
			       w->verdict.code, copy);
	assert_int_equal(w->verdict.kind == MILTER_CLOSE,
			 w->verdict.code == 421);
	turn(w);
	return w->text;
}

const char *connect_client(struct world *w)
{
	const struct milter_client client = { .hostname = S("[192.0.2.1]"),
					      .family = '4',
					      .port = 2525,
					      .address = S("192.0.2.1") };

	return verdict(w, milter_chain_connect(w->chain, &client));
}

const char *hello(struct world *w)
{
	return verdict(w, milter_chain_hello(w->chain, S("me.test")));
}

const char *mail_from(struct world *w, const char *sender)
{
	const struct slice params[] = { S("SIZE=9") };

	return verdict(w, milter_chain_mail(w->chain, slice_of(sender), params,
					    1, w->login != NULL));
}

const char *rcpt_to(struct world *w, const char *recipient)
{
	return verdict(
		w, milter_chain_rcpt(w->chain, slice_of(recipient), NULL, 0));
}

const char *data(struct world *w)
{
	return verdict(w, milter_chain_data(w->chain));
}

const char *unknown(struct world *w, const char *line)
{
	return verdict(w, milter_chain_unknown(w->chain, slice_of(line)));
}

const char *content_of(struct world *w, struct slice octets)
{
	milter_message_free(&w->message);
	fd_close(&w->content);
	w->content = memfd_create("content", MFD_CLOEXEC);
	assert_int_equal(write(w->content, octets.p, octets.n), octets.n);
	assert_int_equal(
		milter_message_open(w->content, octets.n, 1, &w->message), 0);
	return verdict(w, milter_chain_content(w->chain, w->message));
}

const char *content(struct world *w, const char *octets)
{
	return content_of(w, slice_of(octets));
}

void begin_message(struct world *w)
{
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	assert_string_equal(rcpt_to(w, "<c@d>"), "go on");
	assert_string_equal(data(w), "go on");
}

void begin(struct world *w)
{
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	assert_string_equal(hello(w), "go on");
	begin_message(w);
}

/* --- what became of it ----------------------------------------------------------- */

void expect_told(struct fake *f, const char *want)
{
	turn(f->w);
	assert_string_equal(f->told, want);
	f->told[0] = '\0';
	f->body_n = 0;
}

void expect_events(struct world *w, const char *want)
{
	assert_string_equal(w->events, want);
	w->events[0] = '\0';
}

bool has_event(const struct world *w, const char *want)
{
	return strstr(w->events, want) != NULL;
}

void expect_unfiltered(struct world *w, const char *want)
{
	struct arena *arena = arena_new(4096);
	struct slice names = milter_chain_unfiltered(w->chain, arena);

	assert_int_equal(names.n, strlen(want));
	if (names.n > 0)
		assert_memory_equal(names.p, want, names.n);
	arena_free(&arena);
}

void expect_header(struct world *w, const char *want)
{
	struct arena *arena = arena_new(1 << 20);
	struct slice header = milter_message_header(w->message, arena);
	char got[4096];

	(void)snprintf(got, sizeof(got), "%.*s", (int)header.n, header.p);
	assert_string_equal(got, want);
	arena_free(&arena);
}
