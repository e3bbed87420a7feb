/*
 * Filters for the sessions of session_world.h: verdicts as a test has them, at
 * once or when the world settles, and a record of what filters were told.
 */
#ifndef TEST_RECEIVE_FILTER_WORLD_H
#define TEST_RECEIVE_FILTER_WORLD_H

#include "milter/chain.h"
#include "receive/envelope.h"
#include "receive/session.h"

/* A verdict on what begins with `on`, as the record writes it. */
struct filter_rule {
	const char *on; /* "mail <a@", "connect" */
	struct milter_verdict verdict;
};

enum filter_world_when { FILTER_AT_ONCE, FILTER_LATER, FILTER_NEVER };

/* The server's filters from now on. rules end with one whose `on` is NULL. */
void filter_world_begin(struct server *server, const struct filter_rule *rules,
			enum filter_world_when when);
/* Gives the verdict that is owed. Returns false if none is. */
bool filter_world_settle(void);
/* What filters were told: "connect [127.0.0.1], hello c.test, ...". */
const char *filter_world_record(void);
/* What filters hear for this macro at each event is part of the record. */
void filter_world_ask_macro(const char *name);
/* Contents are to be held for that reason. */
void filter_world_hold(const char *reason);
/* And to have these lines before them. */
void filter_world_add_header(const char *lines);
/* And their envelope to be changed, with that result. */
void filter_world_edit_envelope(enum envelope_result result);

#endif
