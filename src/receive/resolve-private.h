/* Shared by resolve.c (who asks, when, who is told), resolve_walk.c (the way
 * from an address to its targets) and resolve_alias.c (where aliases lead). */
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
	struct hooks *hooks; /* may be NULL */
	const struct srs_keys *keys;
	const struct conf *conf;
	const struct domains *domains;
	struct user_cache *cache;
	struct resolution_list ready;   /* run when the loop comes by */
	struct resolution_list waiting; /* for Dovecot, or `hook` */
};

/* An address of ours on its way to targets. */
struct place {
	struct address address;
	struct slice key; /* canonical, for comparing */
	struct candidates candidates;
	size_t next;               /* candidate */
	bool was_in_host;          /* /etc/aliases was looked at */
	bool is_of_host;           /* and leads on from here */
	const struct alias *alias; /* while alias-resolve is asked, too */
	unsigned depth;
	STAILQ_ENTRY(place) entry;
};

STAILQ_HEAD(place_list, place);

struct resolution {
	TAILQ_ENTRY(resolution) entry;
	struct resolution_list *list; /* where entry is */
	struct resolver *resolver;
	struct userdb_lookup *lookup;
	struct hook_call *call;
	resolve_on_answer *on_answer;
	void *arg;
	struct address asked; /* its octets follow the struct */
	bool with_steps;
	bool with_users;
	bool is_for_host; /* asked so */
	bool may_relay;   /* asked so */
	bool is_report;   /* asked so: the sender is null */

	/* The way so far; a reload begins it again. All in arena. */
	struct arena *arena;
	bool is_in_host;          /* names of this machine count as ours */
	struct place_list places; /* the first is being looked at */
	struct names seen;        /* keys of all that were places */
	struct target_set targets;
	struct names users; /* canonical, as Dovecot says */
	struct slice *steps;
	size_t step_count;
	size_t answered; /* octets that alias-resolve has said */
	bool is_done;
	struct resolve_answer answer;
};

/*
 * Takes the way up, and goes on until somebody is asked (lookup or call is
 * set) or the answer is there (is_done). Who was asked goes on with
 * resolution_run().
 */
void resolve_walk_begin(struct resolution *r);
void resolve_walk(struct resolution *r);

/* Walks on, and ends a resolution that is done. */
void resolution_run(struct resolution *r);

/* --- the parts of the way --------------------------------------------------- */

#define RESOLVE_JOIN(r, ...)                                                   \
	arena_join((r)->arena, (const struct slice[]){ __VA_ARGS__ },          \
		   sizeof((const struct slice[]){ __VA_ARGS__ }) /             \
			   sizeof(struct slice))
/* A step in words, for those who want to see them. */
#define RESOLVE_STEP(r, ...)                                                   \
	do {                                                                   \
		if ((r)->with_steps)                                           \
			resolve_add_step((r), RESOLVE_JOIN((r), __VA_ARGS__)); \
	} while (0)

void resolve_add_step(struct resolution *r, struct slice words);
/* The answer is there; problem is empty for targets. */
void resolve_finish(struct resolution *r, enum resolve_result result,
		    struct slice problem);
/* Takes up an address of ours; from: whose alias leads to it, or NULL. */
void resolve_add_place(struct resolution *r, const struct address *address,
		       const struct place *from);
/* Returns false, and is done, when they are too many. */
bool resolve_add_target(struct resolution *r, struct target target);

/* The way ends outside. via: of struct target. is_by_alias: one of ours leads
 * there. */
void resolve_add_remote(struct resolution *r, const struct address *address,
			struct slice via, bool is_by_alias);

/* Takes the way back if local, at a domain of ours, is one of SRS. Returns
 * whether it is; then there is no other way. */
bool resolve_way_back(struct resolution *r, struct slice local);

/* Whether mail for domain is resolved here. */
bool resolve_is_ours(const struct resolution *r, struct slice domain);
/* Whether domain names this machine. */
bool resolver_is_host(const struct resolver *resolver, struct slice domain);
/* Follows what /etc/aliases has for place, the first; false: it has nothing. */
bool resolve_try_host(struct resolution *r, struct place *place);

/* Looks for the candidate place->next, an alias; follows it, or makes the next
 * one place->next, or asks `hook` first. place is the first. */
void resolve_try_alias(struct resolution *r, struct place *place);

#endif
