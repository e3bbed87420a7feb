/*
 * What a login's message passes beside filters: each address of its From field
 * is the login's (sender.h), and its share of the day is not used up (queue_call.h).
 * Both are steps of complete.c: the next step was entered already; they set
 * the session's operation, or call refuse, or do nothing.
 */
#ifndef RECEIVE_OUTGOING_H
#define RECEIVE_OUTGOING_H

#include "smtp/reply.h"

struct session;
struct transaction;

typedef void outgoing_refuse(struct session *s, const struct reply *r);

void outgoing_check_from(struct session *s, outgoing_refuse *refuse);
void outgoing_spend(struct session *s, outgoing_refuse *refuse);
/* Nobody waits any more. */
void outgoing_cancel(struct transaction *t);

#endif
