#include "mail/dkim_draft.h"

#include "mail/dkim_hash.h"
#include "mail/dkim_verifier.h"
#include "test/unit/mail/dkim_sign.h"

#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1700000000 };

static struct arena *a;
static EVP_PKEY *keys[2]; /* by enum dkim_algorithm */

static int set_up(void **state)
{
	(void)state;
	a = arena_new(64 << 20);
	keys[DKIM_RSA_SHA256] = EVP_RSA_gen(2048);
	keys[DKIM_ED25519_SHA256] = sign_ed25519_key();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(keys[0]);
	EVP_PKEY_free(keys[1]);
	arena_free(&a);
	return 0;
}

static struct slice sign(struct slice message, enum dkim_algorithm algorithm,
			 struct slice domain, uint32_t lasts_s)
{
	unsigned char hash[DKIM_HASH_OCTETS];
	struct dkim_hash *h = dkim_hash_new(DKIM_RELAXED, UINT64_MAX);
	struct fields fields;
	struct dkim_draft_request request = {
		.fields = &fields,
		.domain = domain,
		.selector = S("2026a"),
		.algorithm = algorithm,
		.body_hash = hash,
		.now = NOW,
		.lasts_s = lasts_s,
	};
	struct dkim_draft draft;
	struct slice parts[2];
	uint64_t octets;

	assert_true(fields_split(message, a, &fields));
	dkim_hash_feed(h, fields.body);
	dkim_hash_end(h, hash, &octets);
	dkim_hash_free(&h);
	dkim_draft_make(&request, a, &draft);
	parts[0] = dkim_draft_finish(
		&draft, sign_text(keys[algorithm], draft.text, a), a);
	parts[1] = message;
	return arena_join(a, parts, 2);
}

static enum authres_result check(struct slice message,
				 enum dkim_algorithm algorithm)
{
	struct slice record = sign_record(keys[algorithm], a);
	struct fields fields;
	struct dkim_verifier *v;
	enum authres_result result;

	assert_true(fields_split(message, a, &fields));
	v = dkim_verifier_new(&fields, NOW);
	dkim_verifier_feed(v, fields.body);
	dkim_verifier_end_body(v);
	assert_true(dkim_verifier_count(v) > 0);
	dkim_verifier_key(v, 0, DKIM_LOOKUP_FOUND, &record, 1);
	result = dkim_verifier_result(v, 0)->result;
	if (result != AUTHRES_PASS)
		print_message("%s\n", dkim_verifier_result(v, 0)->reason);
	dkim_verifier_free(&v);
	return result;
}

static void check_lines(struct slice text)
{
	while (text.n > 0) {
		struct slice line;

		(void)slice_cut(text, '\n', &line, &text);
		assert_true(line.n < 80);
		assert_int_equal(line.p[line.n - 1], '\r');
		assert_true(slice_trim(slice_head(line, line.n - 1)).n > 0);
	}
}

static const struct {
	const char *name, *text;
} messages[] = {
	{ "a plain one", "From: a@a.example\r\nTo: b@b.example\r\n\r\nHi\r\n" },
	{ "no body", "From: a@a.example\r\n\r\n" },
	{ "no empty line", "From: a@a.example\r\n" },
	{ "all sorts of blanks", "From:  a@a.example \r\nSubject: a\r\n\tb\r\n"
				 "List-Id: x\r\nX: y\r\n\r\n a  b \r\n\r\n" },
	{ "fields twice", "Received: x\r\nReceived: y\r\nFrom: a@a.example\r\n"
			  "To: a\r\nTo: b\r\nCc: c\r\n\r\nHi" },
	{ "UTF-8", "From: \xc3\xa4@\xc3\xa4.example\r\n\r\n\xc3\xa4\r\n" },
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct slice text = slice_of(messages[i].text);

		print_message("%s\n", messages[i].name);
		for (int k = DKIM_RSA_SHA256; k <= DKIM_ED25519_SHA256; k++) {
			struct slice got = sign(text, k, S("a.example"), 3600);

			check_lines(slice_head(got, got.n - text.n));
			assert_int_equal(check(got, k), AUTHRES_PASS);
		}
	}
}

static void test_long_domain(void **state)
{
	struct slice domain = S("a.example"), text;
	char label[61];

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	label[60] = '\0';
	for (int i = 0; i < 3; i++)
		domain = arena_format(a, "%s.%.*s", label, (int)domain.n,
				      domain.p);
	text = sign(slice_of(messages[0].text), DKIM_ED25519_SHA256, domain, 0);
	assert_int_equal(check(text, DKIM_ED25519_SHA256), AUTHRES_PASS);
}

/* Nothing that says what a message is can be added. */
static void test_seals(void **state)
{
	static const char *const names[] = {
		"From",
		"To",
		"Cc",
		"Subject",
		"Date",
		"Message-ID",
		"Sender",
		"Reply-To",
		"In-Reply-To",
		"References",
		"MIME-Version",
		"Content-Type",
		"Content-Transfer-Encoding",
	};
	struct slice text = sign(slice_of(messages[0].text),
				 DKIM_ED25519_SHA256, S("a.example"), 0);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct slice parts[] = { slice_of(names[i]), S(": x\r\n"),
					       text };

		assert_int_equal(
			check(arena_join(a, parts, 3), DKIM_ED25519_SHA256),
			AUTHRES_FAIL);
	}
}

static void test_many_fields(void **state)
{
	struct slice text = S("\r\nHi\r\n");
	struct slice got;

	(void)state;
	for (int i = 0; i < 600; i++) {
		const struct slice parts[] = { S("Cc: x@b.example\r\n"), text };

		text = arena_join(a, parts, 2);
	}
	text = arena_format(a, "From: a@a.example\r\n%.*s", (int)text.n,
			    text.p);
	got = sign(text, DKIM_ED25519_SHA256, S("a.example"), 0);
	assert_int_equal(check(got, DKIM_ED25519_SHA256), AUTHRES_PASS);
}

static void test_is_signed(void **state)
{
	struct slice text = sign(slice_of(messages[0].text),
				 DKIM_ED25519_SHA256, S("a.example"), 0);
	struct fields fields;

	(void)state;
	assert_true(fields_split(text, a, &fields));
	assert_true(dkim_draft_is_signed(&fields, S("a.example"), S("2026a")));
	assert_false(dkim_draft_is_signed(&fields, S("a.example"), S("2026b")));
	assert_false(dkim_draft_is_signed(&fields, S("b.example"), S("2026a")));
}

/* Fields that say nothing cost no memory. */
static void test_many_that_are_none(void **state)
{
	struct writer text = { .n = 0 };
	struct fields fields;

	(void)state;
	for (int i = 0; i < 10000; i++)
		writer_put(&text, S("DKIM-Signature:a=1;h=a\r\n"));
	assert_true(fields_split(writer_text(&text), a, &fields));
	assert_false(dkim_draft_is_signed(&fields, S("a.example"), S("2026a")));
	writer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_long_domain),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_is_signed),
		cmocka_unit_test(test_many_that_are_none),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
