/*
 * Questions to DNS from other threads, which wait for the answer. The thread of
 * the event loop asks them; nothing else of dns.h is for other threads.
 */
#ifndef DNS_BRIDGE_H
#define DNS_BRIDGE_H

#include "base/arena.h"
#include "dns/dns.h"

struct dns_bridge;

/* Both by the loop's thread. dns must outlive it; no thread may be waiting any
 * more when it is freed. */
struct dns_bridge *dns_bridge_new(struct event_base *base, struct dns *dns);
void dns_bridge_free(struct dns_bridge **bridge);
/* By the loop's thread: who waits, and whoever asks from now on, gets
 * DNS_FAILED. */
void dns_bridge_stop(struct dns_bridge *bridge);

/*
 * By any thread but the loop's: asks and waits, at most until *deadline_ms of
 * clock_monotonic_ms(), after which the answer is DNS_FAILED. name: as for
 * dns_ask(). What *ret_answer holds is in arena, which is the caller's.
 *
 * When two questions in a row, that somebody still waited for, met with
 * silence, the next ones wait for a second
 * at most, until one is answered: mail does not stand still because a resolver
 * is gone.
 */
/* NOLINTNEXTLINE(readability-function-size): what, until when, and where to */
void dns_bridge_ask(struct dns_bridge *bridge, struct slice name,
		    enum dns_type type, const _Atomic uint64_t *deadline_ms,
		    struct arena *arena, struct dns_answer *ret_answer);

/* By the loop's thread: a deadline was moved, and who waits looks again. */
void dns_bridge_wake(struct dns_bridge *bridge);

#endif
