/* What the files of remote.h share. */
#ifndef DELIVER_REMOTE_PRIVATE_H
#define DELIVER_REMOTE_PRIVATE_H

#include "base/list.h"
#include "deliver/remote.h"
#include "deliver/remote_lookup.h"
#include "deliver/remote_session.h"
#include "deliver/smarthosts.h"

enum { REMOTE_BUCKETS = 512 };

TAILQ_HEAD(remote_line, remote_delivery);

struct remote_delivery {
	TAILQ_ENTRY(remote_delivery) entry;
	struct destination *destination;
	struct remote_request request;
	uint64_t since_ms; /* it waits */
	bool is_begun;
	bool is_second_try; /* a session broke before it was touched */
	remote_on_end *done;
	void *arg;
};

/* A session of a destination, and the message it has. */
struct visit {
	TAILQ_ENTRY(visit) entry;
	struct destination *destination;
	struct remote_session *session;
	const struct remote_route *route; /* the session's */
	struct remote_line group;         /* recipients of the message */
	struct smtp_message message;
	struct smtp_recipient *recipients; /* in the order of the group */
	unsigned messages;                 /* begun */
	bool is_ready;                     /* since then: */
	uint64_t ready_ms;
	bool is_leaving; /* QUIT was said */
};

TAILQ_HEAD(destination_list, destination);

enum destination_kind {
	DESTINATION_DOMAIN,
	DESTINATION_VIA,       /* the hosts that an alias names */
	DESTINATION_SMARTHOST, /* the server that sends our mail on */
};

struct destination {
	TAILQ_ENTRY(destination) entry; /* in remote's busy or quiet */
	TAILQ_ENTRY(destination) in_bucket;
	struct remote *remote;
	uint64_t number; /* for the queue */
	enum destination_kind kind;
	struct slice name; /* the domain, the hosts, or the smarthost's */
	struct smarthost *smarthost; /* as who came last has it */
	enum tls_demand tls_demand;  /* what is as strict shares sessions */
	bool is_busy;
	uint64_t used_ms; /* when something was last brought to it */

	struct remote_route *route; /* NULL until `lookup` has answered */
	uint64_t route_until_ms;
	bool is_asked;
	size_t good_hop;          /* with which to begin */
	enum tls_level tls_floor; /* as who came last says */

	struct remote_line waiting;
	unsigned waiting_count;
	bool is_slow;
	unsigned turned_away; /* who will come again */
	unsigned away;        /* of whom so many were not asked for, */
	unsigned asked;       /* and so many were, but are not here yet */
	unsigned served;      /* answered by a host since the last tick */
	unsigned rate;        /* the same a second, of late; in 1/1000 */

	TAILQ_HEAD(, visit) visits;
	unsigned visit_count;
	unsigned allowed; /* so many visits */

	uint64_t rest_until_ms;
	unsigned rest_ms; /* the next rest */
	struct outcome failure;
	struct arena *failure_arena; /* NULL before the first one */
};

struct remote {
	struct event_base *base;
	struct arena *arena; /* of the configuration */
	struct remote_config config;
	struct tls_client *tls;
	struct remote_lookup *lookup;
	struct link *queue;        /* or NULL */
	uint64_t last_destination; /* number */
	remote_on_tls *on_tls;     /* or NULL */
	void *on_tls_arg;
	struct event *turn; /* soon */
	struct event *tick;
	bool is_draining;
	/* Those for which something waits or that have a visit; the others,
	 * the longest unused first. */
	struct destination_list busy, quiet;
	struct destination_list buckets[REMOTE_BUCKETS];
	unsigned destination_count;
	unsigned visit_count;
	unsigned leaving_count; /* of these */
	/* Destinations that had work and no place in the last turn, and for
	 * which no visit is leaving. */
	unsigned starving;
};

/* Runs remote_turn() soon. */
void remote_wake(struct remote *remote);

/* --- remote_turn.c: what comes next ------------------------------------------------ */

/* Begins and ends what can be. */
void remote_turn(struct remote *remote);
void remote_tick(struct remote *remote);

/* --- destination.c ------------------------------------------------------------------- */

/* The one for that mail; a new one if there is none yet. */
struct destination *destination_for(struct remote *remote,
				    const struct remote_request *request);
void destination_free(struct destination **destination);
/* To the list where it belongs. */
void destination_sort(struct destination *d);
/* It is busy and has had a place: others get the next one. */
void destination_go_last(struct destination *d);
bool destination_is_resting(const struct destination *d, uint64_t now_ms);
void destination_ask_route(struct destination *d);
void destination_use_route(struct destination *d, const struct msg_route *m);
/* For the domain's report; not where its mail goes through others. */
void destination_tell_tls(const struct destination *d,
			  const struct tlsrpt_fact *fact);

/* --- remote_line.c: who waits ---------------------------------------------------- */

void line_enter(struct destination *d, struct remote_delivery *delivery);
/* It was untouched: to the head of the line again. */
void line_return(struct destination *d, struct remote_delivery *delivery);
void line_leave(struct remote_delivery *delivery);
/* Moves the first, and those of the same message, into the empty group;
 * returns their number. */
size_t line_take_group(struct destination *d, struct remote_line *group);
/* How many messages wait, counted no further than max. */
unsigned line_messages(const struct destination *d, unsigned max);
/* All get the outcome. */
void line_end_all(struct destination *d, const struct outcome *outcome);
/* Sees whether it is slow, and turns away who is too much then. */
void line_shorten(struct destination *d, uint64_t now_ms);
/* Asks for some of those who were turned away when there is room for them. */
void line_refill(struct destination *d);
/* Once a second: how fast it is, and who comes again. */
void line_tick(struct destination *d);
void delivery_end(struct remote_delivery *delivery,
		  const struct remote_end *end);
void line_free(struct remote_line *line);

/* --- remote_visit.c: sessions ------------------------------------------------------ */

/* A visit more; the destination has a route with hops. */
void visit_open(struct destination *d);
/* Begins messages for who waits on visits that are ready. */
void visits_begin(struct destination *d);
void visit_quit(struct visit *v);
void visit_free(struct visit **visit);
/* Those that have been ready for too long say goodbye. */
void visits_tick(struct destination *d, uint64_t now_ms);

#endif
