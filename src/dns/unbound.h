/*
 * libunbound behind the event loop: questions to the configured resolvers, and
 * their answers validated with trust anchors. Its thread does the asking; what
 * is called back is called by our own.
 */
#ifndef DNS_UNBOUND_H
#define DNS_UNBOUND_H

#include "base/slice.h"

#include <event2/event.h>
#include <unbound.h>

struct unbound;

/*
 * addresses: "ADDRESS" or "ADDRESS@PORT", count of them; none: the servers of
 * DNS themselves, from the root on. anchors: DS or DNSKEY
 * records, one a line; ";" begins a comment. Empty: nothing is validated.
 * Lines that libunbound does not take are left out and logged; returns NULL
 * when it cannot work at all.
 */
struct unbound *unbound_new(struct event_base *base,
			    const char *const *addresses, size_t count,
			    struct slice anchors);
/* Open questions are forgotten. Not to be called from within unbound_done. */
void unbound_free(struct unbound **unbound);

/* error: of enum ub_ctx_err; 0 and a result, which lives during the call. Never
 * called from within unbound_ask(). */
typedef void unbound_done(int error, const struct ub_result *result, void *arg);

/* Returns 0 and the question's id, or enum ub_ctx_err. done may be called as
 * long as it is not cancelled. */
int unbound_ask(struct unbound *r, const char *name, int type,
		unbound_done *done, void *arg, int *ret_id);
void unbound_cancel(struct unbound *r, int id);

#endif
