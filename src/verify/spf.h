/*
 * SPF (RFC 7208): may this client send for this domain? Blocks: it asks DNS on
 * the way, by a function of the caller's that may wait.
 *
 * Each record is parsed, and its macros are expanded, by spf_record.h and
 * spf_macro.h. What is left, names by number in place of names, is walked
 * through by libspf2, which gets its answers from spf_layer.h.
 */
#ifndef VERIFY_SPF_H
#define VERIFY_SPF_H

#include "base/arena.h"
#include "dns/dns.h"
#include "mail/authres.h"

/* As dns_bridge_ask(): what the answer holds is in arena. */
struct spf_world {
	void (*ask)(struct slice name, enum dns_type type, struct arena *arena,
		    struct dns_answer *ret_answer, void *arg);
	void *arg;
	struct slice hostname; /* ours, for the explanation's macros */
};

struct spf_question {
	struct slice client_address; /* as text, without brackets */
	struct slice helo;
	struct slice reverse_path; /* empty: the null sender */
};

/* As in the message SPF. */
struct spf_answer {
	enum authres_result result;
	bool is_helo;
	struct slice domain;
	struct slice explanation;
	struct slice problem;
};

enum { SPF_ARENA_OCTETS = 32 << 20 }; /* what an arena for it must hold */

/* What *ret_answer holds is in arena, or is part of the question. */
void spf_check(const struct spf_world *world, const struct spf_question *q,
	       struct arena *arena, struct spf_answer *ret_answer);

#endif
