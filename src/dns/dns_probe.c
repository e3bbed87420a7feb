/* Who is asked: the resolvers of the configuration, or what it has in their
 * place, by whether what proves the root's keys comes through. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/dns-private.h"

#include <assert.h>

enum {
	TYPE_SOA = 6,
	TYPE_DNSKEY = 48,
	REST_MS = 3000,          /* after a probe without any answer */
	PATIENCE_MS = 3000,      /* with one that may not be there at all, */
	ROOT_PATIENCE_MS = 8000, /* and while the way from the root is found */
};

/* Not the words of one that validates, but of where the others stand. */
static const char *name_of(const struct dns_stage *s)
{
	return s->count > 0 ? s->addresses[0] : "the servers of DNS themselves";
}

/* Who was chosen is waited for as long as libunbound does. */
static void be_patient(const struct dns *dns, const struct dns_stage *s)
{
	const struct timeval tv = {
		.tv_sec = (s->count > 0 ? PATIENCE_MS : ROOT_PATIENCE_MS) / 1000
	};

	if (!s->is_chosen)
		(void)event_add(dns->on_patience, &tv);
}

static void recheck_later(const struct dns *dns)
{
	const struct timeval later = { .tv_sec = dns->recheck_ms / 1000,
				       .tv_usec =
					       dns->recheck_ms % 1000 * 1000L };

	(void)event_add(dns->on_recheck, &later);
}

/* --- the end of a probe ------------------------------------------------------------ */

static void end(struct dns *dns)
{
	dns->probed = NULL;
	(void)event_del(dns->on_patience);
	/* libunbound's contexts are not freed within its calls. */
	event_active(dns->on_tidy, EV_TIMEOUT, 1);
}

void dns_probe_tidy(struct dns *dns)
{
	for (size_t i = 0; i < dns->stage_count; i++) {
		struct dns_stage *s = &dns->stages[i];

		if (dns->probed == NULL && s != dns->stage)
			unbound_free(&s->validating);
		if (dns->mode == DNS_VALIDATES && dns->probed == NULL &&
		    !dns_has_questions(dns, s->plain))
			unbound_free(&s->plain);
	}
}

static void fail_waiting(struct dns *dns)
{
	dns->rest_until_ms = clock_monotonic_ms() + REST_MS;
	end(dns);
	dns_fail_waiting(dns);
}

static void validate_by(struct dns *dns, struct dns_stage *stage)
{
	bool is_usual = stage == dns->stages;

	if (dns->stage != NULL)
		dns_take_back(dns, dns->stage->validating);
	dns->stage = stage;
	dns->mode = DNS_VALIDATES;
	if (is_usual || !dns->stages[0].is_chosen)
		LOG(LOG_INFO, NULL, "DNS answers are validated",
		    log_string("by", name_of(stage)));
	else
		LOG(LOG_WARNING, NULL,
		    "DNS answers are validated, but not those of the resolver",
		    log_string("by", name_of(stage)),
		    log_string("resolver", name_of(dns->stages)),
		    log_string("reason", "it does not pass on what proves the "
					 "root's keys"));
	if (!is_usual)
		recheck_later(dns);
	end(dns);
	dns_ask_all(dns);
}

static void do_without(struct dns *dns, struct dns_stage *stage)
{
	dns->plain_stage = stage;
	dns->mode = DNS_UNVALIDATED;
	LOG(LOG_ERROR, NULL, "DNS answers are not validated, and DANE is off",
	    log_string("by", name_of(stage)),
	    log_string("reason",
		       dns->anchors[0] == '\0'
			       ? "there is no trust anchor"
			       : "no resolver passes on what proves the "
				 "root's keys; a validating resolver on this "
				 "machine would"));
	if (dns->anchors[0] != '\0')
		recheck_later(dns);
	end(dns);
	dns_ask_all(dns);
}

/* --- do they answer at all? ----------------------------------------------------------- */

static void try_validating(struct dns *dns, struct dns_stage *stage);
static void try_plain(struct dns *dns, struct dns_stage *stage);

