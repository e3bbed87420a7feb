/*
 * The parts of culver milter check. It connects to a filter itself, so that
 * the daemon neither has to run nor is disturbed: once to see what is
 * negotiated, and once to run a message through a chain of this one filter.
 */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "milter/chain.h"

#include <event2/event.h>
#include <jansson.h>

struct check {
	const struct ctl *ctl;
	const struct conf *conf;
	const struct conf_milter *milter;
	struct event_base *base;
	struct arena *arena;
	json_t *report; /* with --json: what was said */
	bool has_failed;
};

/* Something that happened. */
struct check_step {
	const char *stage, *result;
	uint16_t code; /* 0: none */
	struct slice text;
};

/* --- what is said: a line each, or members of the one object ----------------- */

/* {key: text}; "label: text". */
void check_say(struct check *c, const char *key, const char *label,
	       struct slice text);
void check_say_number(struct check *c, const char *key, uint64_t number);
/* {key: [words]}; nothing for people if there are none. */
void check_say_words(struct check *c, const char *key, const char *label,
		     const char *const *words, size_t count);
/* {"macros": {stage: names}}. */
void check_say_macros(struct check *c, const char *stage, struct slice names);
/* One more of {list: [{"stage", "result", "code", "text"}]}. */
void check_say_step(struct check *c, const char *list,
		    const struct check_step *step);
/* The filter has failed, for this reason. Only the first is said. */
void check_fail(struct check *c, struct slice problem);

/* --- what is done ------------------------------------------------------------ */

/* Connects, within connect_timeout; a name's addresses in turn. Returns the
 * descriptor, or -1 and the reason in *ret_problem. */
int check_dial(struct check *c, struct slice *ret_problem);
/* Says what is negotiated, or fails. */
void check_options(struct check *c);
/* file, or NULL: one of our own; with a Received before it, as filters of a
 * server see mail. Returns 0, or -1 having complained. */
int check_message(struct check *c, const char *file, int *ret_fd,
		  struct milter_message **ret_message);
/* Tells the filter of a whole message. */
void check_run(struct check *c, struct milter_message *message);

/* What the filter is told. */
enum { CHECK_CLIENT_PORT = 40000 };
#define CHECK_CLIENT "192.0.2.1"
#define CHECK_HELLO  "client.example.com"
#define CHECK_SENDER "sender@example.com"
struct slice check_recipient(const struct check *c);
struct slice check_message_id(const struct milter_message *message);

#endif
