#include "lookup/sts.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/record.h"
#include "lookup/sts_rest.h"

enum {
	QUESTION_OCTETS = 4 << 20,
	RECORD_OCTETS = 4096,
	PROBLEM_OCTETS = 300,
	REFRESHES_MAX = 100,
};

struct sts_question {
	TAILQ_ENTRY(sts_question) entry;
	struct sts_desk *desk;
	struct arena *arena;
	struct slice domain;
	struct sts_wish *wish;   /* NULL: answered */
	struct dns_query *query; /* likewise */
	struct fetch *fetch;
	struct sts kept; /* what is kept, and holds */
	bool is_unknown; /* whether there is one could not be had */
	bool is_bogus;
	struct slice id; /* of the record, or empty */
	sts_done *done;  /* NULL: it is refreshed, and nobody asks */
	void *arg;
};

struct sts_desk {
	struct dns *dns;
	struct fetcher *fetcher;
	struct sts_known *known;
	struct sts_rest *rest;
	unsigned port;
	TAILQ_HEAD(, sts_question) refreshes;
	unsigned refresh_count;
};

/* --- the end ------------------------------------------------------------------------ */

static void question_free(struct sts_question **question)
{
	struct sts_question *q = *question;

	if (q->done == NULL) {
		TAILQ_REMOVE(&q->desk->refreshes, q, entry);
		q->desk->refresh_count--;
	}
	sts_known_cancel(&q->wish);
	dns_cancel(&q->query);
	fetch_cancel(&q->fetch);
	arena_free(&q->arena);
	mem_free(question);
}

static void end(struct sts_question *q, const struct sts_answer *answer)
{
	if (q->done != NULL)
		q->done(answer, q->arg);
	question_free(&q);
}

/* So that it is left alone for a day. */
static void keep_as_tried(const struct sts_question *q)
{
	struct sts sts = q->kept;

	sts.tried = (uint64_t)clock_wall_s();
	sts_known_keep(q->desk->known, q->domain, &sts);
}

/* With what is kept, which may be nothing. */
static void end_with_kept(struct sts_question *q, enum tlsrpt_result failure,
			  struct slice problem)
{
	const struct sts_answer answer = { .sts = q->kept,
					   .failure = failure,
					   .problem = problem };

	if (q->done == NULL)
		keep_as_tried(q);
	end(q, &answer);
}

static void end_later(struct sts_question *q, struct slice problem)
{
	const struct sts_answer answer = { .is_try_later = true,
					   .problem = problem };

	end(q, &answer);
}

/* --- fetching ----------------------------------------------------------------------- */

static void end_failed(struct sts_question *q, enum tlsrpt_result failure,
		       struct slice problem)
{
	const struct slice parts[] = {
		SLICE("its policy (MTA-STS) cannot be had: "),
		slice_head(problem, PROBLEM_OCTETS)
	};
	/* RFC 8461 3.3 wants someone to hear of it. */
	bool is_grave = q->kept.id.n > 0 && q->kept.mode != STS_NONE;

	problem = arena_join(q->arena, parts, 2);
	sts_rest_begin(q->desk->rest, q->domain, q->id, failure, problem);
	LOG(is_grave ? LOG_WARNING : LOG_INFO, NULL,
	    is_grave ? "a policy of MTA-STS cannot be fetched again"
		     : "a policy of MTA-STS cannot be fetched",
	    log_text("domain", q->domain), log_text("id", q->id),
	    log_text("problem", parts[1]));
	end_with_kept(q, failure, problem);
}

static void take_policy(struct sts_question *q, struct slice text)
{
	uint64_t now = (uint64_t)clock_wall_s();
	struct sts_answer answer = { .is_fresh = true };
	struct sts_policy policy;
	const char *problem = sts_policy_parse(text, q->arena, &policy);

	if (problem != NULL) {
		end_failed(q, TLSRPT_STS_POLICY_INVALID, slice_of(problem));
		return;
	}
	answer.sts = (struct sts){
		.id = q->id,
		.mode = policy.mode,
		.max_age_s = policy.max_age_s,
		.patterns = { policy.patterns, policy.pattern_count },
		.fetched = now,
		.tried = now,
	};
	LOG(LOG_INFO, NULL, "a policy of MTA-STS was fetched",
	    log_text("domain", q->domain), log_text("id", q->id),
	    log_string("mode", sts_mode_word(policy.mode)),
	    log_number("max_age_s", policy.max_age_s));
	sts_known_keep(q->desk->known, q->domain, &answer.sts);
	end(q, &answer);
}

/* Parameters are of no interest: RFC 8461 3.2. */
static bool is_plain_text(struct slice content_type)
{
	struct slice type, rest;

	(void)slice_cut(content_type, ';', &type, &rest);
	return slice_equal_nocase(slice_trim(type), S("text/plain"));
}

static void on_fetched(const struct https_answer *answer, void *arg)
{
	struct sts_question *q = arg;
	enum tlsrpt_result failure = TLSRPT_STS_POLICY_FETCH_ERROR;

	q->fetch = NULL;
	if (answer->result == HTTPS_UNTRUSTED)
		failure = TLSRPT_STS_WEBPKI_INVALID;
	if (answer->result != HTTPS_ANSWERED)
		end_failed(q, failure, answer->problem);
	else if (answer->status != 200)
		end_failed(q, failure,
			   arena_format(q->arena, "the server answers %u",
					answer->status));
	else if (!is_plain_text(answer->content_type))
		end_failed(q, TLSRPT_STS_POLICY_INVALID,
			   S("it is not text/plain"));
	else
		take_policy(q, answer->body);
}

