/* Words, escapes and bounds of one line; and what counts as base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth_line.h"

#define WORDS(...)                                                             \
	.words = { __VA_ARGS__ },                                              \
	.count =                                                               \
		sizeof((struct slice[]){ __VA_ARGS__ }) / sizeof(struct slice)

static const struct {
	const char *name;
	struct slice line;
	struct slice words[6];
	size_t count;
} read_cases[] = {
	{ "one word", SLICE("DONE"), WORDS(SLICE("DONE")) },
	{ "an empty line is one empty word", SLICE(""), WORDS(SLICE("")) },
	{ "an empty argument in the middle is one",
	  SLICE("OK\t5\tuser=a\t\toriginal_user=b"),
	  WORDS(SLICE("OK"), SLICE("5"), SLICE("user=a"), SLICE(""),
		SLICE("original_user=b")) },
	{ "an empty argument at the end is one", SLICE("OK\t7\tuser=a\t"),
	  WORDS(SLICE("OK"), SLICE("7"), SLICE("user=a"), SLICE("")) },
	{ "every escape is undone", SLICE("a\0010b\0011c\001td\001re\001nf"),
	  WORDS(SLICE("a\0b\001c\td\re\nf")) },
	{ "an unknown escape stands for its letter", SLICE("\001xy"),
	  WORDS(SLICE("xy")) },
	{ "a cut escape is nothing", SLICE("ab\001\tc"),
	  WORDS(SLICE("ab"), SLICE("c")) },
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]);
	     i++) {
		char line[128];
		struct auth_reader reader;
		struct slice word;
		size_t count = 0;

		print_message("  %s\n", read_cases[i].name);
		memcpy(line, read_cases[i].line.p, read_cases[i].line.n);
		reader = auth_reader_of(line, read_cases[i].line.n);
		while (auth_reader_next(&reader, &word)) {
			assert_true(count < read_cases[i].count);
			assert_true(
				slice_equal(word, read_cases[i].words[count]));
			count++;
		}
		assert_int_equal(count, read_cases[i].count);
	}
}

static const struct {
	const char *name;
	struct slice word;
	bool is_id;
	uint32_t id;
} id_cases[] = {
	{ "one", SLICE("1"), true, 1 },
	{ "the last", SLICE("4294967295"), true, UINT32_MAX },
	{ "one more", SLICE("4294967296"), false, 0 },
	{ "none", SLICE("0"), false, 0 },
	{ "nothing", SLICE(""), false, 0 },
	{ "a sign", SLICE("-1"), false, 0 },
	{ "letters", SLICE("1a"), false, 0 },
};

static void test_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(id_cases) / sizeof(id_cases[0]); i++) {
		char line[32];
		struct auth_reader reader;
		uint32_t id = 0;

		print_message("  %s\n", id_cases[i].name);
		memcpy(line, id_cases[i].word.p, id_cases[i].word.n);
		reader = auth_reader_of(line, id_cases[i].word.n);
		assert_int_equal(auth_reader_next_id(&reader, &id),
				 id_cases[i].is_id);
		assert_int_equal(id, id_cases[i].id);
	}
}

static void test_write(void **state)
{
	char buffer[64];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));

	(void)state;
	auth_put(&writer, S("AUTH"));
	auth_put_number(&writer, 4294967295);
	auth_put_pair(&writer, "a", S("x\0\001\t\r\n"));
	auth_put_pair_number(&writer, "p", 65535);
	auth_put(&writer, S(""));
	assert_false(writer.is_full);
	assert_true(
		slice_equal(auth_written(&writer),
			    S("AUTH\t4294967295\ta=x\0010\0011\001t\001r\001n\t"
			      "p=65535\t")));
}

static void test_write_bound(void **state)
{
	char buffer[8];
	struct auth_writer writer = auth_writer_of(buffer, 7);

	(void)state;
	buffer[7] = '#';
	auth_put(&writer, S("abcd"));
	auth_put(&writer, S("\t")); /* TAB, escape, letter: just fits */
	assert_false(writer.is_full);
	auth_put_raw(&writer, S(""));
	assert_false(writer.is_full);
	auth_put_raw(&writer, S("x"));
	assert_true(writer.is_full);
	assert_int_equal(writer.n, 7);
	assert_int_equal(buffer[7], '#');

	writer = auth_writer_of(buffer, 7);
	auth_put(&writer, S("abcde"));
	auth_put(&writer, S("\t")); /* an escape is written whole or not */
	assert_true(writer.is_full);
	auth_put(&writer, S(""));
	assert_true(writer.is_full);
}

static const struct {
	const char *name;
	struct slice text;
	bool is_base64;
} base64_cases[] = {
	{ "nothing", SLICE(""), true },
	{ "no pad", SLICE("AGEA"), true },
	{ "one pad", SLICE("ab0+/w8="), true },
	{ "two pads", SLICE("YQ=="), true },
	{ "three pads", SLICE("Y==="), false },
	{ "four pads", SLICE("===="), false },
	{ "a pad in the middle", SLICE("YQ==YQ=="), false },
	{ "not a multiple of four", SLICE("YWI"), false },
	{ "an equals sign", SLICE("="), false },
	{ "an asterisk", SLICE("*"), false },
	{ "white space, which Dovecot skips", SLICE("YWJj YWJ"), false },
	{ "a line end", SLICE("YWJjYWI\n"), false },
	{ "a TAB, which would begin a parameter", SLICE("YWJj\tabc"), false },
	{ "URL-safe letters", SLICE("a-b_"), false },
	{ "a NUL", SLICE("YWJ\0"), false },
	{ "a high octet", SLICE("YWJ\xc3"), false },
};

static void test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(base64_cases) / sizeof(base64_cases[0]);
	     i++) {
		print_message("  %s\n", base64_cases[i].name);
		assert_int_equal(auth_is_base64(base64_cases[i].text),
				 base64_cases[i].is_base64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_bound),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
