#include "mail/dkim_verifier.h"

#include "test/unit/mail/dkim_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1700000000 };

static struct arena *a;
static EVP_PKEY *key;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	key = sign_ed25519_key();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	arena_free(&a);
	return 0;
}

/* --- other people's signatures ------------------------------------------------------ */

#define MESSAGE                                                                \
	"From: Joe SixPack <joe@football.example.com>\r\n"                     \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"                         \
	"Subject: Is dinner ready?\r\n"                                        \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                      \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"     \
	"\r\n"                                                                 \
	"Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"

/* RFC 6376 A.2 */
static const char rfc6376[] =
	"DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
	"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
	"      h=Received : From : To : Subject : Date : Message-ID;\r\n"
	"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
	"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
	"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
	"      4bmp/YzhwvcubU4=;\r\n"
	"Received: from client1.football.example.com  [192.0.2.1]\r\n"
	"      by submitserver.example.com with SUBMISSION;\r\n"
	"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n" MESSAGE;

#define BRISBANE                                                               \
	"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9"  \
	"ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od" \
	"+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToI" \
	"MmPSPDdQPNUYckcQ2QIDAQAB"

/* RFC 8463 A.3 */
static const char rfc8463[] =
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	" d=football.example.com; i=@football.example.com;\r\n"
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	" subject : date : message-id : from : subject : date;\r\n"
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	" d=football.example.com; i=@football.example.com;\r\n"
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
	" date : message-id : from : subject : date;\r\n"
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n" MESSAGE;

#define TEST_RECORD                                                            \
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR" \
	"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutA" \
	"CDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2Ee" \
	"C3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

static struct dkim_verifier *begin(struct slice message, struct fields *fields)
{
	struct dkim_verifier *v;

	assert_true(fields_split(message, a, fields));
	v = dkim_verifier_new(fields, NOW);
	dkim_verifier_feed(v, fields->body);
	dkim_verifier_end_body(v);
	return v;
}

static void tell(struct dkim_verifier *v, size_t i, const char *record)
{
	struct slice text = slice_of(record);

	dkim_verifier_key(v, i, DKIM_LOOKUP_FOUND, &text, 1);
}

static void test_rfc6376(void **state)
{
	struct fields fields;
	struct dkim_verifier *v = begin(slice_of(rfc6376), &fields);
	const struct dkim_result *r;

	(void)state;
	assert_int_equal(dkim_verifier_count(v), 1);
	assert_true(slice_equal(dkim_verifier_key_name(v, 0),
				S("brisbane._domainkey.example.com")));
	tell(v, 0, BRISBANE);
	assert_int_equal(dkim_verifier_key_name(v, 0).n, 0);
	r = dkim_verifier_result(v, 0);
	assert_string_equal(r->reason, "");
	assert_int_equal(r->result, AUTHRES_PASS);
	assert_true(slice_equal(r->domain, S("example.com")));
	assert_true(slice_equal(r->selector, S("brisbane")));
	assert_true(slice_equal(r->identity, S("joe@football.example.com")));
	assert_true(slice_equal(r->head, S("AuUoFEfD")));
	assert_string_equal(r->algorithm, "rsa-sha256");
	assert_int_equal(r->key_bits, 1024);
	dkim_verifier_free(&v);
}

static void test_rfc8463(void **state)
{
	struct fields fields;
	struct dkim_verifier *v = begin(slice_of(rfc8463), &fields);

	(void)state;
	assert_int_equal(dkim_verifier_count(v), 2);
	tell(v, 0, SIGN_ED25519_RECORD);
	tell(v, 1, TEST_RECORD);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(dkim_verifier_result(v, i)->reason, "");
	assert_int_equal(dkim_verifier_result(v, 0)->result, AUTHRES_PASS);
	assert_int_equal(dkim_verifier_result(v, 1)->result, AUTHRES_PASS);
	assert_string_equal(dkim_verifier_result(v, 0)->algorithm,
			    "ed25519-sha256");
	dkim_verifier_free(&v);
}

