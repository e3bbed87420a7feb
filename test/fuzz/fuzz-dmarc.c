/*
 * A From field, identifiers and a DNS of texts. The lines of the input: the
 * field's value; "RESULT DOMAIN" of SPF and of three signatures; and what each
 * name of DNS answers, in the order in which they are asked, over and over: a
 * text, "!" or "?".
 */
#include "mail/dmarc.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IDS = 4, QUESTIONS_MAX = 64 + FROM_DOMAINS_MAX };

struct world {
	struct slice zone, rest, text;
	unsigned questions;
};

static enum dmarc_txt answer(void *arg, struct slice name,
			     const struct slice **ret_texts, size_t *ret_count)
{
	struct world *w = arg;

	assert(name.n <= 253);
	w->questions++;
	if (w->rest.n == 0)
		w->rest = w->zone;
	(void)slice_cut(w->rest, '\n', &w->text, &w->rest);
	if (slice_equal(w->text, S("!")))
		return DMARC_TXT_NO_NAME;
	if (slice_equal(w->text, S("?")))
		return DMARC_TXT_FAILED;
	*ret_texts = &w->text;
	*ret_count = 1;
	return DMARC_TXT_DATA;
}

static struct dmarc_identifier identifier(struct slice line)
{
	struct dmarc_identifier id = { .domain = { .n = 0 } };
	struct slice word;

	(void)slice_cut(line, ' ', &word, &id.domain);
	for (unsigned i = 0; i < AUTHRES_COUNT; i++)
		if (slice_equal(word, slice_of(authres_word(i))))
			id.result = i;
	return id;
}

static void check_author(const struct dmarc_author *author, struct arena *a)
{
	bool passes = author->is_spf_aligned || author->is_dkim_aligned;

	assert(author->policy == DMARC_NONE || author->result == AUTHRES_FAIL);
	if (author->result == AUTHRES_PASS)
		assert(passes);
	if (passes)
		assert(author->alignment == AUTHRES_PASS);
	if (author->result == AUTHRES_FAIL)
		assert(author->record_domain.n > 0 && !passes);
	assert(slice_find_slice(dmarc_resinfo(author, a), S("header.from=")) >
	       0);
}

static void check(const struct dmarc_verdict *v, struct arena *a)
{
	bool has_passed = v->author_count > 0;

	for (size_t i = 0; i < v->author_count; i++) {
		const struct dmarc_author *author = &v->authors[i];

		check_author(author, a);
		assert(v->policy >= author->policy);
		has_passed = has_passed && author->result == AUTHRES_PASS;
	}
	assert((v->result == AUTHRES_PASS) == has_passed);
	if (v->policy != DMARC_NONE)
		assert(v->result == AUTHRES_FAIL ||
		       (v->result == AUTHRES_PERMERROR &&
			v->author_count == 0));
}

static void run(struct slice in, struct arena *a)
{
	struct dmarc_identifier ids[IDS];
	struct slice line, value;
	struct world world = { .questions = 0 };
	struct dmarc_verdict v;
	struct from from;
	const struct dmarc_request request = {
		.from = &from,
		.signatures = ids + 1,
		.signature_count = IDS - 1,
		.ask = answer,
		.ask_arg = &world,
	};
	struct dmarc_request with_spf = request;

	(void)slice_cut(in, '\n', &value, &in);
	from_parse(value, a, &from);
	for (size_t i = 0; i < IDS; i++) {
		(void)slice_cut(in, '\n', &line, &in);
		ids[i] = identifier(line);
	}
	with_spf.spf = ids[0];
	world.zone = in;
	dmarc_check(&with_spf, a, &v);
	assert(world.questions <= QUESTIONS_MAX);
	check(&v, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *a = arena_new(DMARC_ARENA_OCTETS);

	if (size <= 16384)
		run(in, a);
	arena_free(&a);
	return 0;
}
