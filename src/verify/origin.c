#include "verify/origin.h"

#include "base/clock.h"
#include "base/mem.h"
#include "dns/record.h"
#include "mail/dkim_verifier.h"
#include "mail/dmarc.h"
#include "mail/header.h"

#include <stdatomic.h>
#include <unistd.h>

enum {
	CHUNK_OCTETS = 256 << 10,
	ANSWER_OCTETS = 1 << 20, /* of a question */
	KEY_OCTETS = 16384,
	RESULTS_MAX = DKIM_SIGNATURES_MAX + FROM_DOMAINS_MAX + 1,
};

/* A message that is being checked. */
struct origin {
	const struct spf_world *world;
	const struct origin_request *request;
	struct arena *arena;
	struct fields fields;
	struct dkim_verifier *dkim;
	struct dmarc_identifier signatures[DKIM_SIGNATURES_MAX];
	struct msg_verified *verified;
	struct slice results[RESULTS_MAX];
};

/* --- reading ---------------------------------------------------------------------- */

/* Returns false when it cannot be read, or ends too early. */
static bool read_at(int fd, char *to, size_t octets, uint64_t offset)
{
	while (octets > 0) {
		ssize_t n = pread(fd, to, octets, (off_t)offset);

		if (n <= 0)
			return false;
		to += n;
		octets -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

/* The header section, and what of the body lies within the limit for it. */
static bool read_header(struct origin *o)
{
	const struct msg_verify *m = o->request->message;
	uint64_t rest = m->content_octets - m->own_octets;
	size_t n = rest < HEADER_OCTETS ? (size_t)rest : HEADER_OCTETS;
	char *text;

	if (m->own_octets > m->content_octets)
		return false;
	text = arena_alloc(o->arena, n + 1);
	return read_at(o->request->fd, text, n, m->own_octets) &&
	       fields_split((struct slice){ text, n }, o->arena, &o->fields);
}

static bool is_late(const struct origin *o)
{
	return clock_monotonic_ms() >= atomic_load(o->request->deadline_ms);
}

static bool feed_body(struct origin *o)
{
	const struct msg_verify *m = o->request->message;
	uint64_t at = m->own_octets;
	char *chunk;

	if (!dkim_verifier_wants_body(o->dkim))
		return true;
	at += (uint64_t)(o->fields.body.p - o->fields.section.p);
	chunk = arena_alloc(o->arena, CHUNK_OCTETS);
	while (at < m->content_octets && !is_late(o)) {
		uint64_t rest = m->content_octets - at;
		size_t n = rest < CHUNK_OCTETS ? (size_t)rest : CHUNK_OCTETS;

		if (!read_at(o->request->fd, chunk, n, at))
			return false;
		dkim_verifier_feed(o->dkim, (struct slice){ chunk, n });
		at += n;
	}
	return true;
}

/* --- DNS --------------------------------------------------------------------------- */

/* The texts at name, in arena. */
static enum dns_result ask_texts(const struct origin *o, struct slice name,
				 struct slice **ret_texts, size_t *ret_count)
{
	AUTO(arena_free) struct arena *scratch = arena_new(ANSWER_OCTETS);
	struct dns_answer answer;
	size_t count = 0;

	o->world->ask(name, DNS_TXT, scratch, &answer, o->world->arg);
	*ret_texts = arena_array(o->arena, DKIM_RECORDS_MAX + answer.count,
				 sizeof(**ret_texts));
	for (size_t i = 0; i < answer.count; i++) {
		struct slice *text = &(*ret_texts)[count];

		if (!record_txt(answer.records[i], KEY_OCTETS, scratch, text))
			continue;
		*text = arena_copy(o->arena, *text);
		count++;
	}
	*ret_count = count;
	return answer.result;
}

static enum dmarc_txt ask_dmarc(void *arg, struct slice name,
				const struct slice **ret_texts,
				size_t *ret_count)
{
	struct slice *texts;

	switch (ask_texts(arg, name, &texts, ret_count)) {
	case DNS_DATA:
		*ret_texts = texts;
		return DMARC_TXT_DATA;
	case DNS_NO_DATA:
		return DMARC_TXT_NO_DATA;
	case DNS_NO_NAME:
		return DMARC_TXT_NO_NAME;
	case DNS_FAILED:
	case DNS_BOGUS:
		break;
	}
	return DMARC_TXT_FAILED;
}

static enum dkim_lookup lookup_of(enum dns_result result)
{
	switch (result) {
	case DNS_DATA:
		return DKIM_LOOKUP_FOUND;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		return DKIM_LOOKUP_NONE;
	case DNS_FAILED:
	case DNS_BOGUS:
		break;
	}
	return DKIM_LOOKUP_FAILED;
}

static void find_key(const struct origin *o, size_t i)
{
	struct slice name = dkim_verifier_key_name(o->dkim, i);
	struct slice *texts;
	size_t count;
	enum dkim_lookup lookup;

	if (name.n == 0)
		return;
	lookup = lookup_of(ask_texts(o, name, &texts, &count));
	if (lookup != DKIM_LOOKUP_FOUND)
		count = 0;
	dkim_verifier_key(o->dkim, i, lookup, texts, count);
}

/* --- DKIM -------------------------------------------------------------------------- */

static struct slice dkim_resinfo(const struct origin *o,
				 const struct dkim_result *r)
{
	const struct authres_property properties[] = {
		{ S("header.d"), r->domain },
		{ S("header.i"), r->identity },
		{ S("header.s"), r->selector },
		{ S("header.a"), slice_of(r->algorithm) },
		{ S("header.b"), r->head },
	};
	const struct authres_info info = { .method = S("dkim"),
					   .result = r->result,
					   .comment = slice_of(r->reason),
					   .properties = properties,
					   .property_count = 5 };

	return authres_resinfo(&info, o->arena);
}

static struct slice signature_words(const struct origin *o,
				    const struct dkim_result *r)
{
	const struct slice parts[] = { r->domain, SLICE(" "), r->selector,
				       SLICE(" "),
				       slice_of(authres_word(r->result)) };

	return arena_join(o->arena, parts, 5);
}

static void add_result(struct origin *o, struct slice resinfo)
{
	o->results[o->verified->results.count++] = resinfo;
}

static void add_signatures(struct origin *o)
{
	size_t count = dkim_verifier_count(o->dkim);
	struct slice *words = arena_array(o->arena, count + 1, sizeof(*words));

	for (size_t i = 0; i < count; i++) {
		const struct dkim_result *r = dkim_verifier_result(o->dkim, i);

		o->signatures[i] = (struct dmarc_identifier){
			.domain = arena_copy(o->arena, r->domain),
			.result = r->result
		};
		words[i] = signature_words(o, r);
		add_result(o, dkim_resinfo(o, r));
	}
	if (count == 0)
		add_result(o, S("dkim=none"));
	o->verified->signatures = (struct slices){ words, count };
}

/* False: the content cannot be read. */
static bool check_dkim(struct origin *o)
{
	bool ok;

	o->dkim = dkim_verifier_new(&o->fields, o->request->now_s);
	ok = feed_body(o);
	dkim_verifier_end_body(o->dkim);
	/* Without its key a signature is in doubt. */
	for (size_t i = 0;
	     ok && !is_late(o) && i < dkim_verifier_count(o->dkim); i++)
		find_key(o, i);
	if (ok)
		add_signatures(o);
	dkim_verifier_free(&o->dkim);
	return ok;
}

/* --- DMARC ------------------------------------------------------------------------- */

/* Without an author there is nobody to name. */
static struct slice dmarc_words(const struct origin *o,
				const struct dmarc_verdict *v)
{
	const struct authres_info info = { .method = S("dmarc"),
					   .result = v->result,
					   .comment = v->problem };

	return authres_resinfo(&info, o->arena);
}

static void add_authors(struct origin *o, const struct dmarc_verdict *v)
{
	struct slice *domains =
		arena_array(o->arena, v->author_count + 1, sizeof(*domains));
	struct msg_verified *m = o->verified;

	for (size_t i = 0; i < v->author_count; i++) {
		domains[i] = v->authors[i].domain;
		add_result(o, dmarc_resinfo(&v->authors[i], o->arena));
	}
	if (v->author_count == 0)
		add_result(o, dmarc_words(o, v));
	m->from_domains = (struct slices){ domains, v->author_count };
	m->dmarc = v->result;
	m->policy = v->policy;
	m->alignment = v->alignment;
	m->problem = v->problem;
	if (v->author_count == 0)
		return;
	m->record_domain = v->authors[0].record_domain;
	m->record = v->authors[0].record;
	m->is_spf_aligned = v->authors[0].is_spf_aligned;
	m->is_dkim_aligned = v->authors[0].is_dkim_aligned;
}

static void check_dmarc(struct origin *o)
{
	const struct msg_verify *m = o->request->message;
	struct dmarc_verdict verdict;
	struct from from;
	const struct dmarc_request request = {
		.from = &from,
		.spf = { .domain = m->spf_domain,
			 .result = m->spf_result < AUTHRES_COUNT
					   ? (enum authres_result)m->spf_result
					   : AUTHRES_NONE },
		.signatures = o->signatures,
		.signature_count = o->verified->signatures.count,
		.ask = ask_dmarc,
		.ask_arg = o
	};

	from_read(o->fields.section, S("From"), o->arena, &from);
	dmarc_check(&request, o->arena, &verdict);
	add_authors(o, &verdict);
}

void origin_check(const struct spf_world *world,
		  const struct origin_request *request, struct arena *arena,
		  struct msg_verified *ret_verified)
{
	struct origin *o = arena_alloc(arena, sizeof(*o));

	*ret_verified = (struct msg_verified){ .dmarc = AUTHRES_TEMPERROR,
					       .alignment = AUTHRES_TEMPERROR };
	o->world = world;
	o->request = request;
	o->arena = arena;
	o->verified = ret_verified;
	ret_verified->results.items = o->results;
	if (!read_header(o) || !check_dkim(o)) {
		ret_verified->results.count = 0;
		ret_verified->problem = S("the message cannot be read");
		return;
	}
	check_dmarc(o);
}
