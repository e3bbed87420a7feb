/*
 * Hostile signatures and key records: a message and what DNS says. Nothing of
 * it verifies, since nobody here knows the private key.
 *
 * Input: a key record, NUL, a message.
 */
#include "mail/dkim_draft.h"
#include "mail/dkim_record.h"
#include "mail/dkim_verifier.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000 };

static void check_result(const struct dkim_result *r)
{
	assert(r->result < AUTHRES_COUNT && r->reason != NULL);
	assert((r->result == AUTHRES_PASS) == (r->reason[0] == '\0'));
	assert(!slice_has_control(r->domain) && !slice_has_high(r->domain));
	assert(!slice_has_control(r->selector) && !slice_has_high(r->selector));
	assert(!slice_has_control(r->identity) && slice_is_utf8(r->identity));
	assert(!slice_has_control(r->head) && r->head.n <= DKIM_HEAD_CHARS);
}

static void check_message(struct slice message, const struct slice *record,
			  struct arena *a)
{
	struct fields fields;
	struct dkim_verifier *v;

	if (!fields_split(message, a, &fields))
		return;
	v = dkim_verifier_new(&fields, NOW);
	assert(dkim_verifier_count(v) <= DKIM_SIGNATURES_MAX);
	dkim_verifier_feed(v, fields.body);
	dkim_verifier_end_body(v);
	for (size_t i = 0; i < dkim_verifier_count(v); i++) {
		if (dkim_verifier_key_name(v, i).n > 0)
			dkim_verifier_key(v, i, DKIM_LOOKUP_FOUND, record, 1);
		check_result(dkim_verifier_result(v, i));
	}
	dkim_verifier_free(&v);
	(void)dkim_draft_is_signed(&fields, S("a.example"), S("s"));
}

/* Our own signature of any message stays whole and says what it is. */
static void check_draft(struct slice message, struct arena *a)
{
	static const unsigned char hash[DKIM_HASH_OCTETS] = { 1 };
	struct fields fields;
	struct dkim_draft_request request = {
		.fields = &fields,
		.domain = S("a.example"),
		.selector = S("s"),
		.algorithm = DKIM_RSA_SHA256,
		.body_hash = hash,
		.now = NOW,
	};
	struct dkim_draft draft;
	struct slice field;

	if (!fields_split(message, a, &fields))
		return;
	dkim_draft_make(&request, a, &draft);
	field = dkim_draft_finish(&draft, S("signature"), a);
	assert(fields_split(field, a, &fields) && fields.count == 1);
	assert(fields.section.n == field.n);
	assert(dkim_draft_is_signed(&fields, S("a.example"), S("s")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, record, message;
	struct arena *a = arena_new(64 << 20);
	struct dkim_record key;

	if (size > 0 && size < 100000) {
		(void)slice_cut(in, '\0', &record, &message);
		(void)dkim_record_parse(record, a, &key);
		dkim_record_done(&key);
		check_message(message, &record, a);
		check_draft(message, a);
	}
	arena_free(&a);
	return 0;
}
