/* What dns.c has in files of its own, and the members they share. */
#ifndef DNS_DNS_PRIVATE_H
#define DNS_DNS_PRIVATE_H

#include "base/arena.h"
#include "base/list.h"
#include "dns/dns.h"
#include "dns/unbound.h"

#include <unbound.h>

enum { DNS_STAGES_MAX = 14 }; /* the setting has at most 12 */

/* Resolvers that are asked together. */
struct dns_stage {
	char **addresses;
	size_t count;   /* 0: none, but the servers of DNS themselves */
	bool is_chosen; /* by the configuration; not a fall-back */
	bool answers;   /* to a plain question, as the probe has seen */
	/* Those who ask them: with anchors, and without. */
	struct unbound *validating, *plain;
};

struct dns {
	struct event_base *base;
	struct dns_stage stages[DNS_STAGES_MAX]; /* in order */
	size_t stage_count;
	char *anchors;
	unsigned timeout_ms, recheck_ms;
	enum dns_mode mode;
	struct dns_stage *stage;       /* while it VALIDATES */
	struct dns_stage *plain_stage; /* while it is UNVALIDATED */
	/* While it is found out who is asked. */
	struct dns_stage *probed; /* the one that has a question */
	bool is_plain_probe;
	int probe_id;
	struct event *on_patience; /* with it */
	uint64_t rest_until_ms;    /* nobody answered the probe just now */
	struct event *on_recheck;
	struct event *on_tidy;
	TAILQ_HEAD(, dns_query) queries;
};

/* dns_probe.c */
/* Finds out who is asked, unless it is at that. */
void dns_probe(struct dns *dns);
void dns_probe_on_patience(struct dns *dns);
/* Frees who is not needed. */
void dns_probe_tidy(struct dns *dns);

/* dns.c, for dns_probe.c */
struct unbound *dns_make_resolver(const struct dns *dns,
				  const struct dns_stage *stage,
				  const char *anchors);
/* Asks what waits for that. */
void dns_ask_all(struct dns *dns);
/* Soon fails what waits. */
void dns_fail_waiting(struct dns *dns);
/* What it has been asked waits again. */
void dns_take_back(struct dns *dns, const struct unbound *from);
bool dns_has_questions(const struct dns *dns, const struct unbound *at);

/* dns_answer.c: libunbound's words in ours. What *answer then holds are views
 * of r, or in arena. */
void dns_read(const struct ub_result *r, struct arena *arena,
	      struct dns_answer *answer);

#endif
