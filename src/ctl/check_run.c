/* A message's way through a chain of one filter. */
#include "base/clock.h"
#include "base/mem.h"
#include "ctl/check.h"
#include "mail/date.h"

#include <string.h>

enum { MESSAGE_MS = 8 * 60 * 1000, LISTENER = 1 };

struct run {
	struct check *check;
	struct milter_chain *chain;
	struct milter_message *message;
	struct event *on_wanted; /* a connection, for: */
	void *token;
	bool has_verdict;
	struct milter_verdict verdict; /* its text is in the check's arena */
	bool is_accepted; /* before the end: nothing more is told */
};

/* --- the connection ------------------------------------------------------------ */

static void on_wanted(int fd, short what, void *arg)
{
	struct run *r = arg;
	struct slice problem = { .p = NULL };
	void *token = r->token;
	int dialled;

	(void)fd;
	(void)what;
	r->token = NULL;
	dialled = check_dial(r->check, &problem);
	if (dialled < 0)
		check_fail(r->check, problem);
	milter_connected(token, dialled, dialled < 0 ? -1 : 0, false,
			 slice_of(r->check->milter->socket));
}

static void want(const char *filter, unsigned attempt, void *token, void *arg)
{
	struct run *r = arg;

	(void)filter;
	(void)attempt;
	r->token = token;
	event_active(r->on_wanted, EV_TIMEOUT, 0);
}

static void forget(void *token, void *arg)
{
	struct run *r = arg;

	if (r->token == token)
		(void)event_del(r->on_wanted);
	r->token = NULL;
}

/* --- macros -------------------------------------------------------------------- */

static struct slice date(struct arena *a)
{
	char text[DATE_OCTETS];

	date_format(clock_wall_s(), text);
	return arena_copy(a, slice_of(text));
}

static struct slice message_size(const struct run *r, struct arena *a)
{
	const struct milter_body body = milter_message_body(r->message);

	return arena_format(a, "%ju", (uintmax_t)(body.offset + body.octets));
}

/* Those that depend on more than the client. */
static struct slice find_macro(const struct run *r, struct slice name,
			       struct arena *a)
{
	const char *hostname = r->check->conf->hostname;
	const struct milter_macro macros[] = {
		{ S("j"), slice_of(hostname) },
		{ S("{daemon_name}"), slice_of(hostname) },
		{ S("{if_name}"), slice_of(hostname) },
		{ S("{rcpt_host}"), slice_of(hostname) },
		{ S("{rcpt_addr}"), check_recipient(r->check) },
		{ S("{msg_id}"), check_message_id(r->message) },
		{ S("{msg_size}"), message_size(r, a) },
		{ S("b"), date(a) },
		{ S("i"), S("0CHECK0000000001") },
		{ S("v"), S("Culver " PACKAGE_VERSION) },
		{ S("Z"), S("Culver " PACKAGE_VERSION) },
		{ S("r"), S("ESMTP") },
		{ S("s"), S(CHECK_HELLO) },
		{ S("_"), S("unknown [" CHECK_CLIENT "]") },
		{ S("{daemon_addr}"), S("127.0.0.1") },
		{ S("{daemon_port}"), S("25") },
		{ S("{if_addr}"), S("127.0.0.1") },
		{ S("{client_addr}"), S(CHECK_CLIENT) },
		{ S("{client_port}"), S("40000") },
		{ S("{client_name}"), S("unknown") },
		{ S("{client_ptr}"), S("unknown") },
		{ S("{client_resolve}"), S("FAIL") },
		{ S("{client_connections}"), S("1") },
		{ S("{mail_addr}"), S(CHECK_SENDER) },
		{ S("{mail_host}"), S("example.com") },
		{ S("{mail_mailer}"), S("smtp") },
		{ S("{rcpt_mailer}"), S("local") },
	};

	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		if (slice_equal(macros[i].name, name))
			return macros[i].value;
	if (r->check->milter->only_authenticated) {
		if (slice_equal(name, S("{auth_type}")))
			return S("PLAIN");
		if (slice_equal(name, S("{auth_authen}")))
			return S(CHECK_SENDER);
	}
	return S("");
}

static bool get_macro(enum milter_stage stage, struct slice name,
		      struct arena *arena, struct slice *ret_value, void *arg)
{
	struct slice value = find_macro(arg, name, arena);

	(void)stage;
	if (value.n == 0)
		return false;
	*ret_value = value;
	return true;
}

/* --- what happens --------------------------------------------------------------- */

static void on_verdict(const struct milter_verdict *verdict, void *arg)
{
	struct run *r = arg;

	r->verdict = *verdict;
	r->verdict.text = arena_copy(r->check->arena, verdict->text);
	r->has_verdict = true;
}

static void say_event(struct check *c, const char *list,
		      const struct milter_event *e, const char *what)
{
	check_say_step(c, list,
		       &(const struct check_step){ .stage = e->stage,
						   .result = what,
						   .text = e->text });
}

static void on_event(const struct milter_event *e, void *arg)
{
	struct run *r = arg;
	struct check *c = r->check;

	switch (e->kind) {
	case MILTER_EVENT_FAILED:
		check_fail(c, arena_join(c->arena,
					 (const struct slice[]){
						 slice_of(e->stage), S(": "),
						 e->text },
					 3));
		break;
	case MILTER_EVENT_IGNORED:
		say_event(c, "ignored", e, "makes no sense");
		break;
	case MILTER_EVENT_EDIT:
		say_event(c, "edits", e, "edit");
		break;
	case MILTER_EVENT_QUARANTINE:
		say_event(c, "edits", e, "quarantine");
		break;
	case MILTER_EVENT_VERDICT:
		r->is_accepted = slice_equal(e->text, S("accept"));
		break; /* what refuses is the step's result */
	case MILTER_EVENT_PASSED:
	case MILTER_EVENT_RETURNED:
		break;
	}
}

