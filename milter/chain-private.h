/*
 * A chain's members: chain.c has its events, chain_run.c asks the filters.
 */
#ifndef MILTER_CHAIN_PRIVATE_H
#define MILTER_CHAIN_PRIVATE_H

#include "milter/filter-private.h"
#include "milter/session.h"

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
	struct event *clock;
	uint64_t deadline_ms; /* for all sessions */

	/* The message. */
	bool is_in_message;
	bool is_over; /* refused or dropped: last_word is for all that follows */
	struct milter_verdict last_word;
	char *last_text; /* of that */
};

/* Asks all of them what chain->ask says, as kind. The verdict, or NULL when a
 * filter has to be waited for. */
const struct milter_verdict *milter_chain_ask(struct milter_chain *chain,
					      enum milter_ask_kind kind);
/* A session's on_answer, and the chain's clock's. */
void milter_chain_on_answer(enum milter_answer answer, void *arg);
void milter_chain_on_clock(int fd, short what, void *arg);
/* The message is over for all. */
void milter_chain_end_message(struct milter_chain *chain);
char *milter_chain_copy_text(struct slice text);

#endif
