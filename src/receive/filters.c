#include "receive/filters-private.h"

#include "base/mem.h"
#include "receive/filter_log.h"
#include "receive/filter_set.h"

#include <ctype.h>

static const struct milter_verdict go_on = { .kind = MILTER_GO_ON };

/* --- asking ---------------------------------------------------------------------- */

static void take(struct session *s, const struct milter_verdict *v,
		 filters_then *then)
{
	if (v->kind == MILTER_DROP && s->tx != NULL)
		s->tx->dropped_by =
			arena_copy(s->tx->arena, slice_of(v->filter));
	then(s, v);
}

/* v: what the chain said at once, or NULL. */
static void ask(struct session *s, const struct milter_verdict *v,
		filters_then *then)
{
	if (v != NULL) {
		take(s, v, then);
	} else {
		s->op = OP_FILTER;
		s->filters->then = then;
	}
}

static void on_verdict(const struct milter_verdict *v, void *arg)
{
	struct session *s = arg;

	session_op_done(s);
	arena_clear(s->server->scratch);
	take(s, v, s->filters->then);
	session_run(s);
}

static void on_event(const struct milter_event *event, void *arg)
{
	struct session *s = arg;

	if (event->kind == MILTER_EVENT_EDIT && !event->is_dry_run)
		s->filters->edit_count++;
	filter_log_event(s->server->filter_log,
			 s->tx != NULL ? &s->tx->log : &s->log, event);
}

static const struct milter_chain_calls calls = {
	.on_verdict = on_verdict,
	.get_macro = filter_macro,
	.on_event = on_event,
};

/* Whoever is refused for good is not asked about again. */
static bool is_asked(const struct session *s)
{
	return s->filters != NULL && !s->filters->is_refused;
}

static bool is_asked_about_message(const struct session *s)
{
	return is_asked(s) && s->tx->dropped_by.n == 0;
}

/* --- the stages ------------------------------------------------------------------- */

static struct milter_client client_of(const struct session *s)
{
	struct arena *a = s->server->scratch;
	struct milter_client c = { .family = 'U', .hostname = S("unknown") };

	if (session_is_local(s))
		return (struct milter_client){ .family = '4',
					       .address = S("127.0.0.1"),
					       .hostname = S("localhost") };
	c.address = session_peer_text(&s->peer, a);
	if (c.address.n == 0)
		return c;
	c.family = slice_find(c.address, ':') < c.address.n ? '6' : '4';
	c.port = session_peer_port(&s->peer);
	/* No name: nobody has looked for one. */
	c.hostname = arena_join(
		a, (const struct slice[]){ S("["), c.address, S("]") }, 3);
	return c;
}

void filters_connect(struct session *s, filters_then *then)
{
	const struct milter_verdict *v = &go_on;

	if (is_asked(s)) {
		const struct milter_client c = client_of(s);

		v = milter_chain_connect(s->filters->chain, &c);
	}
	ask(s, v, then);
}

struct slice filters_hello_name(const struct session *s)
{
	return session_is_local(s) ? S("localhost") : slice_of(s->hello);
}

void filters_hello(struct session *s, filters_then *then)
{
	const struct milter_verdict *v = &go_on;

	if (is_asked(s))
		v = milter_chain_hello(s->filters->chain,
				       filters_hello_name(s));
	ask(s, v, then);
}

void filters_mail(struct session *s, filters_then *then)
{
	const struct milter_verdict *v = &go_on;
	const struct filter_words *w;

	if (is_asked(s)) {
		w = &s->filters->mail;
		s->filters->edit_count = 0;
		v = milter_chain_mail(s->filters->chain, w->path, w->params,
				      w->param_count, session_may_relay(s));
	}
	ask(s, v, then);
}

void filters_rcpt(struct session *s, filters_then *then)
{
	const struct milter_verdict *v = &go_on;
	const struct filter_words *w;

	if (is_asked_about_message(s)) {
		w = &s->filters->rcpt;
		v = milter_chain_rcpt(s->filters->chain, w->path, w->params,
				      w->param_count);
	}
	ask(s, v, then);
}

void filters_rcpt_refused(struct session *s, filters_then *then)
{
	const struct milter_verdict *v = &go_on;
	const struct filter_words *w;

	if (is_asked_about_message(s)) {
		w = &s->filters->rcpt;
		v = milter_chain_rcpt_refused(s->filters->chain, w->path,
					      w->params, w->param_count);
	}
	ask(s, v, then);
}

