#include "mail/dmarc.h"

#include "mail/dmarc_walk.h"
#include "smtp/name.h"

/* One author domain on its way to a result. */
struct evaluation {
	const struct dmarc_request *request;
	struct dmarc_lookups *lookups;
	struct arena *arena;
	struct dmarc_author *author;
	struct dmarc_found found; /* the record, if there is one */
	bool has_record;
	bool has_failed; /* DNS did, on the way to the record */
	/* How organizations are told apart, found when it is first needed. */
	bool has_organization;
	struct slice organization;
};

/* --- organizations --------------------------------------------------------------- */

static bool uses_list(const struct evaluation *e)
{
	return !e->has_record || e->found.record.is_7489;
}

/* Returns false if DNS failed. */
static bool organization_of(const struct evaluation *e, struct slice domain,
			    struct slice *ret_organization)
{
	struct dmarc_walk walk;

	if (uses_list(e)) {
		*ret_organization = dmarc_listed_organization(domain, e->arena);
		return true;
	}
	if (!dmarc_walk(e->lookups, domain, &walk))
		return false;
	*ret_organization = walk.organization;
	return true;
}

/* Relaxed alignment of a domain with the author's: PASS, FAIL or TEMPERROR. */
static enum authres_result relation(struct evaluation *e, struct slice domain)
{
	struct slice other;

	if (domain.n == 0)
		return AUTHRES_FAIL;
	if (slice_equal(domain, e->author->domain))
		return AUTHRES_PASS;
	if (!e->has_organization &&
	    !organization_of(e, e->author->domain, &e->organization))
		return AUTHRES_TEMPERROR;
	e->has_organization = true;
	/* What is outside of it has another one. */
	if (!name_is_within(domain, e->organization))
		return AUTHRES_FAIL;
	if (!organization_of(e, domain, &other))
		return AUTHRES_TEMPERROR;
	return slice_equal(other, e->organization) ? AUTHRES_PASS
						   : AUTHRES_FAIL;
}

/* --- the record -------------------------------------------------------------------- */

static enum dmarc_policy inherited(const struct evaluation *e)
{
	const struct dmarc_record *r = &e->found.record;

	if (r->np != r->sp &&
	    !dmarc_domain_exists(e->lookups, e->author->domain))
		return r->np;
	return r->sp;
}

/* t=y: RFC 9989 4.7 */
static enum dmarc_policy softened(const struct dmarc_record *r,
				  enum dmarc_policy policy)
{
	if (!r->is_test)
		return policy;
	return policy == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_NONE;
}

static enum dmarc_policy asked_policy(const struct evaluation *e)
{
	const struct dmarc_record *r = &e->found.record;
	bool is_own = slice_equal(e->found.domain, e->author->domain);

	return softened(r, is_own ? r->p : inherited(e));
}

/* RFC 9989 4.10.1 */
static void find_record(struct evaluation *e)
{
	const struct slice domain = e->author->domain;
	enum dmarc_txt own = dmarc_record_of(e->lookups, domain, &e->found);
	const struct dmarc_found *found = NULL;
	struct dmarc_walk walk;

	e->has_record = own == DMARC_TXT_DATA;
	e->has_failed = own == DMARC_TXT_FAILED;
	if (e->has_record || e->has_failed)
		return;
	if (!dmarc_walk(e->lookups, domain, &walk)) {
		e->has_failed = true;
		return;
	}
	found = dmarc_walk_policy(&walk, domain);
	if (found != NULL) {
		e->has_record = true;
		e->found = *found;
	}
}

/* --- the result ---------------------------------------------------------------------- */

struct alignment {
	enum authres_result relaxed; /* PASS, FAIL, TEMPERROR */
	enum authres_result asked;   /* the same, as the record demands */
};

static struct alignment align(struct evaluation *e,
			      const struct dmarc_identifier *id, bool is_strict)
{
	struct alignment a = { AUTHRES_FAIL, AUTHRES_FAIL };

	if (id->result != AUTHRES_PASS && id->result != AUTHRES_TEMPERROR)
		return a;
	a.relaxed = relation(e, id->domain);
	if (a.relaxed == AUTHRES_PASS)
		a.relaxed = id->result;
	if (!is_strict || slice_equal(id->domain, e->author->domain))
		a.asked = a.relaxed;
	return a;
}

/* One that passes is enough; else one that might. */
static enum authres_result either(enum authres_result a, enum authres_result b)
{
	if (a == AUTHRES_PASS || b == AUTHRES_PASS)
		return AUTHRES_PASS;
	if (a == AUTHRES_TEMPERROR || b == AUTHRES_TEMPERROR)
		return AUTHRES_TEMPERROR;
	return AUTHRES_FAIL;
}

/* Returns what the identifiers come to under the record. */
static enum authres_result align_all(struct evaluation *e)
{
	const struct dmarc_request *q = e->request;
	const struct dmarc_record *r = &e->found.record;
	struct dmarc_author *author = e->author;
	struct alignment a = align(e, &q->spf, r->is_spf_strict);
	enum authres_result asked = a.asked;

