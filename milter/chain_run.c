#include "milter/chain-private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

char *milter_chain_copy_text(struct slice text)
{
	char *copy = mem_array(text.n + 1, 1);

	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	return copy;
}

/* --- the end of a message ------------------------------------------------------ */

void milter_chain_end_message(struct milter_chain *chain)
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

/* The session's own copy is good only until its next verdict. */
static void keep_last_word(struct milter_chain *chain)
{
	struct slice text = chain->verdict.text;

	mem_free(&chain->last_text);
	chain->last_text = milter_chain_copy_text(text);
	chain->last_word = chain->verdict;
	chain->last_word.text.p = chain->last_text;
	chain->is_over = true;
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
	if (verdict != NULL && is_last_word(chain))
		keep_last_word(chain);
	if (chain->is_over || is_content)
		milter_chain_end_message(chain);
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
static enum milter_answer ask_in_time(struct milter_chain *chain,
				      struct milter_session *s)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t left = chain->deadline_ms > now ? chain->deadline_ms - now : 0;
	enum milter_answer answer;

	if (left == 0)
		return milter_session_expire(s, &chain->ask);
	answer = milter_session_ask(s, &chain->ask);
	if (answer == MILTER_WAITS)
		start_clock(chain, milter_session_config(s)->dry_run ? left / 2
								     : left);
	return answer;
}

/* The verdict, or NULL when a filter has to be waited for. */
static const struct milter_verdict *run(struct milter_chain *chain,
					enum milter_answer answer)
{
	while (answer == MILTER_GOES_ON && chain->at < chain->count) {
		struct milter_session *s = chain->sessions[chain->at];

		answer = ask_in_time(chain, s);
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

void milter_chain_on_answer(enum milter_answer answer, void *arg)
{
	go_on(arg, answer);
}

void milter_chain_on_clock(int fd, short what, void *arg)
{
	struct milter_chain *chain = arg;
	struct milter_session *s = chain->sessions[chain->at];

	(void)fd;
	(void)what;
	if (!milter_session_config(s)->dry_run)
		chain->deadline_ms = 0; /* however the clocks differ */
	go_on(chain, milter_session_expire(s, &chain->ask));
}

const struct milter_verdict *milter_chain_ask(struct milter_chain *chain,
					      enum milter_ask_kind kind)
{
	assert(!chain->is_asking);
	chain->is_asking = true;
	chain->ask.kind = kind;
	chain->deadline_ms =
		clock_monotonic_ms() + chain->set->config.message_ms;
	chain->at = 0;
	return run(chain, MILTER_GOES_ON);
}
