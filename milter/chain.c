#include "milter/chain.h"

#include "base/clock.h"
#include "base/mem.h"
#include "milter/filter-private.h"
#include "milter/session.h"

#include <assert.h>
#include <string.h>

enum { EVENT_OCTETS = 1 << 20 }; /* what is said at one event */

struct milter_chain {
	struct milter_set *set;
	struct milter_scene scene;
	struct arena *client; /* what the scene shows */
	char *hello;
	struct milter_session **sessions;
	size_t count;

	/* The event at hand. */
	bool is_asking;
	struct milter_ask ask;
	struct arena *words; /* its strings */
	size_t at;           /* the session that is asked */
	struct milter_verdict verdict;

	/* The message. */
	bool is_in_message;
	bool is_over; /* refused or dropped: last_word is for all that follows */
	struct milter_verdict last_word;
	struct event *clock;
	uint64_t deadline_ms; /* of its end */
};

/* --- the end of a message ------------------------------------------------------ */

static void end_message(struct milter_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		milter_session_end_message(chain->sessions[i]);
}

/* Refused or dropped by one, it is over for all. A recipient can be refused
 * alone. */
static bool is_last_word(const struct milter_chain *chain)
{
	switch (chain->ask.kind) {
	case MILTER_ASK_MAIL:
	case MILTER_ASK_DATA:
	case MILTER_ASK_CONTENT:
		return true;
	case MILTER_ASK_RCPT:
		return chain->verdict.kind != MILTER_REFUSE;
	case MILTER_ASK_CONNECT:
	case MILTER_ASK_HELLO:
	case MILTER_ASK_RCPT_REFUSED:
	case MILTER_ASK_UNKNOWN:
		break;
	}
	return false;
}

static void hold(struct milter_chain *chain, const char *filter)
{
	const struct slice words[] = { S("filter "), slice_of(filter),
				       S(" failed") };

	arena_clear(chain->words);
	milter_message_hold(chain->ask.message,
			    arena_join(chain->words, words, 3));
}

static void note_passed(struct milter_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct milter_filter_config *config =
			milter_session_config(chain->sessions[i]);

		if (!milter_session_is_left_out(chain->sessions[i]))
			continue;
		milter_session_tell_passed(chain->sessions[i]);
		if (config->on_failure == MILTER_FAILURE_QUARANTINE)
			hold(chain, config->name);
	}
}

static const struct milter_verdict *conclude(
	struct milter_chain *chain, const struct milter_verdict *verdict)
{
	bool is_content = chain->ask.kind == MILTER_ASK_CONTENT;

	chain->is_asking = false;
	(void)event_del(chain->clock);
	chain->verdict = (struct milter_verdict){ .kind = MILTER_GO_ON };
	if (verdict != NULL)
		chain->verdict = *verdict;
	if (verdict == NULL && is_content)
		note_passed(chain);
	if (verdict != NULL && is_last_word(chain)) {
		chain->is_over = true;
		chain->last_word = *verdict;
	}
	if (chain->is_over || is_content)
		end_message(chain);
	chain->is_in_message &= !is_content;
	return &chain->verdict;
}

/* --- one after the other --------------------------------------------------------- */

static void start_clock(struct milter_chain *chain, uint64_t ms)
{
	const struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
				    .tv_usec =
					    (suseconds_t)(ms % 1000 * 1000) };

	(void)event_add(chain->clock, &tv);
}

/* One that is only watched may take half of what time there is: it must not
 * use up the time of those that count. */
static enum milter_answer ask_content(struct milter_chain *chain,
				      struct milter_session *s)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t left = chain->deadline_ms > now ? chain->deadline_ms - now : 0;

	if (left == 0)
		return milter_session_expire(s, &chain->ask);
	start_clock(chain, milter_session_config(s)->dry_run ? left / 2 : left);
	return milter_session_ask(s, &chain->ask);
}

