/*
 * A session's members, for the session*.c files.
 *
 *   session.c          what is said when
 *   session_connect.c  connections
 *   session_say.c      one command on the wire
 *   session_content.c  header, body and end of the message
 *   session_macros.c   macros of each stage
 *   session_answer.c   what replies mean
 *   session_fail.c     what failures mean
 */
#ifndef MILTER_SESSION_PRIVATE_H
#define MILTER_SESSION_PRIVATE_H

#include "milter/conn.h"
#include "milter/edits.h"
#include "milter/filter-private.h"
#include "milter/session.h"

enum milter_session_state {
	MILTER_IS_DOWN,       /* no connection; one is made when needed */
	MILTER_IS_CONNECTING, /* until it is negotiated */
	MILTER_IS_READY,      /* negotiated, nothing said yet */
	MILTER_IS_CONNECTED,  /* CONNECT was said and not refused */
	MILTER_IN_MESSAGE,    /* MAIL too */
	MILTER_MESSAGE_DONE,  /* it wants no more of this message */
	MILTER_CONN_DONE,     /* it wants no more of this client; no connection.
	                         With is_standing it has refused it. */
	MILTER_HAS_FAILED,    /* in this message; no connection */
};

enum milter_content_part {
	MILTER_IN_HEADER,
	MILTER_AT_HEADER_END,
	MILTER_IN_BODY,
	MILTER_AT_END,
};

struct milter_content {
	enum milter_content_part part;
	size_t field;  /* the next */
	uint64_t sent; /* octets of the body */
	bool is_skipped;
};

struct milter_session {
	struct milter_set *set;
	struct milter_filter *filter;
	const struct milter_scene *scene;
	milter_on_answer *on_answer;
	void *arg;

	enum milter_session_state state;
	struct milter_conn *conn;
	struct event *timer; /* until there is a socket, or to ask once more */
	uint64_t connecting_since_ms;
	unsigned attempt; /* the address that is tried */
	bool is_wanted;   /* the connector has our token */
	bool has_more;    /* it knows another address */
	bool is_patient;  /* asked once more for the same one */

	const struct milter_ask *ask; /* or NULL */
	enum milter_answer answer;    /* to it */
	bool is_said;                 /* it is on its way to the filter */
	bool is_hello_due;            /* HELO is to be said first */
	enum milter_command at;       /* what was said last */
	bool is_owed;                 /* the reply to that */
	bool is_full;                 /* waits until the socket takes more */

	/* Of the message. */
	bool has_recipient; /* the filter knows of one */
	bool is_left_out;
	bool is_held; /* the filter asked for it */
	struct milter_content content;
	struct milter_edits *edits; /* or NULL: none yet */
	unsigned ignored_count;     /* of edits */

	struct milter_verdict verdict;
	char *verdict_text;
	bool is_standing; /* the verdict is for the whole connection */
	bool has_warned;  /* of an edit that was not announced */
	struct arena *scratch;
};

/* session.c: from a callback: on with what is asked. The session may be gone
 * after it. */
void milter_session_go_on(struct milter_session *s);
/* Its connection ends with QUIT. */
void milter_session_quit(struct milter_session *s);

/* session_connect.c */
void milter_session_init_timer(struct milter_session *s);
void milter_session_connect(struct milter_session *s);
/* Whatever there is of a connection goes, at once. */
void milter_session_disconnect(struct milter_session *s);

/* session_say.c: is_owed, or all is said. */
void milter_session_say_connect(struct milter_session *s);
void milter_session_say_hello(struct milter_session *s);
void milter_session_say_event(struct milter_session *s);
void milter_session_say_abort(struct milter_session *s);
bool milter_session_wants(const struct milter_session *s, uint32_t no_step);
/* A reply is owed to what was written, unless the filter said no_reply. */
void milter_session_expect(struct milter_session *s,
			   enum milter_command command, uint32_t no_reply);

/* session_content.c: one step of it. */
void milter_session_say_content(struct milter_session *s);

/* session_macros.c */
void milter_session_say_macros(struct milter_session *s,
			       enum milter_stage stage);

/* session_answer.c */
void milter_session_take(struct milter_session *s,
			 const struct milter_reply *reply);
/* Applies what the filter wanted, or shows it; it is done with the message. */
void milter_session_finish(struct milter_session *s);
/* Our own refusal, in the filter's name. text is copied. */
void milter_session_refuse(struct milter_session *s, uint16_t code,
			   struct slice text);

/* session_fail.c */
void milter_session_fail(struct milter_session *s, struct slice problem);
/* The answer that a failed filter gives, by what is set for it. */
enum milter_answer milter_session_policy(struct milter_session *s);
void milter_session_tell(struct milter_session *s, enum milter_event_kind kind,
			 struct slice text, uint16_t code);
void milter_session_set_verdict(struct milter_session *s,
				enum milter_verdict_kind kind, uint16_t code,
				struct slice text);

#endif
