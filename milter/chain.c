#include "milter/chain-private.h"

#include "base/mem.h"

#include <assert.h>

enum { EVENT_OCTETS = 1 << 20 }; /* what is said at one event */

static void keep_words(struct milter_chain *chain, struct slice first,
		       const struct slice *others, size_t count)
{
	struct slice *words;

	arena_clear(chain->words);
	words = arena_array(chain->words, count + 1, sizeof(*words));
	words[0] = arena_copy(chain->words, first);
	for (size_t i = 0; i < count; i++)
		words[i + 1] = arena_copy(chain->words, others[i]);
	chain->ask.strings = words;
	chain->ask.count = count + 1;
}

/* --- events ---------------------------------------------------------------------- */

static void keep_client(struct milter_chain *chain,
			const struct milter_client *client)
{
	struct milter_client *c = &chain->scene.client;

	*c = *client;
	c->hostname = arena_copy(chain->client, client->hostname);
	c->address = arena_copy(chain->client, client->address);
	for (size_t i = 0; i < chain->count; i++)
		milter_session_prepare(chain->sessions[i]);
}

static void keep_hello(struct milter_chain *chain, struct slice name)
{
	mem_free(&chain->hello);
	chain->hello = milter_chain_copy_text(name);
	chain->scene.hello = (struct slice){ chain->hello, name.n };
	chain->scene.has_hello = true;
}

const struct milter_verdict *milter_chain_connect(
	struct milter_chain *chain, const struct milter_client *client)
{
	keep_client(chain, client);
	return milter_chain_ask(chain, MILTER_ASK_CONNECT);
}

const struct milter_verdict *milter_chain_hello(struct milter_chain *chain,
						struct slice name)
{
	milter_chain_abort(chain);
	keep_hello(chain, name);
	return milter_chain_ask(chain, MILTER_ASK_HELLO);
}

void milter_chain_resume(struct milter_chain *chain,
			 const struct milter_client *client, struct slice hello)
{
	keep_client(chain, client);
	keep_hello(chain, hello);
}

const struct milter_verdict *milter_chain_mail(struct milter_chain *chain,
					       struct slice sender,
					       const struct slice *params,
					       size_t param_count,
					       bool is_authenticated)
{
	milter_chain_abort(chain);
	chain->is_in_message = true;
	chain->ask.is_authenticated = is_authenticated;
	keep_words(chain, sender, params, param_count);
	return milter_chain_ask(chain, MILTER_ASK_MAIL);
}

const struct milter_verdict *milter_chain_rcpt(struct milter_chain *chain,
					       struct slice recipient,
					       const struct slice *params,
					       size_t param_count)
{
	assert(chain->is_in_message);
	if (chain->is_over)
		return &chain->last_word;
	keep_words(chain, recipient, params, param_count);
	return milter_chain_ask(chain, MILTER_ASK_RCPT);
}

const struct milter_verdict *milter_chain_rcpt_refused(
	struct milter_chain *chain, struct slice recipient,
	const struct slice *params, size_t param_count)
{
	keep_words(chain, recipient, params, param_count);
	return milter_chain_ask(
		chain, MILTER_ASK_RCPT_REFUSED); /* of those in a message */
}

const struct milter_verdict *milter_chain_data(struct milter_chain *chain)
{
	assert(chain->is_in_message);
	if (chain->is_over)
		return &chain->last_word;
	return milter_chain_ask(chain, MILTER_ASK_DATA);
}

const struct milter_verdict *milter_chain_unknown(struct milter_chain *chain,
						  struct slice line)
{
	keep_words(chain, line, NULL, 0);
	return milter_chain_ask(chain, MILTER_ASK_UNKNOWN);
}

const struct milter_verdict *milter_chain_content(
	struct milter_chain *chain, struct milter_message *message)
{
	assert(chain->is_in_message);
	if (chain->is_over)
		return &chain->last_word;
	chain->ask.message = message;
	return milter_chain_ask(chain, MILTER_ASK_CONTENT);
}

void milter_chain_abort(struct milter_chain *chain)
{
	if (chain->is_asking)
		milter_session_cancel(chain->sessions[chain->at]);
	chain->is_asking = false;
	(void)event_del(chain->clock);
	milter_chain_end_message(chain);
	chain->is_in_message = false;
	chain->is_over = false;
}

/* --- what became of it ----------------------------------------------------------- */

bool milter_chain_is_dropped(const struct milter_chain *chain)
{
	return chain->is_over && chain->last_word.kind == MILTER_DROP;
}

struct slice milter_chain_unfiltered(const struct milter_chain *chain,
				     struct arena *arena)
{
	struct slice names = S("");

	for (size_t i = 0; i < chain->count; i++) {
		const char *name =
			milter_session_config(chain->sessions[i])->name;
		const struct slice words[] = { names, S(" "), slice_of(name) };

		if (!milter_session_is_left_out(chain->sessions[i]))
			continue;
		names = names.n == 0 ? words[2] : arena_join(arena, words, 3);
	}
	return names;
}

/* --- life ------------------------------------------------------------------------ */

static bool takes_part(const struct milter_filter_config *config,
		       uint32_t listener, bool is_login_needed)
{
	return (config->listeners & listener) != 0 &&
	       !(is_login_needed && config->only_unauthenticated);
}

static void open_sessions(struct milter_chain *chain, uint32_t listener,
			  bool is_login_needed)
{
	struct milter_set *set = chain->set;

	chain->sessions = mem_array(set->config.count + 1,
				    sizeof(struct milter_session *));
	for (size_t i = 0; i < set->config.count; i++)
		if (takes_part(&set->filters[i].config, listener,
			       is_login_needed))
			chain->sessions[chain->count++] = milter_session_new(
				set, i, &chain->scene, milter_chain_on_answer,
				chain);
}

struct milter_chain *milter_chain_new(struct milter_set *set, uint32_t listener,
				      bool is_login_needed,
				      const struct milter_chain_calls *calls,
				      void *arg)
{
	struct milter_chain *chain = mem_new(sizeof(*chain));

	milter_set_reference(set);
	chain->set = set;
	chain->scene.calls = calls;
	chain->scene.arg = arg;
	chain->scene.client = (struct milter_client){
		.hostname = S("localhost"),
		.family = 'U',
	};
	chain->client = arena_new(EVENT_OCTETS);
	chain->words = arena_new(EVENT_OCTETS);
	chain->clock =
		evtimer_new(set->config.base, milter_chain_on_clock, chain);
	assert(chain->clock != NULL);
	open_sessions(chain, listener, is_login_needed);
	if (chain->count == 0)
		milter_chain_free(&chain);
	return chain;
}

void milter_chain_free(struct milter_chain **chain)
{
	struct milter_chain *c = *chain;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		milter_session_free(&c->sessions[i]);
	event_free(c->clock);
	mem_free(&c->sessions);
	mem_free(&c->hello);
	mem_free(&c->last_text);
	arena_free(&c->client);
	arena_free(&c->words);
	milter_set_release(&c->set);
	mem_free(chain);
}