/* The verdict, or NULL when a filter has to be waited for. */
static const struct milter_verdict *run(struct milter_chain *chain,
					enum milter_answer answer)
{
	while (answer == MILTER_GOES_ON && chain->at < chain->count) {
		struct milter_session *s = chain->sessions[chain->at];

		if (chain->ask.kind == MILTER_ASK_CONTENT)
			answer = ask_content(chain, s);
		else
			answer = milter_session_ask(s, &chain->ask);
		if (answer == MILTER_GOES_ON)
			chain->at++;
	}
	switch (answer) {
	case MILTER_WAITS:
		return NULL;
	case MILTER_HAS_VERDICT:
		return conclude(chain, milter_session_verdict(
					       chain->sessions[chain->at]));
	case MILTER_GOES_ON:
		break;
	}
	return conclude(chain, NULL);
}

static void go_on(struct milter_chain *chain, enum milter_answer answer)
{
	const struct milter_verdict *verdict;

	if (answer == MILTER_GOES_ON)
		chain->at++;
	verdict = run(chain, answer);
	if (verdict != NULL)
		chain->scene.calls->on_verdict(verdict, chain->scene.arg);
}

static void on_answer(enum milter_answer answer, void *arg)
{
	go_on(arg, answer);
}

static void on_clock(int fd, short what, void *arg)
{
	struct milter_chain *chain = arg;
	struct milter_session *s = chain->sessions[chain->at];

	(void)fd;
	(void)what;
	if (!milter_session_config(s)->dry_run)
		chain->deadline_ms = 0; /* however the clocks differ */
	go_on(chain, milter_session_expire(s, &chain->ask));
}

static const struct milter_verdict *ask(struct milter_chain *chain,
					enum milter_ask_kind kind)
{
	assert(!chain->is_asking);
	chain->is_asking = true;
	chain->ask.kind = kind;
	chain->at = 0;
	return run(chain, MILTER_GOES_ON);
}

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

const struct milter_verdict *milter_chain_connect(
	struct milter_chain *chain, const struct milter_client *client)
{
	struct milter_client *c = &chain->scene.client;

	*c = *client;
	c->hostname = arena_copy(chain->client, client->hostname);
	c->address = arena_copy(chain->client, client->address);
	for (size_t i = 0; i < chain->count; i++)
		milter_session_prepare(chain->sessions[i]);
	return ask(chain, MILTER_ASK_CONNECT);
}

const struct milter_verdict *milter_chain_hello(struct milter_chain *chain,
						struct slice name)
{
	milter_chain_abort(chain);
	mem_free(&chain->hello);
	chain->hello = mem_array(name.n + 1, 1);
	if (name.n > 0)
		memcpy(chain->hello, name.p, name.n);
	chain->scene.hello = (struct slice){ chain->hello, name.n };
	chain->scene.has_hello = true;
	return ask(chain, MILTER_ASK_HELLO);
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
	return ask(chain, MILTER_ASK_MAIL);
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
	return ask(chain, MILTER_ASK_RCPT);
}

const struct milter_verdict *milter_chain_rcpt_refused(
	struct milter_chain *chain, struct slice recipient,
	const struct slice *params, size_t param_count)
{
	keep_words(chain, recipient, params, param_count);
	return ask(chain, MILTER_ASK_RCPT_REFUSED); /* of those in a message */
}

const struct milter_verdict *milter_chain_data(struct milter_chain *chain)
{
	assert(chain->is_in_message);
	if (chain->is_over)
		return &chain->last_word;
	return ask(chain, MILTER_ASK_DATA);
}

const struct milter_verdict *milter_chain_unknown(struct milter_chain *chain,
						  struct slice line)
{
	keep_words(chain, line, NULL, 0);
	return ask(chain, MILTER_ASK_UNKNOWN);
}

const struct milter_verdict *milter_chain_content(
	struct milter_chain *chain, struct milter_message *message)
{
	assert(chain->is_in_message);
	if (chain->is_over)
		return &chain->last_word;
	chain->ask.message = message;
	chain->deadline_ms =
		clock_monotonic_ms() + chain->set->config.message_ms;
	return ask(chain, MILTER_ASK_CONTENT);
}

void milter_chain_abort(struct milter_chain *chain)
{
	if (chain->is_asking)
		milter_session_cancel(chain->sessions[chain->at]);
	chain->is_asking = false;
	(void)event_del(chain->clock);
	end_message(chain);
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
				set, i, &chain->scene, on_answer, chain);
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
	chain->clock = evtimer_new(set->config.base, on_clock, chain);
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
	arena_free(&c->client);
	arena_free(&c->words);
	milter_set_release(&c->set);
	mem_free(chain);
}
