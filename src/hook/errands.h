/*
 * What other roles have asked for: POST_DATA, ALIAS_RESOLVE and COMMAND, each
 * answered once. Whatever keeps a program from its verdict is an answer that
 * says "later": nothing passes unfiltered.
 */
#ifndef HOOK_ERRANDS_H
#define HOOK_ERRANDS_H

#include "hook/catalog.h"
#include "proc/link.h"

struct errands;

struct errands *errands_new(struct event_base *base);
void errands_free(struct errands **errands);
/* Errands begun from now on use this; takes it over. */
void errands_use(struct errands *errands, struct catalog **catalog);

/* m is one of the three, or HOOK_CANCEL. */
void errands_on_message(struct errands *errands, struct link *from,
			struct message *m);
/* Nobody waits for what this peer has asked. */
void errands_forget(struct errands *errands, const struct link *gone);

#endif
