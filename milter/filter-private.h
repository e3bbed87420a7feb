/*
 * A filter as its set knows it; for the files of this folder.
 *
 * The breaker: after a failed connection a filter is away for 1 s, and for
 * twice as long each time after that, up to 60 s. When the time has come one
 * session tries; the others wait for what it finds.
 *
 * Replies that do not come in time do not count: what a message holds, and what
 * DNS says of its sender, are a client's to choose, so two of a bad kind would
 * keep the filter from everyone's mail.
 */
#ifndef MILTER_FILTER_PRIVATE_H
#define MILTER_FILTER_PRIVATE_H

#include "base/arena.h"
#include "milter/filter.h"

enum {
	MILTER_AWAY_FIRST_MS = 1000,
	MILTER_AWAY_LONGEST_MS = 60000,
	MILTER_PROBLEM_OCTETS = 256,
};

struct milter_filter {
	struct milter_filter_config config; /* its strings are the set's */
	struct milter_filter_stats stats;
	char problem[MILTER_PROBLEM_OCTETS];
	uint64_t retry_at_ms; /* while it is away */
	unsigned away_ms;
	bool is_tried; /* one tries again, though it is away */
};

struct milter_set {
	unsigned references;
	struct milter_set_config config; /* filters: not used */
	struct arena *arena;
	struct milter_filter *filters;
};

void milter_set_reference(struct milter_set *set);

/* Whether to try. While it is away one is told yes when the time has come: it
 * is to say how it went. */
bool milter_filter_may_connect(struct milter_filter *filter);
/* Who was told yes has gone, and found out nothing. */
void milter_filter_not_tried(struct milter_filter *filter);
/* A connection is negotiated. Returns whether the filter was away before, and
 * is no more. */
bool milter_filter_is_back(struct milter_filter *filter,
			   const struct milter_options *options);
/* It could not be connected to. */
void milter_filter_is_away(struct milter_filter *filter);
/* It could not be asked, for this reason. */
void milter_filter_failed(struct milter_filter *filter, struct slice problem);

#endif
