/*
 * The milters of one session: asked at each stage, after our own checks and
 * before our reply. A session whose listener has none has no struct filters
 * either: then each question is answered at once with "go on".
 */
#ifndef RECEIVE_FILTERS_H
#define RECEIVE_FILTERS_H

#include "milter/chain.h"
#include "smtp/reply.h"

struct session;
struct filters;

/* Makes s->filters if a filter sees the listener's mail. */
void filters_begin(struct session *s);
/* Between messages: after a reload the session goes over to the new filters,
 * which hear of the client again. Whoever was refused stays so. */
void filters_renew(struct session *s);
/* Takes back what is asked; says good-bye to the filters. */
void filters_free(struct filters **filters);

/* What goes on when the verdict is known; it lives during the call. */
typedef void filters_then(struct session *s, const struct milter_verdict *v);

/* Each asks, and calls then: at once, or later; s->op is OP_FILTER until it
 * does. What MAIL and RCPT said was kept before. */
void filters_connect(struct session *s, filters_then *then);
void filters_hello(struct session *s, filters_then *then);
void filters_mail(struct session *s, filters_then *then);
void filters_rcpt(struct session *s, filters_then *then);
/* A recipient that s->tx->refusal refuses. */
void filters_rcpt_refused(struct session *s, filters_then *then);
void filters_data(struct session *s, filters_then *then);
void filters_unknown(struct session *s, struct slice line, filters_then *then);
/* s->tx->message */
void filters_content(struct session *s, filters_then *then);
/* The transaction ends, or never came to the content's verdict. */
void filters_abort(struct session *s);

/* Says what the verdict has the client told, and hangs up if it wants so.
 * Returns false if it is none of those: "go on", or MILTER_DROP. */
bool filters_refuse(struct session *s, const struct milter_verdict *v);
/* The same at connect and hello: nothing is said but 421. What is refused is
 * kept: filters_standing(). */
bool filters_refuse_client(struct session *s, const struct milter_verdict *v);
/* What connect's or hello's refusal says to every command for mail until the
 * client goes; NULL if there is none. */
const struct reply *filters_standing(const struct session *s);

/* As the client wrote MAIL or RCPT: the path with its brackets, and what
 * follows it. Copied into the transaction's arena. */
void filters_keep_mail(struct session *s, struct slice path,
		       struct slice params);
void filters_keep_rcpt(struct session *s, struct slice path,
		       struct slice params);
/* The mechanism of a login that was taken. */
void filters_keep_login(struct session *s, const char *mechanism);

/* What they, and programs, are told as the client's name. */
struct slice filters_hello_name(const struct session *s);

/* For the log: how many edits the message had, and the names of the filters
 * it passed without, in arena. */
size_t filters_edit_count(const struct session *s);
struct slice filters_missing(const struct session *s, struct arena *arena);

#endif
