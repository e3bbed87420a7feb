/* Shared by resolve.c (who asks, when, who is told) and resolve_walk.c (the
 * way from an address to its targets). */
#ifndef RECEIVE_RESOLVE_PRIVATE_H
#define RECEIVE_RESOLVE_PRIVATE_H

#include "base/list.h"
#include "receive/candidates.h"
#include "receive/resolve.h"
#include "receive/target_set.h"
#include "receive/user_cache.h"

TAILQ_HEAD(resolution_list, resolution);

struct resolver {
	struct event *ready_event;
	struct userdb_client *users;
	const struct conf *conf;
	const struct domains *domains;
	struct user_cache *cache;
	struct resolution_list ready;   /* run when the loop comes by */
	struct resolution_list waiting; /* for Dovecot */
};

/* An address of ours on its way to targets. */
struct place {
	struct address address;
	struct slice key; /* canonical, for comparing */
	struct candidates candidates;
	size_t next; /* candidate */
	unsigned depth;
	STAILQ_ENTRY(place) entry;
};

STAILQ_HEAD(place_list, place);

struct resolution {
	TAILQ_ENTRY(resolution) entry;
	struct resolution_list *list; /* where entry is */
	struct resolver *resolver;
	struct userdb_lookup *lookup;
	resolve_on_answer *on_answer;
	void *arg;
	struct address asked; /* its octets follow the struct */
	bool with_steps;

	/* The way so far; a reload begins it again. All in arena. */
	struct arena *arena;
	struct place_list places; /* the first is being looked at */
	struct names seen;        /* keys of all that were places */
	struct target_set targets;
	struct slice *steps;
	size_t step_count;
	bool is_done;
	struct resolve_answer answer;
};

/*
 * Takes the way up, and goes on until Dovecot is asked (lookup is set) or the
 * answer is there (is_done). Dovecot's answer comes to resolution_run().
 */
void resolve_walk_begin(struct resolution *r);
void resolve_walk(struct resolution *r);

/* Walks on, and ends a resolution that is done. */
void resolution_run(struct resolution *r);

#endif
