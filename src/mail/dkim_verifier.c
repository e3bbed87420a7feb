#include "mail/dkim_verifier.h"

#include "base/mem.h"
#include "mail/dkim_block.h"
#include "mail/dkim_hash.h"
#include "mail/dkim_record.h"
#include "mail/dkim_signature.h"

#include <string.h>

enum {
	ARENA_OCTETS = 64 << 20,
	NAME_OCTETS = 253, /* RFC 1035 2.3.4, as text */
};

struct body_hash {
	struct dkim_hash *hash;
	enum dkim_canon canon;
	uint64_t limit;
	uint64_t octets;
	unsigned char digest[DKIM_HASH_OCTETS];
};

enum check_state {
	CHECK_NO_KEY,  /* a key is wanted */
	CHECK_NO_BODY, /* what remains is to compare the body's hash */
	CHECK_DONE,
};

struct check {
	const struct field *f;
	enum check_state state;
	struct dkim_signature s;
	struct dkim_result r;
	struct slice key_name;
	const struct body_hash *body;
	size_t unsigned_from;
};

struct dkim_verifier {
	const struct fields *fields;
	struct arena *arena;
	size_t count, ignored;
	struct check checks[DKIM_SIGNATURES_MAX];
	size_t body_count;
	struct body_hash bodies[DKIM_SIGNATURES_MAX];
};

/* What is made of a fault. */
struct verdict {
	enum authres_result result;
	const char *reason;
};

static void decide(struct check *c, struct verdict v)
{
	c->state = CHECK_DONE;
	c->r.result = v.result;
	c->r.reason = v.reason;
}

/* --- the fields --------------------------------------------------------------------- */

static struct verdict verdict_of_fault(enum dkim_fault fault)
{
	static const struct verdict verdicts[] = {
		[DKIM_OK] = { AUTHRES_NONE, "" },
		[DKIM_SYNTAX] = { AUTHRES_NEUTRAL, "signature is malformed" },
		[DKIM_VERSION] = { AUTHRES_NEUTRAL,
				   "version of signature is not known" },
		[DKIM_UNKNOWN] = { AUTHRES_NEUTRAL,
				   "algorithm of signature is not known" },
		[DKIM_MISMATCH] = { AUTHRES_PERMERROR, "i= is not within d=" },
		[DKIM_FROM] = { AUTHRES_PERMERROR, "From is not signed" },
	};

	return verdicts[fault];
}

static void check_times(struct check *c, int64_t now)
{
	const struct dkim_signature *s = &c->s;
	uint64_t wall = now > 0 ? (uint64_t)now : 0;

	if (s->expires_at != 0 && s->expires_at < wall)
		decide(c, (struct verdict){ AUTHRES_POLICY,
					    "signature has expired" });
	else if (s->signed_at > wall + DKIM_CLOCK_S)
		decide(c, (struct verdict){ AUTHRES_POLICY,
					    "signature is of the future" });
}

static void tell(struct dkim_verifier *v, struct check *c)
{
	const struct slice bare[] = { S("@"), c->s.domain };

	c->r.reason = "";
	c->r.domain = c->s.domain;
	c->r.selector = c->s.selector;
	c->r.identity = c->s.identity;
	if (c->s.identity.n == 0 && c->s.domain.n > 0)
		c->r.identity = arena_join(v->arena, bare, 2);
	c->r.algorithm = dkim_algorithm_word(c->s.algorithm);
	/* What is no base64 is shown to nobody. */
	if (c->s.signature.n > 0)
		c->r.head = slice_head(c->s.signature_text, DKIM_HEAD_CHARS);
}

static const struct body_hash *body_of(struct dkim_verifier *v,
				       const struct dkim_signature *s)
{
	struct body_hash *b;

	for (size_t i = 0; i < v->body_count; i++)
		if (v->bodies[i].canon == s->body &&
		    v->bodies[i].limit == s->length)
			return &v->bodies[i];
	b = &v->bodies[v->body_count++];
	b->canon = s->body;
	b->limit = s->length;
	b->hash = dkim_hash_new(s->body, s->length);
	return b;
}