static void fetch(struct sts_question *q)
{
	const struct slice parts[] = { SLICE("mta-sts."), q->domain };
	const struct https_request request = {
		.host = arena_join(q->arena, parts, 2),
		.port = q->desk->port,
		.path = SLICE("/.well-known/mta-sts.txt"),
		.limit_octets = STS_POLICY_OCTETS,
		.timeout_ms = STS_FETCH_MS,
	};

	q->fetch = fetch_start(q->desk->fetcher, &request, on_fetched, q);
}

/* --- what is to be done -------------------------------------------------------------- */

static void fetch_or_rest(struct sts_question *q)
{
	enum tlsrpt_result failure;
	struct slice problem;

	if (sts_rest_find(q->desk->rest, q->domain, q->id, &failure, &problem))
		end_with_kept(q, failure, arena_copy(q->arena, problem));
	else
		fetch(q);
}

static void decide(struct sts_question *q)
{
	bool has_kept = q->kept.id.n > 0;

	if (q->wish != NULL || q->query != NULL)
		return;
	if (q->is_unknown)
		end_later(q, S("what is known of its policy (MTA-STS) cannot "
			       "be had"));
	else if (q->is_bogus && !has_kept)
		end_later(q, S("DNSSEC validation failed of its record for "
			       "MTA-STS"));
	else if (q->id.n == 0 ||
		 (q->done != NULL && slice_equal(q->id, q->kept.id)))
		end_with_kept(q, TLSRPT_SUCCESS, S(""));
	else
		fetch_or_rest(q);
}

static void take_record(struct sts_question *q, const struct dns_answer *answer)
{
	struct slice texts[DNS_RECORDS_MAX], id;
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++)
		if (record_txt(answer->records[i], RECORD_OCTETS, q->arena,
			       &texts[count]))
			count++;
	if (sts_record_parse(texts, count, &id) == 0)
		q->id = id;
}

static void on_record(const struct dns_answer *answer, void *arg)
{
	struct sts_question *q = arg;

	q->query = NULL;
	q->is_bogus = answer->result == DNS_BOGUS;
	if (answer->result == DNS_DATA)
		take_record(q, answer);
	decide(q);
}

static void on_known(const struct msg_sts_known *m, void *arg)
{
	struct sts_question *q = arg;

	q->wish = NULL;
	q->is_unknown = m->error != 0;
	q->kept = sts_copy(&m->sts, q->arena);
	decide(q);
}

/* --- questions ----------------------------------------------------------------------- */

static struct sts_question *question_new(struct sts_desk *desk,
					 struct slice domain)
{
	const struct slice parts[] = { SLICE("_mta-sts."), domain };
	struct sts_question *q = mem_new(sizeof(*q));

	q->desk = desk;
	q->arena = arena_new(QUESTION_OCTETS);
	q->domain = arena_copy(q->arena, domain);
	q->query = dns_ask(desk->dns, arena_join(q->arena, parts, 2), DNS_TXT,
			   on_record, q);
	return q;
}

struct sts_question *sts_ask(struct sts_desk *desk, struct slice domain,
			     sts_done *done, void *arg)
{
	struct sts_question *q = question_new(desk, domain);

	q->done = done;
	q->arg = arg;
	q->wish = sts_known_ask(desk->known, q->domain, on_known, q);
	return q;
}

void sts_cancel(struct sts_question **question)
{
	if (*question != NULL)
		question_free(question);
}

static bool is_refreshed(const struct sts_desk *desk, struct slice domain)
{
	const struct sts_question *q;

	TAILQ_FOREACH(q, &desk->refreshes, entry)
		if (slice_equal(q->domain, domain))
			return true;
	return false;
}

void sts_refresh(struct sts_desk *desk, const struct msg_sts_stale *m)
{
	struct sts_question *q;

	if (desk->refresh_count == REFRESHES_MAX ||
	    is_refreshed(desk, m->domain))
		return;
	q = question_new(desk, m->domain);
	q->kept = sts_copy(&m->sts, q->arena);
	TAILQ_INSERT_TAIL(&desk->refreshes, q, entry);
	desk->refresh_count++;
}

/* --- life --------------------------------------------------------------------------- */

struct sts_desk *sts_desk_new(struct dns *dns, struct fetcher *fetcher,
			      struct sts_known *known)
{
	struct sts_desk *desk = mem_new(sizeof(*desk));

	desk->dns = dns;
	desk->fetcher = fetcher;
	desk->known = known;
	desk->rest = sts_rest_new();
	TAILQ_INIT(&desk->refreshes);
	return desk;
}

void sts_desk_configure(struct sts_desk *desk, unsigned port)
{
	desk->port = port;
}

void sts_desk_free(struct sts_desk **desk)
{
	struct sts_question *q;

	if (*desk == NULL)
		return;
	while ((q = TAILQ_FIRST(&(*desk)->refreshes)) != NULL)
		question_free(&q);
	sts_rest_free(&(*desk)->rest);
	mem_free(desk);
}
