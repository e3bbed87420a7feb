#include "filter_world.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct milter_chain {
	const struct milter_chain_calls *calls;
	void *arg;
	bool is_in_message;
	bool is_dropped;
	bool is_busy;
};

struct milter_message {
	uint64_t octets;
	struct slice hold;
};

static struct {
	const struct filter_rule *rules;
	enum filter_world_when when;
	const char *macro;
	const char *hold;
	const char *header;
	bool has_envelope;
	enum envelope_result envelope_result;
	struct envelope *envelope;
	struct milter_chain *chain;
	const struct milter_verdict *owed;
	char record[8192];
	size_t record_n;
} world;

struct envelope {
	envelope_on_done *on_done;
	void *arg;
};

static const struct milter_verdict go_on = { .kind = MILTER_GO_ON };

/* --- the record -------------------------------------------------------------------- */

static void put(struct slice text)
{
	assert(world.record_n + text.n < sizeof(world.record));
	memcpy(world.record + world.record_n, text.p, text.n);
	world.record_n += text.n;
	world.record[world.record_n] = '\0';
}

static const char *begin_event(const char *name)
{
	const char *event;

	if (world.record_n > 0)
		put(S(", "));
	event = world.record + world.record_n;
	put(slice_of(name));
	return event;
}

static void put_word(struct slice word)
{
	put(S(" "));
	put(word);
}

static void put_macro(const struct milter_chain *c)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct slice value;

	if (world.macro == NULL)
		return;
	put(S(" ["));
	if (c->calls->get_macro(MILTER_AT_MAIL, slice_of(world.macro), a,
				&value, c->arg))
		put(value);
	else
		put(S("none"));
	put(S("]"));
}

/* --- verdicts ------------------------------------------------------------------------ */

static const struct milter_verdict *find(const char *event)
{
	const struct filter_rule *r = world.rules;

	while (r->on != NULL && !slice_starts(slice_of(event), slice_of(r->on)))
		r++;
	return r->on != NULL ? &r->verdict : &go_on;
}

static const struct milter_verdict *answer(struct milter_chain *c,
					   const char *event)
{
	const struct milter_verdict *v = find(event);

	assert(!c->is_busy);
	put_macro(c);
	if (v->kind == MILTER_DROP)
		c->is_dropped = true;
	if (world.when == FILTER_AT_ONCE)
		return v;
	c->is_busy = true;
	world.owed = world.when == FILTER_LATER ? v : NULL;
	return NULL;
}

static void end_envelope(void)
{
	struct envelope *e = world.envelope;

	world.envelope = NULL;
	e->on_done(world.envelope_result, e->arg);
	mem_free(&e);
}

bool filter_world_settle(void)
{
	const struct milter_verdict *v = world.owed;

	if (world.envelope != NULL) {
		end_envelope();
		return true;
	}
	if (v == NULL)
		return false;
	world.owed = NULL;
	world.chain->is_busy = false;
	world.chain->calls->on_verdict(v, world.chain->arg);
	return true;
}

/* --- chain.h -------------------------------------------------------------------------- */

struct milter_chain *milter_chain_new(struct milter_set *set, uint32_t listener,
				      bool is_login_needed,
				      const struct milter_chain_calls *calls,
				      void *arg)
{
	struct milter_chain *c = mem_new(sizeof(*c));

	(void)set;
	assert(listener == (is_login_needed ? 2 : 1));
	c->calls = calls;
	c->arg = arg;
	world.chain = c;
	return c;
}

void milter_chain_free(struct milter_chain **chain)
{
	if (*chain == NULL)
		return;
	(void)begin_event("free");
	world.owed = NULL;
	world.chain = NULL;
	mem_free(chain);
}

const struct milter_verdict *milter_chain_connect(
	struct milter_chain *chain, const struct milter_client *client)
{
	const char *event = begin_event("connect");

	put_word(client->hostname);
	assert(client->family == '4' && client->port == 12345);
	assert(slice_equal(client->address, S("127.0.0.1")));
	return answer(chain, event);
}

const struct milter_verdict *milter_chain_hello(struct milter_chain *chain,
						struct slice name)
{
	const char *event = begin_event("hello");

	put_word(name);
	return answer(chain, event);
}

void milter_chain_resume(struct milter_chain *chain,
			 const struct milter_client *client, struct slice hello)
{
	(void)chain;
	assert(world.owed == NULL);
	(void)begin_event("resume");
	put_word(client->hostname);
	put_word(hello);
}

static const struct milter_verdict *path(struct milter_chain *c,
					 const char *name, struct slice path,
					 const struct slice *params,
					 size_t count)
{
	const char *event = begin_event(name);

	put_word(path);
	for (size_t i = 0; i < count; i++)
		put_word(params[i]);
	return answer(c, event);
}