static const struct milter_chain_calls calls = {
	.on_verdict = on_verdict,
	.get_macro = get_macro,
	.on_event = on_event,
};

/* --- the steps ------------------------------------------------------------------- */

static const struct milter_verdict *tell_connect(struct run *r)
{
	return milter_chain_connect(r->chain,
				    &(const struct milter_client){
					    .hostname = S("[" CHECK_CLIENT "]"),
					    .family = '4',
					    .port = CHECK_CLIENT_PORT,
					    .address = S(CHECK_CLIENT) });
}

static const struct milter_verdict *tell_hello(struct run *r)
{
	return milter_chain_hello(r->chain, S(CHECK_HELLO));
}

static const struct milter_verdict *tell_mail(struct run *r)
{
	return milter_chain_mail(r->chain, S("<" CHECK_SENDER ">"), NULL, 0,
				 r->check->milter->only_authenticated);
}

static const struct milter_verdict *tell_rcpt(struct run *r)
{
	const struct slice parts[] = { S("<"), check_recipient(r->check),
				       S(">") };

	return milter_chain_rcpt(
		r->chain, arena_join(r->check->arena, parts, 3), NULL, 0);
}

static const struct milter_verdict *tell_data(struct run *r)
{
	return milter_chain_data(r->chain);
}

static const struct milter_verdict *tell_content(struct run *r)
{
	return milter_chain_content(r->chain, r->message);
}

static const struct {
	const char *name;
	const struct milter_verdict *(*tell)(struct run *r);
} steps[] = {
	{ "connect", tell_connect }, { "hello", tell_hello },
	{ "mail", tell_mail },       { "rcpt", tell_rcpt },
	{ "data", tell_data },       { "end of message", tell_content },
};

static const char *words(enum milter_verdict_kind kind)
{
	switch (kind) {
	case MILTER_GO_ON:
		return "go on";
	case MILTER_REFUSE:
		return "refuse";
	case MILTER_DROP:
		return "discard";
	case MILTER_CLOSE:
		return "close";
	}
	return "";
}

/* Returns whether the next step makes sense. */
static bool say_verdict(struct run *r, const char *stage)
{
	const struct milter_verdict *v = &r->verdict;
	struct check_step step = { .stage = stage, .result = words(v->kind) };

	if (v->is_failure) {
		check_fail(r->check, S("it cannot be asked"));
		return false;
	}
	if (v->kind == MILTER_REFUSE || v->kind == MILTER_CLOSE) {
		step.code = v->code;
		step.text = v->text;
	} else if (v->kind == MILTER_GO_ON && r->is_accepted) {
		step.result = "accept";
	}
	check_say_step(r->check, "steps", &step);
	return v->kind == MILTER_GO_ON && !r->is_accepted;
}

static bool do_step(struct run *r, size_t i)
{
	const struct milter_verdict *v;

	r->has_verdict = false;
	v = steps[i].tell(r);
	if (v != NULL)
		on_verdict(v, r);
	while (!r->has_verdict)
		if (event_base_loop(r->check->base, EVLOOP_ONCE) != 0)
			return false; /* nothing is left that could answer */
	return say_verdict(r, steps[i].name);
}

/* --- the chain -------------------------------------------------------------------- */

static struct milter_filter_config config_of(const struct check *c)
{
	const struct conf_milter *m = c->milter;
	struct milter_macro *macros =
		arena_array(c->arena, m->macros.count + 1, sizeof(*macros));

	for (size_t i = 0; i < m->macros.count; i++)
		if (!slice_cut(slice_of(m->macros.items[i]), '=',
			       &macros[i].name, &macros[i].value))
			macros[i].value.p = NULL;
	return (struct milter_filter_config){
		.name = m->name,
		.on_failure = MILTER_FAILURE_TEMPFAIL,
		.listeners = LISTENER,
		.connect_ms = (unsigned)m->connect_timeout * 1000,
		.command_ms = (unsigned)m->command_timeout * 1000,
		.content_ms = (unsigned)m->content_timeout * 1000,
		.version = (uint32_t)m->protocol,
		.is_original_index = strcmp(m->header_index, "original") == 0,
		.macros = macros,
		.macro_count = m->macros.count,
	};
}

void check_run(struct check *c, struct milter_message *message)
{
	struct run r = { .check = c, .message = message };
	const struct milter_filter_config filter = config_of(c);
	const struct milter_set_config config = {
		.base = c->base,
		.filters = &filter,
		.count = 1,
		.message_ms = MESSAGE_MS,
		.body_limit = c->conf->message_size_limit,
		.connector = { want, forget, &r },
	};
	struct milter_set *set = milter_set_new(&config, NULL);

	r.on_wanted = evtimer_new(c->base, on_wanted, &r);
	r.chain = milter_chain_new(set, LISTENER, false, &calls, &r);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (c->has_failed || !do_step(&r, i))
			break;
	milter_chain_free(&r.chain);
	milter_set_release(&set);
	event_free(r.on_wanted);
}