/* Each octet of the message but those of fields that are not signed. */
static void test_every_octet_counts(void **state)
{
	size_t begin_at = (size_t)(strstr(rfc6376, "Received: ") - rfc6376);
	struct slice record = slice_of(BRISBANE);

	(void)state;
	for (size_t i = begin_at; i < sizeof(rfc6376) - 1; i++) {
		struct slice message = arena_copy(a, slice_of(rfc6376));
		struct fields fields;
		struct dkim_verifier *v;

		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		memset((char *)(uintptr_t)(message.p + i),
		       rfc6376[i] == 'x' ? 'y' : 'x', 1);
		v = begin(message, &fields);
		dkim_verifier_key(v, 0, DKIM_LOOKUP_FOUND, &record, 1);
		assert_int_equal(dkim_verifier_result(v, 0)->result,
				 AUTHRES_FAIL);
		dkim_verifier_free(&v);
	}
}

/* --- all that can be said ------------------------------------------------------------ */

#define TAGS   "v=1; a=ed25519-sha256; d=a.example; s=s; "
#define H      "h=from:to"
#define MAIL   "From: a@a.example\r\nTo: b@b.example\r\n\r\nHello\r\n"
#define RECORD SIGN_ED25519_RECORD

/* What comes on top of what was signed, and behind it. */
static const struct {
	const char *name, *tags, *on_top, *behind, *record;
	enum authres_result want;
	const char *reason;
} cases[] = {
	{ "a good one", TAGS H, "", "", RECORD, AUTHRES_PASS, "" },
	{ "relaxed", TAGS "c=relaxed/relaxed; " H, "", "\r\n", RECORD,
	  AUTHRES_PASS, "" },
	{ "relaxed, but the body is simple", TAGS "c=relaxed; " H, "",
	  "\r\n\r\n", RECORD, AUTHRES_PASS, "" },
	{ "letters of either case",
	  "v=1; a=Ed25519-SHA256; d=A.Example; s=S; "
	  "c=Relaxed/Simple; q=DNS/TXT; h=FROM:tO",
	  "", "", RECORD, AUTHRES_PASS, "" },
	{ "unknown tags, z= and r=", TAGS "z=From:x|To:y; r=y; zz=1; " H, "",
	  "", RECORD, AUTHRES_PASS, "" },
	{ "a changed body", TAGS H, "", "x", RECORD, AUTHRES_FAIL,
	  "body hash did not verify" },
	{ "another key", TAGS H, "", "",
	  "v=DKIM1; k=ed25519; p="
	  "21qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	  AUTHRES_FAIL, "signature did not verify" },

	/* fields */
	{ "a field that is not there is signed as nothing", TAGS "h=from:to:cc",
	  "", "", RECORD, AUTHRES_PASS, "" },
	{ "and cannot be added", TAGS "h=from:to:cc", "Cc: c@c.example\r\n", "",
	  RECORD, AUTHRES_FAIL, "signature did not verify" },
	{ "a second field on top is not the one that was signed", TAGS H,
	  "To: c@c.example\r\n", "", RECORD, AUTHRES_PASS, "" },
	{ "unless two were signed", TAGS H ":to", "To: c@c.example\r\n", "",
	  RECORD, AUTHRES_FAIL, "signature did not verify" },
	{ "a second From is what people see", TAGS H, "From: c@c.example\r\n",
	  "", RECORD, AUTHRES_POLICY, "one From field is not signed" },
	{ "From is not signed", TAGS "h=to", "", "", RECORD, AUTHRES_PERMERROR,
	  "From is not signed" },
	{ "its own field is none of those that are signed",
	  TAGS H ":dkim-signature", "", "", RECORD, AUTHRES_PASS, "" },

	/* l= */
	{ "l= covers all", TAGS "l=7; " H, "", "", RECORD, AUTHRES_PASS, "" },
	{ "l= leaves something out", TAGS "l=7; " H, "", "more\r\n", RECORD,
	  AUTHRES_POLICY, "l= leaves a part of the body out" },
	{ "l= is too long", TAGS "l=8; " H, "", "", RECORD, AUTHRES_PERMERROR,
	  "l= is longer than the body" },
	{ "l=0", TAGS "l=0; " H, "", "", RECORD, AUTHRES_POLICY,
	  "l= leaves a part of the body out" },
	{ "l= is no number", TAGS "l=-1; " H, "", "", RECORD, AUTHRES_NEUTRAL,
	  "signature is malformed" },
	{ "l= of 76 digits",
	  TAGS "l=00000000000000000000000000000000000000000"
	       "00000000000000000000000000000000007; " H,
	  "", "", RECORD, AUTHRES_PASS, "" },

	/* times */
	{ "not expired", TAGS "t=1699999999; x=1700000000; " H, "", "", RECORD,
	  AUTHRES_PASS, "" },
	{ "expired", TAGS "t=1600000000; x=1699999999; " H, "", "", RECORD,
	  AUTHRES_POLICY, "signature has expired" },
	{ "expired before it was made", TAGS "t=1800000000; x=1799999999; " H,
	  "", "", RECORD, AUTHRES_NEUTRAL, "signature is malformed" },
	{ "a clock that is ahead", TAGS "t=1700003600; " H, "", "", RECORD,
	  AUTHRES_PASS, "" },
	{ "the future", TAGS "t=1700090000; " H, "", "", RECORD, AUTHRES_POLICY,
	  "signature is of the future" },
	{ "a time of 13 digits", TAGS "t=1000000000000; " H, "", "", RECORD,
	  AUTHRES_NEUTRAL, "signature is malformed" },

	/* who */
	{ "i= below d=", TAGS "i=x@b.a.example; " H, "", "", RECORD,
	  AUTHRES_PASS, "" },
	{ "i= beside d=", TAGS "i=x@ba.example; " H, "", "", RECORD,
	  AUTHRES_PERMERROR, "i= is not within d=" },
	{ "i= with an encoded @", TAGS "i=x=40b.example@a.example; " H, "", "",
	  RECORD, AUTHRES_PASS, "" },
	{ "i= with an encoded line end", TAGS "i=x=0D=0A@a.example; " H, "", "",
	  RECORD, AUTHRES_NEUTRAL, "signature is malformed" },
	{ "t=s wants the very domain", TAGS "i=x@b.a.example; " H, "", "",
	  "t=s; "
	  "k=ed25519; "
	  "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	  AUTHRES_PERMERROR, "key does not permit i=" },
	{ "t=s and the very domain", TAGS "i=x@a.example; " H, "", "",
	  "t=y:s; k=ed25519; "
	  "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	  AUTHRES_PASS, "" },
	{ "U-labels",
	  "v=1; a=ed25519-sha256; s=\xc3\xbc; "
	  "d=b\xc3\xbc"
	  "cher.example; i=\xc3\xa4@b\xc3\xbc"
	  "cher.example; " H,
	  "", "", RECORD, AUTHRES_PASS, "" },

	/* versions and algorithms */
	{ "no version", "a=ed25519-sha256; d=a.example; s=s; " H, "", "",
	  RECORD, AUTHRES_NEUTRAL, "signature is malformed" },
	{ "another version", "v=2; a=ed25519-sha256; d=a.example; s=s; " H, "",
	  "", RECORD, AUTHRES_NEUTRAL, "version of signature is not known" },
	{ "another algorithm", "v=1; a=dsa-sha256; d=a.example; s=s; " H, "",
	  "", RECORD, AUTHRES_NEUTRAL, "algorithm of signature is not known" },
	{ "another canonicalisation", TAGS "c=nowsp; " H, "", "", RECORD,
	  AUTHRES_NEUTRAL, "algorithm of signature is not known" },
	{ "another way to the key", TAGS "q=http; " H, "", "", RECORD,
	  AUTHRES_NEUTRAL, "algorithm of signature is not known" },
	{ "one way more", TAGS "q=http : dns/txt; " H, "", "", RECORD,
	  AUTHRES_PASS, "" },
	{ "SHA-1", "v=1; a=rsa-sha1; d=a.example; s=s; " H, "", "", RECORD,
	  AUTHRES_PERMERROR, "SHA-1 is not accepted" },
	{ "a key of the other type", "v=1; a=rsa-sha256; d=a.example; s=s; " H,
	  "", "", RECORD, AUTHRES_PERMERROR, "key is of another type" },
	{ "no domain", "v=1; a=ed25519-sha256; s=s; " H, "", "", RECORD,
	  AUTHRES_NEUTRAL, "signature is malformed" },
	{ "a domain that is none", "v=1; a=ed25519-sha256; s=s; d=a..b; " H, "",
	  "", RECORD, AUTHRES_NEUTRAL, "signature is malformed" },
	{ "a tag twice", TAGS "s=s; " H, "", "", RECORD, AUTHRES_NEUTRAL,
	  "signature is malformed" },
	{ "an empty name in h=", TAGS "h=from::to", "", "", RECORD,
	  AUTHRES_NEUTRAL, "signature is malformed" },

	/* key records */
	{ "a revoked key", TAGS H, "", "", "v=DKIM1; p=", AUTHRES_PERMERROR,
	  "key is revoked" },
	{ "what is no key record", TAGS H, "", "", "v=spf1 -all",
	  AUTHRES_PERMERROR, "key record is malformed" },
	{ "an unknown key", TAGS H, "", "", "v=DKIM1; k=dsa; p=AAAA",
	  AUTHRES_PERMERROR, "type of key is not known" },
};

static struct slice message_of(size_t i)
{
	const struct slice parts[] = {
		slice_of(cases[i].on_top),
		sign_message(key, cases[i].tags, MAIL, a),
		slice_of(cases[i].behind),
	};

	return arena_join(a, parts, 3);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fields fields;
		struct dkim_verifier *v = begin(message_of(i), &fields);
		const struct dkim_result *r;

		print_message("%s\n", cases[i].name);
		assert_int_equal(dkim_verifier_count(v), 1);
		if (dkim_verifier_key_name(v, 0).n > 0)
			tell(v, 0, cases[i].record);
		r = dkim_verifier_result(v, 0);
		assert_string_equal(r->reason, cases[i].reason);
		assert_int_equal(r->result, cases[i].want);
		dkim_verifier_free(&v);
	}
}

/* --- DNS ------------------------------------------------------------------------------ */

static void check_lookup(enum dkim_lookup lookup, const struct slice *records,
			 size_t count, enum authres_result want,
			 const char *reason)
{
	struct fields fields;
	struct dkim_verifier *v =
		begin(sign_message(key, TAGS H, MAIL, a), &fields);

	dkim_verifier_key(v, 0, lookup, records, count);
	assert_string_equal(dkim_verifier_result(v, 0)->reason, reason);
	assert_int_equal(dkim_verifier_result(v, 0)->result, want);
	dkim_verifier_free(&v);
}

static void test_lookups(void **state)
{
	const struct slice several[] = { SLICE("v=spf1"), SLICE(TEST_RECORD),
					 SLICE(RECORD) };
	const struct slice many[] = { SLICE(TEST_RECORD), SLICE(TEST_RECORD),
				      SLICE(TEST_RECORD), SLICE(TEST_RECORD),
				      SLICE(RECORD) };
	struct fields fields;
	struct dkim_verifier *v;

	(void)state;
	check_lookup(DKIM_LOOKUP_NONE, NULL, 0, AUTHRES_PERMERROR,
		     "no key for signature");
	check_lookup(DKIM_LOOKUP_FOUND, NULL, 0, AUTHRES_PERMERROR,
		     "no key for signature");
	check_lookup(DKIM_LOOKUP_FAILED, NULL, 0, AUTHRES_TEMPERROR,
		     "key is not available");
	check_lookup(DKIM_LOOKUP_FOUND, several, 3, AUTHRES_PASS, "");
	check_lookup(DKIM_LOOKUP_FOUND, several, 2, AUTHRES_PERMERROR,
		     "key record is malformed");
	check_lookup(DKIM_LOOKUP_FOUND, many, 5, AUTHRES_PERMERROR,
		     "key is of another type");
	v = begin(sign_message(key, TAGS H, MAIL, a), &fields);
	assert_int_equal(dkim_verifier_result(v, 0)->result, AUTHRES_TEMPERROR);
	dkim_verifier_free(&v);
}

/* --- many ----------------------------------------------------------------------------- */

static void test_too_many_signatures(void **state)
{
	struct slice message = S(MAIL);
	struct fields fields;
	struct dkim_verifier *v;

	(void)state;
	for (int i = 0; i < 12; i++)
		message = sign_message(key,
				       arena_format(a,
						    "v=1; a=ed25519-sha256; "
						    "d=d%d.example; s=s; " H,
						    i)
					       .p,
				       message.p, a);
	v = begin(message, &fields);
	assert_int_equal(dkim_verifier_count(v), DKIM_SIGNATURES_MAX);
	assert_int_equal(dkim_verifier_ignored(v), 4);
	for (size_t i = 0; i < DKIM_SIGNATURES_MAX; i++) {
		tell(v, i, RECORD);
		assert_int_equal(dkim_verifier_result(v, i)->result,
				 AUTHRES_PASS);
	}
	assert_true(slice_equal(dkim_verifier_result(v, 0)->domain,
				S("d11.example")));
	dkim_verifier_free(&v);
}

/* A name below the author's domain, of which nobody could say that DNS does not
 * know it: it would be asked for again and again, and DMARC be in doubt. */
static void test_long_name(void **state)
{
#define LABEL        "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz."
#define NAMED(first) "v=1; a=ed25519-sha256; s=s; d=" first LABEL LABEL LABEL
	/* 253 octets with "s._domainkey.", and 254 */
	static const char *const tags[] = {
		NAMED("abcdefghijklmnopqrstuvwxyz0123456789abcde.") "a.example;",
		NAMED("abcdefghijklmnopqrstuvwxyz0123456789abcdef.") "a.example;",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fields fields;
		struct slice text = arena_format(a, "%s" H, tags[i]);
		struct dkim_verifier *v =
			begin(sign_message(key, text.p, MAIL, a), &fields);

		assert_int_equal(dkim_verifier_key_name(v, 0).n,
				 i == 0 ? 253 : 0);
		assert_int_equal(dkim_verifier_result(v, 0)->result,
				 i == 0 ? AUTHRES_TEMPERROR
					: AUTHRES_PERMERROR);
		dkim_verifier_free(&v);
	}
#undef NAMED
#undef LABEL
}

static void test_facts(void **state)
{
	struct fields fields;
	struct slice message = sign_message(
		key,
		"v=1; a=ed25519-sha256; l=2; s=\xc3\xbc; d=B\xc3\xbc"
		"cher.example; " H,
		MAIL, a);
	struct dkim_verifier *v = begin(message, &fields);
	const struct dkim_result *r;

	(void)state;
	assert_true(dkim_verifier_wants_body(v));
	assert_true(slice_equal(dkim_verifier_key_name(v, 0),
				S("xn--tda._domainkey.xn--bcher-kva.example")));
	tell(v, 0,
	     "k=ed25519; t=y; "
	     "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	r = dkim_verifier_result(v, 0);
	assert_int_equal(r->unsigned_octets, 5);
	assert_true(r->is_testing);
	assert_true(slice_equal(r->identity, S("@xn--bcher-kva.example")));
	assert_int_equal(r->head.n, DKIM_HEAD_CHARS);
	dkim_verifier_free(&v);

	assert_true(
		fields_split(S("DKIM-Signature: b=\"<x>\r\n\r\n"), a, &fields));
	v = dkim_verifier_new(&fields, NOW);
	assert_false(dkim_verifier_wants_body(v));
	r = dkim_verifier_result(v, 0);
	assert_int_equal(r->result, AUTHRES_NEUTRAL);
	assert_int_equal(r->head.n + r->domain.n + r->identity.n, 0);
	assert_string_equal(r->algorithm, "unknown");
	dkim_verifier_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc6376),
		cmocka_unit_test(test_rfc8463),
		cmocka_unit_test(test_every_octet_counts),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_too_many_signatures),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_facts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
