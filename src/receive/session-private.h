/*
 * Shared by session*.c (life, loop, input, replies, time) and cmd_*.c (what
 * the verbs do).
 */
#ifndef RECEIVE_SESSION_PRIVATE_H
#define RECEIVE_SESSION_PRIVATE_H

#include "net/stream.h"
#include "receive/filters.h"
#include "receive/rights.h"
#include "receive/session.h"
#include "receive/transaction.h"
#include "smtp/reply.h"

enum session_state {
	ST_TLS,       /* the handshake runs */
	ST_GREETED,   /* no hello yet; after STARTTLS again */
	ST_READY,     /* hello was said, there is no transaction */
	ST_MAIL,      /* a transaction without recipient */
	ST_RCPT,      /* a transaction with a good recipient */
	ST_CHUNKS,    /* the same, after a BDAT that was not the last */
	ST_DATA,      /* content arrives up to the final dot */
	ST_CHUNK,     /* content arrives, as much as BDAT said */
	ST_COMPLETE,  /* content is complete, its fate is not known */
	ST_EAT,       /* the octets of a refused BDAT arrive */
	ST_AUTH,      /* the client owes the answer to a 334 */
	ST_CLOSING,   /* the last reply is on its way */
	ST_LINGERING, /* it is out, and the write side is shut: a close would now
	                 reset the connection and take the reply with it */
	ST_OVER,
};
#define IN(state) (1U << (state))

/* Who is to call session_run() next; nothing is read meanwhile. */
enum session_op {
	OP_NONE,
	OP_TLS,
	OP_ORIGIN,
	OP_RESOLVE,
	OP_SENDER,
	OP_LOGIN,
	OP_CONTENT,
	OP_FILTER,
	OP_REWRITE,
	OP_ENVELOPE,
	OP_HOOK,
	OP_SIGN,
	OP_SPEND,
	OP_HANDOVER,
};

/* An AUTH exchange. */
struct session_auth {
	struct login *login;
	char *mechanism;
	char *binding; /* channel binding data for the next answer, or NULL */
	bool is_unbindable; /* Dovecot asks for what we cannot give */
};

enum {
	SESSION_TRACE_OCTETS = 13,    /* 65 bits in base32 */
	SESSION_INPUT_OCTETS = 16384, /* read ahead; a line of AUTH fits */
};

struct session {
	TAILQ_ENTRY(session) entry;
	struct server *server;
	struct stream *stream;
	int fd; /* the stream's */
	enum session_state state : 8;
	enum session_state state_after : 8; /* ST_EAT */
	enum session_op op : 8;
	enum listener_service service : 8;
	enum verb verb : 8; /* the last command's */
	bool is_esmtp : 1;
	bool is_paused : 1;
	bool is_dropping : 1;      /* the rest of an overlong line */
	bool is_after_bare_lf : 1; /* what follows is not executed */
	bool must_linger : 1;
	char trace[SESSION_TRACE_OCTETS];
	struct log_ctx log;
	union session_peer peer;
	char peer_ip[INET6_ADDRSTRLEN];
	char *hello;           /* as the client said it, or NULL */
	char *login;           /* the canonical user, or NULL */
	char *mechanism;       /* of the login, in capitals; or NULL */
	struct rights *rights; /* of the login, or NULL */
	unsigned errors;
	unsigned auth_failures;
	unsigned transaction_count;
	unsigned filter_generation; /* the server's, of `filters` */
	uint64_t active_ms;         /* the last octet either way */
	uint64_t line_ms;      /* the first octet of an unfinished line; or 0 */
	uint64_t rate_ms;      /* the minute of the rate floor began */
	uint64_t rate_octets;  /* of content since */
	uint64_t chunk_octets; /* of BDAT, before they come; ST_EAT: left */
	struct transaction *tx;
	struct session_auth *auth;
	struct filters *filters; /* NULL: this listener has none */
};

enum step { STEP_NEXT, STEP_WAIT }; /* go on now; or something must come */