static void begin(struct dkim_verifier *v, const struct field *f, int64_t now)
{
	struct check *c = &v->checks[v->count++];
	enum dkim_fault fault = dkim_signature_parse(f, v->arena, &c->s);

	c->f = f;
	tell(v, c);
	if (fault != DKIM_OK)
		decide(c, verdict_of_fault(fault));
	else if (c->s.algorithm == DKIM_RSA_SHA1)
		decide(c, (struct verdict){ AUTHRES_PERMERROR,
					    "SHA-1 is not accepted" });
	else
		check_times(c, now);
	if (c->state == CHECK_DONE)
		return;
	c->key_name = dkim_key_name(c->s.selector, c->s.domain, v->arena);
	/* DNS cannot have it. To ask nonetheless would fail, and look like a
	 * key that may be there later. */
	if (c->key_name.n > NAME_OCTETS)
		decide(c, (struct verdict){ AUTHRES_PERMERROR,
					    "name of key is too long" });
	else
		c->body = body_of(v, &c->s);
}

struct dkim_verifier *dkim_verifier_new(const struct fields *fields,
					int64_t now)
{
	struct dkim_verifier *v = mem_new(sizeof(*v));

	v->fields = fields;
	v->arena = arena_new(ARENA_OCTETS);
	for (size_t i = 0; i < fields->count; i++) {
		if (!field_is(&fields->items[i], S("DKIM-Signature")))
			continue;
		if (v->count < DKIM_SIGNATURES_MAX)
			begin(v, &fields->items[i], now);
		else
			v->ignored++;
	}
	return v;
}

void dkim_verifier_free(struct dkim_verifier **verifier)
{
	struct dkim_verifier *v = *verifier;

	if (v == NULL)
		return;
	for (size_t i = 0; i < v->body_count; i++)
		dkim_hash_free(&v->bodies[i].hash);
	arena_free(&v->arena);
	mem_free(verifier);
}

size_t dkim_verifier_count(const struct dkim_verifier *v)
{
	return v->count;
}

size_t dkim_verifier_ignored(const struct dkim_verifier *v)
{
	return v->ignored;
}

/* --- the body ----------------------------------------------------------------------- */

bool dkim_verifier_wants_body(const struct dkim_verifier *v)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->checks[i].state != CHECK_DONE)
			return true;
	return false;
}

void dkim_verifier_feed(struct dkim_verifier *v, struct slice octets)
{
	for (size_t i = 0; i < v->body_count; i++)
		dkim_hash_feed(v->bodies[i].hash, octets);
}

void dkim_verifier_end_body(struct dkim_verifier *v)
{
	for (size_t i = 0; i < v->body_count; i++)
		dkim_hash_end(v->bodies[i].hash, v->bodies[i].digest,
			      &v->bodies[i].octets);
}

/* --- the key ------------------------------------------------------------------------ */

struct slice dkim_verifier_key_name(const struct dkim_verifier *v, size_t i)
{
	return v->checks[i].state == CHECK_NO_KEY ? v->checks[i].key_name
						  : S("");
}

static struct verdict verdict_of_key(enum dkim_record_fault fault)
{
	static const struct verdict verdicts[] = {
		[DKIM_RECORD_OK] = { AUTHRES_PASS, "" },
		[DKIM_RECORD_SYNTAX] = { AUTHRES_PERMERROR,
					 "key record is malformed" },
		[DKIM_RECORD_REVOKED] = { AUTHRES_PERMERROR, "key is revoked" },
		[DKIM_RECORD_UNKNOWN] = { AUTHRES_PERMERROR,
					  "type of key is not known" },
		[DKIM_RECORD_SERVICE] = { AUTHRES_PERMERROR,
					  "key is not for mail" },
		[DKIM_RECORD_HASH] = { AUTHRES_PERMERROR,
				       "key does not permit SHA-256" },
		[DKIM_RECORD_BROKEN] = { AUTHRES_PERMERROR,
					 "key is malformed" },
		[DKIM_RECORD_TOO_SHORT] = { AUTHRES_POLICY,
					    "key is too short" },
		[DKIM_RECORD_TOO_LONG] = { AUTHRES_POLICY, "key is too long" },
	};

	return verdicts[fault];
}

static bool is_signature_good(struct dkim_verifier *v, struct check *c,
			      const struct dkim_record *key)
{
	struct writer block = { .keeps_utf8 = true };
	const struct dkim_block_request request = {
		.fields = v->fields,
		.canon = c->s.header,
		.names = c->s.names,
		.name_count = c->s.name_count,
		.left_out = c->f,
		.signature = c->s.unsigned_field,
	};
	bool is_good;

	c->unsigned_from = dkim_block_write(&request, v->arena, &block);
	is_good = dkim_record_verify(key, writer_text(&block), c->s.signature);
	writer_done(&block);
	return is_good;
}