static bool is_last(const struct dns *dns, const struct dns_stage *stage)
{
	return stage + 1 == dns->stages + dns->stage_count;
}

/* Those behind it may pass signatures on. */
static void try_others(struct dns *dns, struct dns_stage *stage)
{
	if (!is_last(dns, stage) && stage + 1 != dns->stage) {
		try_validating(dns, stage + 1);
	} else if (dns->mode == DNS_UNTRIED) {
		try_plain(dns, dns->stages);
	} else { /* still not */
		recheck_later(dns);
		end(dns);
	}
}

/* Mail waits for who was chosen: others know other names. */
static void after_validating(struct dns *dns, struct dns_stage *stage)
{
	if (dns->mode == DNS_UNTRIED && stage->is_chosen)
		try_plain(dns, stage);
	else
		try_others(dns, stage);
}

static void after_plain(struct dns *dns, struct dns_stage *stage)
{
	if (stage->answers)
		try_others(dns, stage);
	else if (stage->is_chosen || is_last(dns, stage))
		fail_waiting(dns);
	else
		try_plain(dns, stage + 1);
}

/* The next question of a probe, by what is known of its stage now. */
static void go_on(struct dns *dns, struct dns_stage *stage)
{
	(void)event_del(dns->on_patience);
	if (dns->is_plain_probe)
		after_plain(dns, stage);
	else
		after_validating(dns, stage);
}

static void on_plain_probe(int error, const struct ub_result *r, void *arg)
{
	struct dns *dns = arg;
	struct dns_stage *stage = dns->probed;

	stage->answers =
		error == 0 && (r->havedata || r->nxdomain || r->rcode == 0);
	if (stage->answers && (!stage->is_chosen || is_last(dns, stage)))
		do_without(dns, stage);
	else
		go_on(dns, stage);
}

static void try_plain(struct dns *dns, struct dns_stage *stage)
{
	if (stage->answers) {
		do_without(dns, stage);
		return;
	}
	dns->probed = stage;
	dns->is_plain_probe = true;
	if (stage->plain == NULL)
		stage->plain = dns_make_resolver(dns, stage, "");
	if (stage->plain == NULL ||
	    unbound_ask(stage->plain, ".", TYPE_SOA, on_plain_probe, dns,
			&dns->probe_id) != 0)
		fail_waiting(dns);
	else
		be_patient(dns, stage);
}

/* --- do signatures come through? --------------------------------------------------------- */

static void on_probe(int error, const struct ub_result *r, void *arg)
{
	struct dns *dns = arg;

	if (error == 0 && r->secure)
		validate_by(dns, dns->probed);
	else
		go_on(dns, dns->probed);
}

static void try_validating(struct dns *dns, struct dns_stage *stage)
{
	dns->probed = stage;
	dns->is_plain_probe = false;
	stage->validating = dns_make_resolver(dns, stage, dns->anchors);
	if (stage->validating == NULL ||
	    unbound_ask(stage->validating, ".", TYPE_DNSKEY, on_probe, dns,
			&dns->probe_id) != 0)
		fail_waiting(dns);
	else
		be_patient(dns, stage);
}

/* --- for dns.c ------------------------------------------------------------------------------ */

void dns_probe_on_patience(struct dns *dns)
{
	struct dns_stage *stage = dns->probed;

	unbound_cancel(dns->is_plain_probe ? stage->plain : stage->validating,
		       dns->probe_id);
	go_on(dns, stage);
}

/* With an empty memory: it remembers what was bogus. */
void dns_probe(struct dns *dns)
{
	struct dns_stage *first = dns->stages;

	if (dns->probed != NULL)
		return;
	dns_probe_tidy(dns);
	for (size_t i = 0; i < dns->stage_count; i++) {
		dns->stages[i].answers = false;
		if (dns->mode == DNS_UNTRIED)
			unbound_free(&dns->stages[i].plain);
	}
	if (dns->anchors[0] == '\0' && first->is_chosen) {
		first->plain = dns_make_resolver(dns, first, "");
		do_without(dns, first);
	} else if (dns->anchors[0] == '\0') {
		try_plain(dns, first);
	} else {
		try_validating(dns, first);
	}
}