void filters_data(struct session *s, filters_then *then)
{
	ask(s,
	    is_asked_about_message(s) ? milter_chain_data(s->filters->chain)
				      : &go_on,
	    then);
}

void filters_unknown(struct session *s, struct slice line, filters_then *then)
{
	ask(s,
	    is_asked(s) ? milter_chain_unknown(s->filters->chain, line)
			: &go_on,
	    then);
}

void filters_content(struct session *s, filters_then *then)
{
	ask(s,
	    is_asked_about_message(s)
		    ? milter_chain_content(s->filters->chain, s->tx->message)
		    : &go_on,
	    then);
}

void filters_abort(struct session *s)
{
	if (s->filters != NULL)
		milter_chain_abort(s->filters->chain);
}

/* --- what is kept ------------------------------------------------------------------- */

static size_t count_words(struct slice text)
{
	struct slice word;
	size_t n = 0;

	while (text.n > 0) {
		(void)slice_cut(text, ' ', &word, &text);
		n += word.n > 0;
	}
	return n;
}

/* RFC 5321 C: the route is not ours to pass on. */
static struct slice without_route(struct slice path, struct arena *a)
{
	struct slice route, rest;

	if (path.n < 2 || path.p[1] != '@' ||
	    !slice_cut(path, ':', &route, &rest))
		return arena_copy(a, path);
	return arena_join(a, (const struct slice[]){ S("<"), rest }, 2);
}

static void keep(struct filter_words *w, struct arena *a, struct slice path,
		 struct slice params)
{
	struct slice word;

	params = arena_copy(a, params);
	w->path = without_route(path, a);
	w->params = arena_array(a, count_words(params), sizeof(*w->params));
	w->param_count = 0;
	while (params.n > 0) {
		(void)slice_cut(params, ' ', &word, &params);
		if (word.n > 0)
			w->params[w->param_count++] = word;
	}
}

void filters_keep_mail(struct session *s, struct slice path,
		       struct slice params)
{
	if (s->filters == NULL)
		return;
	keep(&s->filters->mail, s->tx->arena, path, params);
	s->filters->rcpt = (struct filter_words){ .param_count = 0 };
}

void filters_keep_rcpt(struct session *s, struct slice path,
		       struct slice params)
{
	if (s->filters != NULL)
		keep(&s->filters->rcpt, s->tx->arena, path, params);
}

void filters_keep_login(struct session *s, const char *mechanism)
{
	char *at;

	mem_free(&s->mechanism);
	s->mechanism = mem_string(mechanism);
	/* Filters compare it. */
	for (at = s->mechanism; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
}

size_t filters_edit_count(const struct session *s)
{
	return s->filters != NULL ? s->filters->edit_count : 0;
}

struct slice filters_missing(const struct session *s, struct arena *arena)
{
	if (s->filters == NULL)
		return (struct slice){ .n = 0 };
	return milter_chain_unfiltered(s->filters->chain, arena);
}

/* --- birth and end -------------------------------------------------------------------- */

static uint32_t door_of(const struct session *s)
{
	if (session_is_local(s))
		return FILTER_LOCAL;
	return session_is_submission(s) ? FILTER_SUBMISSION : FILTER_SMTP;
}

static void use_chain(struct session *s, struct milter_chain *chain)
{
	if (chain == NULL)
		return;
	s->filters = mem_new(sizeof(*s->filters));
	s->filters->chain = chain;
}

static struct milter_chain *new_chain(struct session *s)
{
	s->filter_generation = s->server->filter_generation;
	if (s->server->filters == NULL)
		return NULL;
	return milter_chain_new(s->server->filters, door_of(s),
				session_is_submission(s), &calls, s);
}

void filters_begin(struct session *s)
{
	use_chain(s, new_chain(s));
}

void filters_renew(struct session *s)
{
	const bool is_new =
		s->filter_generation != s->server->filter_generation;

	if (!is_new || filters_standing(s) != NULL)
		return;
	filters_free(&s->filters);
	use_chain(s, new_chain(s));
	if (s->filters != NULL) {
		const struct milter_client c = client_of(s);

		milter_chain_resume(s->filters->chain, &c,
				    filters_hello_name(s));
	}
}

void filters_free(struct filters **filters)
{
	if (*filters == NULL)
		return;
	milter_chain_free(&(*filters)->chain);
	mem_free(&(*filters)->standing_text);
	mem_free(filters);
}