/* --- session.c ------------------------------------------------------------- */

/* Every event ends here, and only here is a session freed. */
void session_run(struct session *s);
void session_enter(struct session *s, enum session_state state);
bool session_is_submission(const struct session *s);
/* A user of this machine, known by uid: no login and no TLS is asked for. */
bool session_is_local(const struct session *s);
/* Whether mail is taken for any domain. */
bool session_may_relay(const struct session *s);
/* The operation under way is done. */
void session_op_done(struct session *s);

/* --- peer.c ------------------------------------------------------------------ */

uint16_t session_peer_port(const union session_peer *peer);
/* Empty, and no port, if the socket has none. */
struct slice session_local_address(const struct session *s, struct arena *arena,
				   uint16_t *ret_port);

/* --- session_reply.c --------------------------------------------------------- */

void session_reply(struct session *s, const struct reply *r);
/* The same, with a log line; 5xx count as the client's errors. */
void session_refuse(struct session *s, const struct reply *r);
/* A log line, but no error of the client's: someone else refused it. */
void session_pass_refusal(struct session *s, const struct reply *r);
/* Text without the cuts that replies know. */
void session_send(struct session *s, struct slice octets);

/* --- session_line.c ---------------------------------------------------------- */

enum line {
	LINE_WAIT,    /* there is no whole line yet */
	LINE_READY,   /* *ret_line, without CRLF, valid for this step */
	LINE_SKIPPED, /* the rest of one that was refused */
	LINE_TOO_LONG,
	LINE_BAD_OCTET, /* bare CR, bare LF, NUL */
};
enum line session_line(struct session *s, struct slice *ret_line);

/* --- session_command.c ------------------------------------------------------- */

/* Looks a command up in the table and runs it. */
void session_command(struct session *s, struct slice line);
/* The reply to a verb in the wrong state. */
const struct reply *session_out_of_order(const struct session *s,
					 enum verb verb);

/* --- transactions: session_transaction.c ---------------------------------------- */

void session_begin_transaction(struct session *s);
/* The state stays. */
void session_drop_transaction(struct session *s);
/* Back to ST_READY; no words. */
void session_forget_transaction(struct session *s);
/* The transaction was answered: the same, and the time to part if it is. */
void session_end_transaction(struct session *s);

/* --- verbs: cmd_*.c; args without surrounding blanks ---------------------------- */

typedef void session_verb(struct session *s, struct slice args);
/* The connection is there, with TLS on 465: says 220 or what filters want. */
void session_greet(struct session *s);

session_verb cmd_helo, cmd_ehlo, cmd_mail, cmd_rcpt, cmd_data, cmd_bdat,
	cmd_rset, cmd_noop, cmd_vrfy, cmd_expn, cmd_help, cmd_quit,
	cmd_starttls, cmd_auth, cmd_http, cmd_unknown;

enum step data_step(struct session *s);     /* ST_DATA */
enum step chunk_step(struct session *s);    /* ST_CHUNK */
enum step eat_step(struct session *s);      /* ST_EAT */
enum step complete_step(struct session *s); /* ST_COMPLETE */
void complete_hand_over(struct session *s); /* the last of its steps */
void complete_cancel(struct transaction *t);
enum step auth_step(struct session *s); /* ST_AUTH */
void session_auth_free(struct session_auth **auth);

/* --- body.c: content on its way from input to struct content ------------------- */

/* Begins the content with our Received field. */
void body_begin(struct session *s);
/*
 * Feeds input to the transaction's data_reader. Returns false when all of it
 * was consumed or content must be waited for (s->op says so), true at the end
 * of the data or chunk, and on smuggling.
 */
bool body_feed(struct session *s);
/* All has been fed: content_finish(). CONTENT_WAITING: s->op says so, call it
 * again. */
enum content_state body_end(struct session *s);
/* Why the message is refused, or NULL. */
const struct reply *body_fault(const struct transaction *t);

#endif
