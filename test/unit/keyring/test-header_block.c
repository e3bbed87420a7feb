#include "keyring/header_block.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define FROM "from:Ann <ann@one.example>\r\n"
#define TAGS "v=1; a=rsa-sha256; d=one.example; s=k1; h=from; bh=eA==; b="

struct example {
	const char *name;
	const char *text;
	const char *problem; /* a part of it, or NULL */
};

static const struct example examples[] = {
	{ "relaxed", FROM "subject:x\r\ndkim-signature:" TAGS, NULL },
	{ "simple, folded",
	  "Subject:  x\r\n\ty\r\nFrom: a@b\r\nDKIM-Signature: v=1; "
	  "a=rsa-sha256;\r\n d=one.example; s=k1;\r\n\tb=",
	  NULL },
	{ "obsolete blanks before the colon",
	  "From : a@b\r\nDKIM-Signature : " TAGS, NULL },
	{ "a semicolon at the end", FROM "dkim-signature:" TAGS ";", NULL },
	{ "a signature of another is signed too",
	  FROM "dkim-signature:v=1; b=abcd\r\ndkim-signature:" TAGS, NULL },
	{ "8-bit values", "from:\xc3\xa4@b\r\ndkim-signature:" TAGS, NULL },

	{ "nothing", "", "does not end" },
	{ "no From", "to:a@b\r\ndkim-signature:" TAGS, "From" },
	{ "no signature", FROM, "does not end" },
	{ "a CRLF at the end", FROM "dkim-signature:" TAGS "\r\n",
	  "does not end" },
	{ "something else at the end", FROM "subject:" TAGS, "does not end" },
	{ "no header at all", "hello", "no block" },
	{ "a body", FROM "\r\nhello\r\ndkim-signature:" TAGS, "no block" },
	{ "a bare LF", "from:a@b\ndkim-signature:" TAGS, "no block" },
	{ "a bare CR", "from:a\r@b\r\ndkim-signature:" TAGS, "no block" },
	{ "a CR at the end", FROM "dkim-signature:" TAGS "\r", "no block" },
	{ "a blank in a name", "fr om:a@b\r\ndkim-signature:" TAGS,
	  "no block" },
	{ "no name", ":a@b\r\ndkim-signature:" TAGS, "no block" },
	{ "an 8-bit name", "from\xc3\xa4:a@b\r\ndkim-signature:" TAGS,
	  "no block" },
	{ "it begins folded", " from:a@b\r\ndkim-signature:" TAGS, "no block" },
	{ "signed already", FROM "dkim-signature:" TAGS "abcd", "signed" },
	{ "no b=", FROM "dkim-signature:v=1; a=rsa-sha256; d=a; s=k",
	  "signed" },
	{ "b= twice", FROM "dkim-signature:" TAGS "; b=", "signed" },
	{ "d= twice", FROM "dkim-signature:d=two.example; " TAGS, "twice" },
	{ "no d=", FROM "dkim-signature:v=1; a=rsa-sha256; s=k1; b=", "lacks" },
	{ "no s=", FROM "dkim-signature:v=1; a=rsa-sha256; d=a; b=", "lacks" },
	{ "no a=", FROM "dkim-signature:v=1; d=a; s=k1; b=", "lacks" },
	{ "another version",
	  FROM "dkim-signature:v=2; a=rsa-sha256; d=a; s=k1; b=", "lacks" },
	{ "no tags", FROM "dkim-signature:hello", "no list" },
	{ "a tag without value", FROM "dkim-signature:" TAGS "; x", "no list" },
	{ "a tag without name", FROM "dkim-signature:" TAGS "; =x", "no list" },
	{ "a tag with a strange name", FROM "dkim-signature:" TAGS "; x-y=z",
	  "no list" },
	{ "an empty tag", FROM "dkim-signature:v=1;; " TAGS, "no list" },
};

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *e = &examples[i];
		struct header_block block = { .domain = SLICE("?") };
		const char *problem =
			header_block_read(slice_of(e->text), &block);

		if (e->problem == NULL && problem == NULL) {
			assert_true(
				slice_equal(block.domain, S("one.example")));
			assert_true(slice_equal(block.selector, S("k1")));
			assert_true(
				slice_equal(block.algorithm, S("rsa-sha256")));
		} else if (e->problem == NULL || problem == NULL ||
			   strstr(problem, e->problem) == NULL) {
			fail_msg("%s: %s", e->name,
				 problem != NULL ? problem : "taken");
		}
	}
}

static void test_nul(void **state)
{
	static const char text[] = "from:a\0b\r\ndkim-signature:" TAGS;
	struct header_block block;

	(void)state;
	assert_non_null(header_block_read(
		(struct slice){ text, sizeof(text) - 1 }, &block));
}

static void test_too_long(void **state)
{
	size_t n = HEADER_BLOCK_OCTETS + 1;
	char *text = mem_new(n);
	struct header_block block;

	(void)state;
	memset(text, 'a', n);
	assert_string_equal(
		header_block_read((struct slice){ text, n }, &block),
		"it is too long");
	mem_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
