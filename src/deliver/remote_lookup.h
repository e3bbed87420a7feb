/* Questions to `lookup` for routes, each until its answer. */
#ifndef DELIVER_REMOTE_LOOKUP_H
#define DELIVER_REMOTE_LOOKUP_H

#include "proc/link.h"

enum { REMOTE_LOOKUP_MS = 120000 }; /* lookup's own limits are shorter */

struct remote_lookup;

/* Called once for each question, never from within remote_lookup_ask(). m is
 * valid during the call. arg: of the question. */
typedef void remote_lookup_done(const struct msg_route *m, void *arg);

struct remote_lookup *remote_lookup_new(struct event_base *base,
					remote_lookup_done *done);
/* Ends all questions without calling back. */
void remote_lookup_free(struct remote_lookup **lookup);

/* The link to `lookup`; NULL: it is away, and nobody gets an answer but "try
 * later". */
void remote_lookup_use(struct remote_lookup *lookup, struct link *link);
/* ROUTE. */
void remote_lookup_on_route(struct remote_lookup *lookup,
			    const struct msg_route *m);

/* hosts: in place of the domain's MX, or none. Neither is used after this. */
void remote_lookup_ask(struct remote_lookup *lookup, struct slice domain,
		       struct slices hosts, void *arg);
/* Forgets the question with this arg, if there is one. */
void remote_lookup_forget(struct remote_lookup *lookup, void *arg);

#endif
