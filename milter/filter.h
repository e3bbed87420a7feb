/*
 * The filters of one configuration: what is set, what is counted, and which of
 * them are believed to be away. Shared by all chains; a new configuration
 * makes a new set, and the old one lives until its last chain ends. A server
 * that wants an old session to go over gives it a new chain between two
 * messages: milter_chain_resume().
 */
#ifndef MILTER_FILTER_H
#define MILTER_FILTER_H

#include "milter/wire.h"

#include <event2/event.h>

/* What happens to mail when a filter cannot be asked. */
enum milter_failure {
	MILTER_FAILURE_TEMPFAIL,
	MILTER_FAILURE_ACCEPT, /* it goes on without this filter */
	MILTER_FAILURE_REJECT,
	MILTER_FAILURE_QUARANTINE, /* the same, and the message is held */
};

struct milter_filter_config {
	const char *name;
	enum milter_failure on_failure;
	uint32_t listeners; /* bits of the caller's; see milter_chain_new() */
	bool only_unauthenticated;
	bool only_authenticated;
	bool dry_run;        /* its verdicts and edits are told, not obeyed */
	unsigned connect_ms; /* for each address; twice for all */
	unsigned command_ms; /* for each reply before the content */
	unsigned content_ms; /* for each reply to the content */
	uint32_t version;    /* the highest to offer: 2, 3, 4 or 6 */
	bool is_original_index; /* edits.h */
	/* Sent as well where a stage's list does not have them; the value of
	 * one with value.p NULL is asked for like any other. A value of j, v
	 * or {daemon_name} takes the place of the server's. */
	const struct milter_macro *macros;
	size_t macro_count;
};

/*
 * How filters are connected to. token names the wish: milter_connected()
 * answers it once, never from within want(); forget() takes it back.
 * attempt: 0 first; then the next of a name's several addresses.
 */
struct milter_connector {
	void (*want)(const char *filter, unsigned attempt, void *token,
		     void *arg);
	void (*forget)(void *token, void *arg);
	void *arg;
};
/* fd is taken over; -1: error says why (negative errno), and has_more whether
 * there is another address. where: for the log. */
void milter_connected(void *token, int fd, int error, bool has_more,
		      struct slice where);

struct milter_set_config {
	struct event_base *base;
	const struct milter_filter_config *filters; /* in order; copied */
	size_t count;
	/* All filters together, for one event; a message's content takes the
	 * longest. PROGRESS, however often, wins no more than this. */
	unsigned message_ms;
	uint64_t body_limit; /* octets of a replaced body */
	struct milter_connector connector;
};

struct milter_set;

/* One reference is the caller's. previous (or NULL): counters and what is
 * known of filters with the same name are taken over. */
struct milter_set *milter_set_new(const struct milter_set_config *config,
				  const struct milter_set *previous);
/* Gives up one reference. */
void milter_set_release(struct milter_set **set);
size_t milter_set_count(const struct milter_set *set);

enum milter_filter_state {
	MILTER_UNTRIED,
	MILTER_WORKS,
	MILTER_IS_AWAY, /* it failed; not tried again before its time */
};

/* What one process knows of a filter. */
struct milter_filter_stats {
	enum milter_filter_state state;
	struct milter_options options; /* of the last negotiation; no symbols */
	uint64_t connections;          /* made, in all */
	uint64_t messages;             /* it saw to their end */
	uint64_t rejected;             /* replies 5xx, at any stage */
	uint64_t deferred;             /* replies 4xx, at any stage */
	uint64_t discarded;
	uint64_t quarantined;
	uint64_t edited;      /* messages changed */
	uint64_t failed;      /* times it could not be asked */
	uint64_t unfiltered;  /* messages that passed without it for that */
	struct slice problem; /* the last failure; lives as long as the set */
	int64_t failed_at;    /* its wall-clock second, 0: never */
};

const char *milter_set_name(const struct milter_set *set, size_t i);
struct milter_filter_stats milter_set_stats(const struct milter_set *set,
					    size_t i);

#endif
