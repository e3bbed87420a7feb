#include "receive/hooks.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>

/* `hook` has the time limits of its programs; these are for a `hook` that does
 * not answer at all. */
enum {
	POST_DATA_MS = 65000,
	ALIAS_RESOLVE_MS = 10000,
	AWAY_MS = 0, /* an answer comes later, never at once */
};

struct hook_call {
	TAILQ_ENTRY(hook_call) entry;
	struct hooks *hooks;
	uint64_t id;
	const char *problem; /* what its timer means */
	struct event *timer;
	hooks_on_post_data *on_post_data; /* one of these two */
	hooks_on_alias *on_alias;
	void *arg;
};

struct hooks {
	struct role_self *self;
	bool has_post_data, has_alias_resolve;
	uint64_t last_id;
	TAILQ_HEAD(, hook_call) calls;
};

struct hooks *hooks_new(struct role_self *self)
{
	struct hooks *h = mem_new(sizeof(*h));

	h->self = self;
	TAILQ_INIT(&h->calls);
	return h;
}

static void call_free(struct hook_call **call)
{
	struct hook_call *c = *call;

	TAILQ_REMOVE(&c->hooks->calls, c, entry);
	event_free(c->timer);
	mem_free(call);
}

void hooks_free(struct hooks **hooks)
{
	struct hook_call *c;

	if (*hooks == NULL)
		return;
	while ((c = TAILQ_FIRST(&(*hooks)->calls)) != NULL)
		call_free(&c);
	mem_free(hooks);
}

void hooks_configure(struct hooks *hooks, const struct msg_conf_hooks *m)
{
	hooks->has_post_data = m->has_post_data;
	hooks->has_alias_resolve = m->has_alias_resolve;
}

bool hooks_has_post_data(const struct hooks *hooks)
{
	return hooks->has_post_data;
}

bool hooks_has_alias_resolve(const struct hooks *hooks)
{
	return hooks->has_alias_resolve;
}

/* --- answers ---------------------------------------------------------------------- */

/* The call is gone when its owner hears of the end. */
static void end_post_data(struct hook_call *c,
			  const struct msg_post_data_result *result)
{
	hooks_on_post_data *done = c->on_post_data;
	void *arg = c->arg;

	call_free(&c);
	done(result, arg);
}

static void end_alias(struct hook_call *c,
		      const struct msg_alias_resolved *result)
{
	hooks_on_alias *done = c->on_alias;
	void *arg = c->arg;

	call_free(&c);
	done(result, arg);
}

static void fail(struct hook_call *c, const char *problem)
{
	const struct msg_post_data_result post_data = {
		.result = HOOK_TRY_LATER, .problem = slice_of(problem)
	};
	const struct msg_alias_resolved alias = { .is_answered = false,
						  .problem =
							  slice_of(problem) };

	if (c->on_post_data != NULL)
		end_post_data(c, &post_data);
	else
		end_alias(c, &alias);
}

static struct hook_call *find(const struct hooks *h, uint64_t id)
{
	struct hook_call *c;

	TAILQ_FOREACH(c, &h->calls, entry)
		if (c->id == id)
			return c;
	return NULL; /* cancelled meanwhile */
}

void hooks_on_message(struct hooks *hooks, const struct message *m)
{
	struct hook_call *c = NULL;

	if (m->type == MESSAGE_POST_DATA_RESULT) {
		c = find(hooks, m->post_data_result.id);
		if (c != NULL && c->on_post_data != NULL)
			end_post_data(c, &m->post_data_result);
	} else if (m->type == MESSAGE_ALIAS_RESOLVED) {
		c = find(hooks, m->alias_resolved.id);
		if (c != NULL && c->on_alias != NULL)
			end_alias(c, &m->alias_resolved);
	}
}

void hooks_on_hook_gone(struct hooks *hooks)
{
	struct hook_call *c;
	uint64_t last = hooks->last_id;

	/* Those that an owner begins meanwhile are not among them. */
	while ((c = TAILQ_FIRST(&hooks->calls)) != NULL && c->id <= last)
		fail(c, "the process that runs programs is gone");
}

/* --- questions -------------------------------------------------------------------- */

static void on_timer(int fd, short what, void *arg)
{
	struct hook_call *c = arg;

	(void)fd;
	(void)what;
	fail(c, c->problem);
}

static struct hook_call *call_new(struct hooks *h, bool is_there, unsigned ms)
{
	struct hook_call *c = mem_new(sizeof(*c));

	if (!is_there)
		ms = AWAY_MS;
	c->hooks = h;
	c->id = ++h->last_id;
	c->problem = is_there ? "no answer in time"
			      : "the process that runs programs is away";
	c->timer = evtimer_new(role_base(h->self), on_timer, c);
	assert(c->timer != NULL);
	(void)event_add(c->timer,
			&(struct timeval){ .tv_sec = ms / 1000,
					   .tv_usec = ms % 1000 * 1000L });
	TAILQ_INSERT_TAIL(&h->calls, c, entry);
	return c;
}

struct hook_call *hooks_post_data(struct hooks *hooks,
				  const struct msg_post_data *message,
				  int content_fd, hooks_on_post_data *done,
				  void *arg)
{
	struct link *hook = role_peer(hooks->self, ROLE_HOOK, 0);
	struct hook_call *c = call_new(hooks, hook != NULL, POST_DATA_MS);
	struct message m = { .type = MESSAGE_POST_DATA, .post_data = *message };

	c->on_post_data = done;
	c->arg = arg;
	m.post_data.id = c->id;
	if (hook != NULL)
		link_send(hook, &m, content_fd);
	return c;
}

struct hook_call *hooks_alias_resolve(struct hooks *hooks, struct slice address,
				      hooks_on_alias *done, void *arg)
{
	struct link *hook = role_peer(hooks->self, ROLE_HOOK, 0);
	struct hook_call *c = call_new(hooks, hook != NULL, ALIAS_RESOLVE_MS);
	const struct message m = { .type = MESSAGE_ALIAS_RESOLVE,
				   .alias_resolve = { .id = c->id,
						      .address = address } };

	c->on_alias = done;
	c->arg = arg;
	if (hook != NULL)
		link_send(hook, &m, -1);
	return c;
}

void hook_call_cancel(struct hook_call **call)
{
	struct hook_call *c = *call;
	struct link *hook;
	struct message m = { .type = MESSAGE_HOOK_CANCEL };

	if (c == NULL)
		return;
	hook = role_peer(c->hooks->self, ROLE_HOOK, 0);
	m.hook_cancel.id = c->id;
	if (hook != NULL)
		link_send(hook, &m, -1);
	call_free(call);
}
