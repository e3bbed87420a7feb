#include "mail/tlsrpt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATE_TEXT_OCTETS = 32, ID_OCTETS = 600, FIELDS = 8 };

static const char *const result_names[] = {
	[TLSRPT_SUCCESS] = "success",
	[TLSRPT_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
	[TLSRPT_CERTIFICATE_HOST_MISMATCH] = "certificate-host-mismatch",
	[TLSRPT_CERTIFICATE_EXPIRED] = "certificate-expired",
	[TLSRPT_CERTIFICATE_NOT_TRUSTED] = "certificate-not-trusted",
	[TLSRPT_VALIDATION_FAILURE] = "validation-failure",
	[TLSRPT_TLSA_INVALID] = "tlsa-invalid",
	[TLSRPT_DNSSEC_INVALID] = "dnssec-invalid",
	[TLSRPT_DANE_REQUIRED] = "dane-required",
	[TLSRPT_STS_POLICY_FETCH_ERROR] = "sts-policy-fetch-error",
	[TLSRPT_STS_POLICY_INVALID] = "sts-policy-invalid",
	[TLSRPT_STS_WEBPKI_INVALID] = "sts-webpki-invalid",
};

static const char *const policy_names[] = {
	[TLSRPT_NO_POLICY] = "no-policy-found",
	[TLSRPT_TLSA] = "tlsa",
	[TLSRPT_STS] = "sts",
};

const char *tlsrpt_result_name(enum tlsrpt_result result)
{
	return result_names[result];
}

const char *tlsrpt_policy_name(enum tlsrpt_policy policy)
{
	return policy_names[policy];
}

/* --- text ------------------------------------------------------------------------- */

/* In printable ASCII, and LF where there may be lines. */
static struct slice clean(struct slice text, size_t max, bool has_lines,
			  struct arena *arena)
{
	struct slice s = slice_head(text, max);
	char *p = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++) {
		p[i] = s.p[i];
		if ((p[i] < ' ' || p[i] > '~') && !(has_lines && p[i] == '\n'))
			p[i] = '?';
	}
	return (struct slice){ p, s.n };
}

/* --- facts ------------------------------------------------------------------------- */

struct tlsrpt_fact tlsrpt_fact_outline(const struct tlsrpt_fact *fact)
{
	return (struct tlsrpt_fact){ .policy = fact->policy,
				     .result = fact->result };
}

struct slice tlsrpt_fact_write(const struct tlsrpt_fact *f, struct arena *arena)
{
	const bool is_failure = f->result != TLSRPT_SUCCESS;
	const size_t name = is_failure ? TLSRPT_NAME_OCTETS : 0;
	const size_t address = is_failure ? TLSRPT_ADDRESS_OCTETS : 0;
	const size_t reason = is_failure ? TLSRPT_REASON_OCTETS : 0;
	const struct slice tab = S("\t");
	const struct slice parts[] = {
		arena_format(arena, "%u\t%u\t", (unsigned)f->policy,
			     (unsigned)f->result),
		clean(f->mx, name, false, arena),
		tab,
		clean(f->address, address, false, arena),
		tab,
		clean(f->own_address, address, false, arena),
		tab,
		clean(f->reason, reason, false, arena),
		tab,
		clean(f->policy_lines, TLSRPT_POLICY_OCTETS, true, arena),
		tab,
		clean(f->mx_patterns, TLSRPT_POLICY_OCTETS, true, arena),
	};

	return arena_join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

bool tlsrpt_fact_read(struct slice text, struct tlsrpt_fact *ret_fact)
{
	struct slice fields[FIELDS];
	uint64_t policy, result;
	size_t n = 0;
	bool has_more = true;

	while (has_more && n < FIELDS)
		has_more = slice_cut(text, '\t', &fields[n++], &text);
	if (has_more || n < FIELDS ||
	    !slice_to_u64(fields[0], TLSRPT_POLICIES - 1, &policy) ||
	    !slice_to_u64(fields[1], TLSRPT_RESULTS - 1, &result))
		return false;
	*ret_fact = (struct tlsrpt_fact){
		.policy = (enum tlsrpt_policy)policy,
		.result = (enum tlsrpt_result)result,
		.mx = fields[2],
		.address = fields[3],
		.own_address = fields[4],
		.reason = fields[5],
		.policy_lines = fields[6],
		.mx_patterns = fields[7],
	};
	return true;
}

/* --- JSON -------------------------------------------------------------------------- */

static json_t *text_of(struct slice text, size_t max, struct arena *arena)
{
	struct slice s = clean(text, max, false, arena);

	return json_stringn(s.p, s.n);
}

static void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

/* Not there if nothing is known. */
static void set_text(json_t *object, const char *key, struct slice text,
		     struct arena *arena)
{
	if (text.n > 0)
		set(object, key, text_of(text, TLSRPT_NAME_OCTETS, arena));
}

static void set_lines(json_t *object, const char *key, struct slice text,
		      struct arena *arena)
{
	json_t *array;
	struct slice line;
	bool has_more = true;

