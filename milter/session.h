/*
 * One filter's side of one SMTP session: its connection, what was said on it,
 * and what the filter's answers mean. Internal: chain.h is the library's face.
 *
 * A connection is made when it is first needed, and again at the next MAIL
 * after it was lost; CONNECT and HELO are then said again.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include "milter/chain.h"

/* What is known of the client, for all sessions of a chain; the chain's. */
struct milter_scene {
	const struct milter_chain_calls *calls;
	void *arg; /* of calls */
	bool has_hello;
	struct milter_client client;
	struct slice hello;
};

enum milter_ask_kind {
	MILTER_ASK_CONNECT,
	MILTER_ASK_HELLO,
	MILTER_ASK_MAIL,
	MILTER_ASK_RCPT,
	MILTER_ASK_RCPT_REFUSED,
	MILTER_ASK_DATA,
	MILTER_ASK_UNKNOWN,
	MILTER_ASK_CONTENT,
};

/* An event, as all filters are told of it. */
struct milter_ask {
	enum milter_ask_kind kind;
	const struct slice *strings; /* MAIL, RCPT: address and parameters;
	                                UNKNOWN: the line */
	size_t count;
	bool is_authenticated;          /* MAIL */
	struct milter_message *message; /* CONTENT */
};

enum milter_answer {
	MILTER_WAITS,       /* on_answer will be called */
	MILTER_GOES_ON,     /* nothing is in the way: the next filter's turn */
	MILTER_HAS_VERDICT, /* milter_session_verdict() */
};

struct milter_session;

/* on_answer is called from the event loop, for an ask that waits; the session
 * may be freed in it. */
typedef void milter_on_answer(enum milter_answer answer, void *arg);

struct milter_session *milter_session_new(struct milter_set *set, size_t filter,
					  const struct milter_scene *scene,
					  milter_on_answer *on_answer,
					  void *arg);
/* Says ABORT where a message is open, and QUIT. */
void milter_session_free(struct milter_session **session);

/* Begins to connect, if nothing is known against it: CONNECT comes soon. */
void milter_session_prepare(struct milter_session *s);
/* ask stays the caller's, and as it is until there is an answer. */
enum milter_answer milter_session_ask(struct milter_session *s,
				      const struct milter_ask *ask);
/* Lives until the next ask. */
const struct milter_verdict *milter_session_verdict(
	const struct milter_session *s);
/* Nobody waits for the answer any more. */
void milter_session_cancel(struct milter_session *s);
/* The time for this is up: whether it was asked already or not, the filter has
 * failed. */
enum milter_answer milter_session_expire(struct milter_session *s,
					 const struct milter_ask *ask);
/* The message is over; ABORT is said if the filter does not know. */
void milter_session_end_message(struct milter_session *s);
/* The filter failed in this message, which goes on without it. */
bool milter_session_is_left_out(const struct milter_session *s);
const struct milter_filter_config *milter_session_config(
	const struct milter_session *s);
/* Tells the server's on_event, and counts the message passed. */
void milter_session_tell_passed(struct milter_session *s);

#endif