const struct milter_verdict *milter_chain_mail(struct milter_chain *chain,
					       struct slice sender,
					       const struct slice *params,
					       size_t param_count,
					       bool is_authenticated)
{
	(void)is_authenticated;
	chain->is_in_message = true;
	chain->is_dropped = false;
	return path(chain, "mail", sender, params, param_count);
}

const struct milter_verdict *milter_chain_rcpt(struct milter_chain *chain,
					       struct slice recipient,
					       const struct slice *params,
					       size_t param_count)
{
	assert(chain->is_in_message && !chain->is_dropped);
	return path(chain, "rcpt", recipient, params, param_count);
}

const struct milter_verdict *milter_chain_rcpt_refused(
	struct milter_chain *chain, struct slice recipient,
	const struct slice *params, size_t param_count)
{
	assert(chain->is_in_message && !chain->is_dropped);
	return path(chain, "refused", recipient, params, param_count);
}

const struct milter_verdict *milter_chain_data(struct milter_chain *chain)
{
	assert(chain->is_in_message && !chain->is_dropped);
	return answer(chain, begin_event("data"));
}

const struct milter_verdict *milter_chain_unknown(struct milter_chain *chain,
						  struct slice line)
{
	const char *event = begin_event("unknown");

	put_word(line);
	return answer(chain, event);
}

const struct milter_verdict *milter_chain_content(
	struct milter_chain *chain, struct milter_message *message)
{
	assert(chain->is_in_message && !chain->is_dropped);
	message->hold = slice_of(world.hold);
	return answer(chain, begin_event("content"));
}

void milter_chain_abort(struct milter_chain *chain)
{
	if (chain->is_in_message)
		(void)begin_event("abort");
	chain->is_in_message = false;
	chain->is_busy = false;
	world.owed = NULL;
}

struct slice milter_chain_unfiltered(const struct milter_chain *chain,
				     struct arena *arena)
{
	(void)chain;
	(void)arena;
	return (struct slice){ .n = 0 };
}

/* --- message.h ------------------------------------------------------------------------- */

int milter_message_open(int fd, uint64_t octets, size_t hidden,
			struct milter_message **ret_message)
{
	(void)fd;
	assert(octets > 0 && hidden == 1);
	*ret_message = mem_new(sizeof(**ret_message));
	(*ret_message)->octets = octets;
	return 0;
}

void milter_message_free(struct milter_message **message)
{
	mem_free(message);
}

size_t milter_message_field_count(const struct milter_message *m)
{
	(void)m;
	return 0;
}

const struct milter_field *milter_message_field(const struct milter_message *m,
						size_t i)
{
	(void)m;
	(void)i;
	return NULL;
}

size_t milter_message_longest_field(const struct milter_message *m)
{
	(void)m;
	return 100;
}

bool milter_message_is_changed(const struct milter_message *m)
{
	(void)m;
	return world.header != NULL;
}

struct slice milter_message_header(const struct milter_message *m,
				   struct arena *arena)
{
	(void)m;
	return arena_copy(arena, slice_of(world.header));
}

struct milter_body milter_message_body(const struct milter_message *m)
{
	return (struct milter_body){ .octets = m->octets };
}

size_t milter_message_envelope_count(const struct milter_message *m)
{
	(void)m;
	return world.has_envelope;
}

struct slice milter_message_quarantine(const struct milter_message *m)
{
	return m->hold;
}

/* --- envelope.h ------------------------------------------------------------------------ */

struct envelope *envelope_start(const struct server *server,
				struct transaction *transaction,
				const struct milter_message *message,
				envelope_on_done *on_done, void *arg)
{
	struct envelope *e = mem_new(sizeof(*e));

	(void)server;
	(void)transaction;
	(void)message;
	e->on_done = on_done;
	e->arg = arg;
	world.envelope = e;
	return e;
}

void envelope_cancel(struct envelope **envelope)
{
	if (*envelope == NULL)
		return;
	world.envelope = NULL;
	mem_free(envelope);
}

/* --- for tests ------------------------------------------------------------------------- */

void filter_world_begin(struct server *server, const struct filter_rule *rules,
			enum filter_world_when when)
{
	memset(&world, 0, sizeof(world));
	world.rules = rules;
	world.when = when;
	/* Only its being there matters. */
	server->filters = (struct milter_set *)(void *)&world;
}

const char *filter_world_record(void)
{
	return world.record;
}

void filter_world_ask_macro(const char *name)
{
	world.macro = name;
}

void filter_world_hold(const char *reason)
{
	world.hold = reason;
}

void filter_world_add_header(const char *lines)
{
	world.header = lines;
}

void filter_world_edit_envelope(enum envelope_result result)
{
	world.has_envelope = true;
	world.envelope_result = result;
}