	if (text.n == 0)
		return;
	array = json_array();
	text = slice_head(text, TLSRPT_POLICY_OCTETS);
	while (has_more) {
		has_more = slice_cut(text, '\n', &line, &text);
		(void)json_array_append_new(array,
					    text_of(line, line.n, arena));
	}
	set(object, key, array);
}

/* RFC 3339 5.6 */
static void set_date(json_t *object, const char *key, int64_t seconds)
{
	char text[DATE_TEXT_OCTETS] = "";
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set(object, key, json_string(text));
}

static json_t *date_range(int64_t begin)
{
	json_t *range = json_object();

	set_date(range, "start-datetime", begin);
	set_date(range, "end-datetime", begin + TLSRPT_DAY_S - 1);
	return range;
}

static bool is_same_policy(const struct tlsrpt_fact *a,
			   const struct tlsrpt_fact *b)
{
	return a->policy == b->policy &&
	       slice_equal(a->policy_lines, b->policy_lines) &&
	       slice_equal(a->mx_patterns, b->mx_patterns);
}

static json_t *policy_object(const struct tlsrpt_fact *f, struct slice domain,
			     struct arena *arena)
{
	json_t *policy = json_object();

	set(policy, "policy-type", json_string(tlsrpt_policy_name(f->policy)));
	set_lines(policy, "policy-string", f->policy_lines, arena);
	set_text(policy, "policy-domain", domain, arena);
	set_lines(policy, "mx-host", f->mx_patterns, arena);
	return policy;
}

static json_t *failure_object(const struct tlsrpt_count *c, struct arena *arena)
{
	const struct tlsrpt_fact *f = &c->fact;
	json_t *failure = json_object();

	set(failure, "result-type", json_string(tlsrpt_result_name(f->result)));
	set_text(failure, "sending-mta-ip", f->own_address, arena);
	set_text(failure, "receiving-mx-hostname", f->mx, arena);
	set_text(failure, "receiving-ip", f->address, arena);
	set(failure, "failed-session-count",
	    json_integer((json_int_t)c->sessions));
	set_text(failure, "failure-reason-code", f->reason, arena);
	return failure;
}

/* All with the policy of the one at `first`. */
static json_t *sessions_object(const struct tlsrpt_report *r, size_t first,
			       struct arena *arena)
{
	const struct tlsrpt_fact *policy = &r->counts[first].fact;
	json_t *object = json_object(), *summary = json_object();
	json_t *failures = json_array();
	uint64_t good = 0, bad = 0;

	for (size_t i = first; i < r->count && i < TLSRPT_FACTS_MAX; i++) {
		const struct tlsrpt_count *c = &r->counts[i];

		if (!is_same_policy(&c->fact, policy))
			continue;
		if (c->fact.result == TLSRPT_SUCCESS) {
			good += c->sessions;
			continue;
		}
		bad += c->sessions;
		(void)json_array_append_new(failures, failure_object(c, arena));
	}
	set(object, "policy", policy_object(policy, r->domain, arena));
	set(summary, "total-successful-session-count",
	    json_integer((json_int_t)good));
	set(summary, "total-failure-session-count",
	    json_integer((json_int_t)bad));
	set(object, "summary", summary);
	if (json_array_size(failures) > 0)
		set(object, "failure-details", failures);
	else
		json_decref(failures);
	return object;
}

static bool is_first(const struct tlsrpt_report *r, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_same_policy(&r->counts[i].fact, &r->counts[index].fact))
			return false;
	return true;
}

static json_t *policies(const struct tlsrpt_report *r, struct arena *arena)
{
	json_t *array = json_array();

	for (size_t i = 0; i < r->count && i < TLSRPT_FACTS_MAX; i++)
		if (is_first(r, i))
			(void)json_array_append_new(
				array, sessions_object(r, i, arena));
	return array;
}

struct slice tlsrpt_json(const struct tlsrpt_report *r, struct arena *arena)
{
	json_t *report = json_object();
	struct slice text;
	char *p;

	set_text(report, "organization-name", r->organization, arena);
	set(report, "date-range", date_range(r->begin));
	set_text(report, "contact-info", r->contact, arena);
	set(report, "report-id", text_of(r->id, ID_OCTETS, arena));
	set(report, "policies", policies(r, arena));
	p = json_dumps(report, JSON_COMPACT);
	json_decref(report);
	text = arena_copy(arena, slice_of(p));
	/* NOLINTNEXTLINE(cppcoreguidelines-no-malloc): jansson's own */
	free(p);
	return text;
}
