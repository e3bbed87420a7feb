#include "dns/unbound.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { CLASS_IN = 1, ANCHOR_OCTETS = 8192 };

/* What libunbound calls back for. It owns none: these are freed after their
 * answer, or with the resolver. */
struct question {
	LIST_ENTRY(question) entry;
	struct unbound *unbound;
	int id;
	unbound_done *done; /* NULL: cancelled */
	void *arg;
};

struct unbound {
	struct ub_ctx *ctx;
	struct event *on_readable;
	LIST_HEAD(, question) questions;
};

/* --- birth -------------------------------------------------------------------- */

/* Beyond its defaults for libraries, which are meant for a question or two. */
static const char *const options[][2] = {
	{ "do-not-query-localhost:", "no" },
	{ "outgoing-range:", "256" },
	{ "num-queries-per-thread:", "1024" },
	{ "msg-cache-size:", "4m" },
	{ "rrset-cache-size:", "8m" },
	/* a resolver that was away is asked again at once when it is back */
	{ "infra-keep-probing:", "yes" },
	{ "infra-host-ttl:", "60" },
	{ "cache-max-negative-ttl:", "300" },
	{ "harden-dnssec-stripped:", "yes" },
	{ "trust-anchor-signaling:", "no" },
};

static void set_options(struct ub_ctx *ctx)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (ub_ctx_set_option(ctx, options[i][0], options[i][1]) != 0)
			LOG(LOG_DEBUG, NULL, "libunbound lacks an option",
			    log_string("option", options[i][0]));
}

static bool add_resolvers(struct ub_ctx *ctx, const char *const *addresses,
			  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int error = ub_ctx_set_fwd(ctx, addresses[i]);

		if (error == 0)
			continue;
		LOG(LOG_ERROR, NULL, "cannot use a resolver",
		    log_string("resolver", addresses[i]),
		    log_string("error", ub_strerror(error)));
		return false;
	}
	return true;
}

static void add_anchor(struct ub_ctx *ctx, struct slice line)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct slice rest;

	(void)slice_cut(line, ';', &line, &rest);
	line = slice_trim(line);
	if (line.n == 0)
		return;
	if (line.n > ANCHOR_OCTETS || slice_find(line, '\0') < line.n ||
	    ub_ctx_add_ta(ctx, arena_string(a, line)) != 0)
		LOG(LOG_ERROR, NULL, "a trust anchor cannot be used",
		    log_text("line", line));
}

static void add_anchors(struct ub_ctx *ctx, struct slice text)
{
	while (text.n > 0) {
		struct slice line;

		(void)slice_cut(text, '\n', &line, &text);
		add_anchor(ctx, line);
	}
}

static void on_readable(int fd, short what, void *arg)
{
	struct unbound *r = arg;
	int error = ub_process(r->ctx);

	(void)fd;
	(void)what;
	if (error != 0)
		LOG(LOG_ERROR, NULL, "libunbound failed",
		    log_string("error", ub_strerror(error)));
}

static int prepare(struct unbound *r, struct event_base *base)
{
	int error = ub_ctx_async(r->ctx, 1);

	if (error != 0)
		return error;
	r->on_readable = event_new(base, ub_fd(r->ctx), EV_READ | EV_PERSIST,
				   on_readable, r);
	assert(r->on_readable != NULL);
	(void)event_add(r->on_readable, NULL);
	return 0;
}

struct unbound *unbound_new(struct event_base *base,
			    const char *const *addresses, size_t count,
			    struct slice anchors)
{
	AUTO(unbound_free) struct unbound *r = mem_new(sizeof(*r));
	struct unbound *made;

	LIST_INIT(&r->questions);
	r->ctx = ub_ctx_create();
	if (r->ctx == NULL)
		return NULL;
	(void)ub_ctx_debugout(r->ctx, NULL); /* it would write to stderr */
	set_options(r->ctx);
	add_anchors(r->ctx, anchors);
	if (!add_resolvers(r->ctx, addresses, count) || prepare(r, base) != 0)
		return NULL;
	made = r;
	r = NULL; /* now the caller's */
	return made;
}

/* --- questions ---------------------------------------------------------------- */

static void question_free(struct question *q)
{
	LIST_REMOVE(q, entry);
	mem_free(&q);
}

static void on_result(void *arg, int error, struct ub_result *result)
{
	struct question *q = arg;
	unbound_done *done = q->done;
	void *done_arg = q->arg;

	question_free(q);
	if (done != NULL)
		done(error, result, done_arg);
	ub_resolve_free(result);
}

/* NOLINTNEXTLINE(readability-function-size): what, and whom to tell */
int unbound_ask(struct unbound *r, const char *name, int type,
		unbound_done *done, void *arg, int *ret_id)
{
	struct question *q = mem_new(sizeof(*q));
	int error;

	q->unbound = r;
	q->done = done;
	q->arg = arg;
	LIST_INSERT_HEAD(&r->questions, q, entry);
	error = ub_resolve_async(r->ctx, name, type, CLASS_IN, q, on_result,
				 &q->id);
	if (error != 0)
		question_free(q);
	else
		*ret_id = q->id;
	return error;
}

void unbound_cancel(struct unbound *r, int id)
{
	struct question *q;

	LIST_FOREACH(q, &r->questions, entry)
		if (q->id == id)
			break;
	if (q == NULL)
		return;
	/* When its answer is on the way, it comes all the same. */
	q->done = NULL;
	if (ub_cancel(r->ctx, id) == 0)
		question_free(q);
}

void unbound_free(struct unbound **unbound)
{
	struct unbound *r = *unbound;
	struct question *q;

	if (r == NULL)
		return;
	if (r->on_readable != NULL)
		event_free(r->on_readable);
	if (r->ctx != NULL)
		ub_ctx_delete(r->ctx);
	while ((q = LIST_FIRST(&r->questions)) != NULL)
		question_free(q);
	mem_free(unbound);
}
