#include "mail/dkim_canon.h"

#include "mail/dkim_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name, *in, *simple, *relaxed;
} fields[] = {
	/* RFC 6376 3.4.5 */
	{ "the example's first", "A: X\r\n", "A: X\r\n", "a:X\r\n" },
	{ "the example's second", "B : Y\t\r\n\tZ  \r\n",
	  "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },
	{ "no blanks", "Subject:x\r\n", "Subject:x\r\n", "subject:x\r\n" },
	{ "nothing", "Subject:\r\n", "Subject:\r\n", "subject:\r\n" },
	{ "blanks only", "Subject: \r\n \r\n", "Subject: \r\n \r\n",
	  "subject:\r\n" },
	{ "what is not ASCII", "X-\x7e: \xc3\x84 A\r\n",
	  "X-\x7e: \xc3\x84 A\r\n", "x-\x7e:\xc3\x84 A\r\n" },
};

static void test_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct slice rest = slice_of(fields[i].in);
		struct writer simple = { .n = 0 }, relaxed = { .n = 0 };
		struct field f;

		print_message("%s\n", fields[i].name);
		assert_true(field_next(&rest, &f));
		dkim_canon_field(DKIM_SIMPLE, &f, &simple);
		dkim_canon_field(DKIM_RELAXED, &f, &relaxed);
		assert_true(slice_equal(writer_text(&simple),
					slice_of(fields[i].simple)));
		assert_true(slice_equal(writer_text(&relaxed),
					slice_of(fields[i].relaxed)));
		writer_done(&simple);
		writer_done(&relaxed);
	}
}

static const struct {
	const char *name, *in, *simple, *relaxed;
} bodies[] = {
	/* RFC 6376 3.4.5 */
	{ "the example", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n",
	  " C\r\nD E\r\n" },
	{ "nothing", "", "\r\n", "" },
	{ "empty lines only", "\r\n\r\n", "\r\n", "" },
	{ "blanks only", " \t\r\n  \r\n", " \t\r\n  \r\n", "" },
	{ "no end of line", "a", "a\r\n", "a\r\n" },
	{ "no end of line after blanks", "a  ", "a  \r\n", "a\r\n" },
	{ "empty lines within", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n",
	  "a\r\n\r\n\r\nb\r\n" },
	{ "empty lines first", "\r\n\r\nb\r\n", "\r\n\r\nb\r\n",
	  "\r\n\r\nb\r\n" },
	{ "a line of blanks within", "a\r\n  \r\nb\r\n", "a\r\n  \r\nb\r\n",
	  "a\r\n\r\nb\r\n" },
	{ "a lone CR and a lone LF are text", "a \r b\n\r\n", "a \r b\n\r\n",
	  "a \r b\n\r\n" },
	{ "a CR at the end", "a \r", "a \r\r\n", "a \r\r\n" },
	{ "two CRs", "a\r\r\n", "a\r\r\n", "a\r\r\n" },
};

static void add(struct slice octets, void *arg)
{
	writer_put(arg, octets);
}

static void check_body(enum dkim_canon canon, const char *in, const char *want,
		       size_t step)
{
	struct writer out = { .n = 0 };
	struct dkim_canon_body b;
	struct slice rest = slice_of(in);

	dkim_canon_body_init(&b, canon, add, &out);
	for (; rest.n > 0; rest = slice_tail(rest, step))
		dkim_canon_body_feed(&b, slice_head(rest, step));
	dkim_canon_body_end(&b);
	assert_true(slice_equal(writer_text(&out), slice_of(want)));
	writer_done(&out);
}

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		print_message("%s\n", bodies[i].name);
		for (size_t step = 1; step < 16; step++) {
			check_body(DKIM_SIMPLE, bodies[i].in, bodies[i].simple,
				   step);
			check_body(DKIM_RELAXED, bodies[i].in,
				   bodies[i].relaxed, step);
		}
	}
}

/* More than any buffer holds comes out whole. */
static void test_big_bodies(void **state)
{
	static char in[100000];

	(void)state;
	memset(in, 'x', sizeof(in) - 1);
	for (size_t i = 60; i + 2 < sizeof(in); i += 997)
		memcpy(in + i, "\r\n", 2);
	for (size_t i = 20000; i < 40000; i += 2)
		memcpy(in + i, "\r\n", 2);
	memcpy(in + sizeof(in) - 3, "\r\n", 3);
	check_body(DKIM_SIMPLE, in, in, sizeof(in));
	check_body(DKIM_SIMPLE, in, in, 777);
	check_body(DKIM_RELAXED, in, in, 50000);
}

static void check_hash(enum dkim_canon canon, uint64_t limit, const char *in,
		       const char *want_hex, uint64_t want_octets)
{
	struct dkim_hash *h = dkim_hash_new(canon, limit);
	unsigned char digest[DKIM_HASH_OCTETS];
	char hex[2 * DKIM_HASH_OCTETS + 1];
	uint64_t octets;

	dkim_hash_feed(h, slice_of(in));
	dkim_hash_end(h, digest, &octets);
	dkim_hash_free(&h);
	for (size_t i = 0; i < sizeof(digest); i++) {
		hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	hex[sizeof(hex) - 1] = '\0';
	assert_string_equal(hex, want_hex);
	assert_int_equal(octets, want_octets);
}

static void test_hashes(void **state)
{
	(void)state;
	/* SHA-256 of CRLF, of nothing, and of "ab". */
	check_hash(
		DKIM_SIMPLE, UINT64_MAX, "",
		"7eb70257593da06f682a3ddda54a9d260d4fc514f645237f5ca74b08f8da61a6",
		2);
	check_hash(
		DKIM_RELAXED, UINT64_MAX, "\r\n",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		0);
	check_hash(
		DKIM_RELAXED, 2, "abcd\r\n",
		"fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603",
		6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_big_bodies),
		cmocka_unit_test(test_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