	author->alignment = a.relaxed;
	author->is_spf_aligned = a.asked == AUTHRES_PASS;
	for (size_t i = 0; i < q->signature_count; i++) {
		a = align(e, &q->signatures[i], r->is_dkim_strict);
		author->alignment = either(author->alignment, a.relaxed);
		author->is_dkim_aligned =
			author->is_dkim_aligned || a.asked == AUTHRES_PASS;
		asked = either(asked, a.asked);
	}
	return asked;
}

static void judge(struct evaluation *e)
{
	struct dmarc_author *author = e->author;
	enum authres_result asked = align_all(e);

	if (e->has_failed) {
		author->result = AUTHRES_TEMPERROR;
	} else if (!e->has_record) {
		author->result = AUTHRES_NONE;
	} else if (e->found.is_unusable) {
		author->result = AUTHRES_PERMERROR;
	} else {
		author->result = asked;
		author->asked = asked_policy(e);
	}
	if (author->result == AUTHRES_FAIL)
		author->policy = author->asked;
}

static void check_author(const struct dmarc_request *request,
			 struct dmarc_lookups *lookups, struct arena *arena,
			 struct dmarc_author *author)
{
	struct evaluation e = {
		.request = request,
		.lookups = lookups,
		.arena = arena,
		.author = author,
	};

	author->alignment = AUTHRES_FAIL;
	if (name_is_literal(author->domain))
		return;
	find_record(&e);
	if (e.has_record) {
		author->record_domain = e.found.domain;
		author->record = e.found.text;
	}
	judge(&e);
}

/* --- all authors ------------------------------------------------------------------------ */

/* The worse of two, for several authors. */
static enum authres_result worse(enum authres_result a, enum authres_result b)
{
	static const enum authres_result order[] = {
		AUTHRES_FAIL, AUTHRES_TEMPERROR, AUTHRES_PERMERROR,
		AUTHRES_NONE, AUTHRES_PASS,
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a;
}

static struct slice words(struct arena *arena, struct slice a, const char *b,
			  struct slice c)
{
	const struct slice parts[] = { a, slice_of(b), c };

	return arena_join(arena, parts, 3);
}

static struct slice problem_of(const struct dmarc_author *a,
			       struct arena *arena)
{
	switch (a->result) {
	case AUTHRES_FAIL:
		return words(arena, a->domain,
			     " is the author's domain, and neither SPF nor DKIM"
			     " shows that it sent this; its DMARC policy is ",
			     slice_of(dmarc_policy_word(a->policy)));
	case AUTHRES_TEMPERROR:
		return words(arena, S("DNS fails for the author's domain "), "",
			     a->domain);
	case AUTHRES_PERMERROR:
		return words(
			arena, S("the DMARC record of "), "",
			words(arena, a->record_domain, " is of no use", S("")));
	case AUTHRES_NONE:
	case AUTHRES_PASS:
	case AUTHRES_SOFTFAIL:
	case AUTHRES_NEUTRAL:
	case AUTHRES_POLICY:
	case AUTHRES_COUNT:
		break;
	}
	return S("");
}

static void add(struct dmarc_verdict *v, const struct dmarc_author *a,
		struct arena *arena)
{
	bool is_first = v->author_count == 0;
	bool is_worse = is_first || a->policy > v->policy ||
			worse(a->result, v->result) != v->result;

	if (is_worse)
		v->problem = problem_of(a, arena);
	if (a->policy > v->policy)
		v->policy = a->policy;
	v->result = is_first ? a->result : worse(a->result, v->result);
	v->alignment =
		is_first ? a->alignment : worse(a->alignment, v->alignment);
	v->authors[v->author_count++] = *a;
}

/* A From field that shows different authors to different readers. */
static void refuse(const struct from *from, struct dmarc_verdict *v,
		   struct arena *arena)
{
	v->result = AUTHRES_PERMERROR;
	v->policy = DMARC_REJECT;
	v->problem = words(arena, S("it has "), from_words(from->state), S(""));
}

void dmarc_check(const struct dmarc_request *request, struct arena *arena,
		 struct dmarc_verdict *ret_verdict)
{
	const struct from *from = request->from;
	struct dmarc_lookups *lookups =
		dmarc_lookups_new(request->ask, request->ask_arg, arena);

	*ret_verdict = (struct dmarc_verdict){ .alignment = AUTHRES_FAIL };
	switch (from->state) {
	case FROM_OK:
		break;
	case FROM_MISSING:
	case FROM_WITHOUT_DOMAIN:
		return;
	case FROM_REPEATED:
	case FROM_UNREADABLE:
	case FROM_TOO_MANY:
		refuse(from, ret_verdict, arena);
		return;
	}
	for (size_t i = 0; i < from->domain_count; i++) {
		struct dmarc_author author = { .domain = from->domains[i] };

		check_author(request, lookups, arena, &author);
		add(ret_verdict, &author, arena);
	}
}

struct slice dmarc_resinfo(const struct dmarc_author *author,
			   struct arena *arena)
{
	const bool has_policy = author->record_domain.n > 0 &&
				author->result != AUTHRES_PERMERROR;
	const struct authres_property properties[] = {
		{ S("header.from"), author->domain },
		{ S("policy.dmarc"),
		  has_policy ? slice_of(dmarc_policy_word(author->asked))
			     : S("") },
	};
	const struct authres_info info = {
		.method = S("dmarc"),
		.result = author->result,
		.properties = properties,
		.property_count = 2,
	};

	return authres_resinfo(&info, arena);
}