static struct verdict use_key(struct dkim_verifier *v, struct check *c,
			      const struct dkim_record *key)
{
	if (key->algorithm != c->s.algorithm)
		return (struct verdict){ AUTHRES_PERMERROR,
					 "key is of another type" };
	if (key->is_strict && !slice_equal(c->s.identity_domain, c->s.domain))
		return (struct verdict){ AUTHRES_PERMERROR,
					 "key does not permit i=" };
	c->r.key_bits = (unsigned)EVP_PKEY_get_bits(key->key);
	if (!is_signature_good(v, c, key))
		return (struct verdict){ AUTHRES_FAIL,
					 "signature did not verify" };
	return (struct verdict){ AUTHRES_PASS, "" };
}

static struct verdict try_record(struct dkim_verifier *v, struct check *c,
				 struct slice record)
{
	struct dkim_record key;
	enum dkim_record_fault fault =
		dkim_record_parse(record, v->arena, &key);
	struct verdict verdict = verdict_of_key(fault);

	if (fault == DKIM_RECORD_OK)
		verdict = use_key(v, c, &key);
	c->r.is_testing = key.is_testing;
	dkim_record_done(&key);
	return verdict;
}

/* Of several records, one that fits is enough: keys of both types may be at the
 * same name. A signature that failed says more than a key that does not fit. */
static void try_records(struct dkim_verifier *v, struct check *c,
			const struct slice *records, size_t count)
{
	struct verdict best = { AUTHRES_PERMERROR, "no key for signature" };

	for (size_t i = 0; i < count && i < DKIM_RECORDS_MAX; i++) {
		struct verdict verdict = try_record(v, c, records[i]);

		if (i == 0 || verdict.result == AUTHRES_PASS ||
		    verdict.result == AUTHRES_FAIL)
			best = verdict;
		if (best.result == AUTHRES_PASS)
			break;
	}
	if (best.result == AUTHRES_PASS)
		c->state = CHECK_NO_BODY;
	else
		decide(c, best);
}

void dkim_verifier_key(struct dkim_verifier *v, size_t i,
		       enum dkim_lookup lookup, const struct slice *records,
		       size_t count)
{
	struct check *c = &v->checks[i];

	if (c->state != CHECK_NO_KEY)
		return;
	switch (lookup) {
	case DKIM_LOOKUP_FOUND:
		try_records(v, c, records, count);
		break;
	case DKIM_LOOKUP_NONE:
		try_records(v, c, NULL, 0);
		break;
	case DKIM_LOOKUP_FAILED:
		decide(c, (struct verdict){ AUTHRES_TEMPERROR,
					    "key is not available" });
		break;
	}
}

/* --- the result --------------------------------------------------------------------- */

static struct verdict verdict_of_body(const struct check *c)
{
	const struct body_hash *b = c->body;

	if (c->s.body_hash.n != DKIM_HASH_OCTETS ||
	    memcmp(c->s.body_hash.p, b->digest, DKIM_HASH_OCTETS) != 0)
		return (struct verdict){ AUTHRES_FAIL,
					 "body hash did not verify" };
	if (c->s.length != UINT64_MAX && c->s.length > b->octets)
		return (struct verdict){ AUTHRES_PERMERROR,
					 "l= is longer than the body" };
	/* RFC 6376 8.2, 8.15: what is not signed may be anybody's. */
	if (c->s.length < b->octets)
		return (struct verdict){ AUTHRES_POLICY,
					 "l= leaves a part of the body out" };
	if (c->unsigned_from > 0)
		return (struct verdict){ AUTHRES_POLICY,
					 "one From field is not signed" };
	return (struct verdict){ AUTHRES_PASS, "" };
}

const struct dkim_result *dkim_verifier_result(struct dkim_verifier *v,
					       size_t i)
{
	struct check *c = &v->checks[i];

	switch (c->state) {
	case CHECK_NO_KEY:
		decide(c, (struct verdict){ AUTHRES_TEMPERROR,
					    "key was not looked up" });
		break;
	case CHECK_NO_BODY:
		if (c->s.length < c->body->octets)
			c->r.unsigned_octets = c->body->octets - c->s.length;
		decide(c, verdict_of_body(c));
		break;
	case CHECK_DONE:
		break;
	}
	return &c->r;
}
