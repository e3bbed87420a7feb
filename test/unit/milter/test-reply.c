/* The text of REPLYCODE. */
#include "base/mem.h"
#include "milter/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name;
	struct slice data;
	uint16_t code;
	const char *text;
} good[] = {
	{ "a code and a text", SLICE("550 go away\0"), 550, "go away" },
	{ "no NUL at the end", SLICE("451 later"), 451, "later" },
	{ "no text", SLICE("451 \0"), 451, "" },
	{ "a status", SLICE("554 5.7.1 no\0"), 554, "5.7.1 no" },
	{ "a status alone", SLICE("554 5.7.1\0"), 554, "5.7.1" },
	{ "a status in each line",
	  SLICE("554-5.7.1 no\r\n554-5.7.1 and\r\n554 5.7.1 never\0"), 554,
	  "5.7.1 no\nand\nnever" },
	{ "another status later", SLICE("554-5.7.1 no\r\n554 5.7.2 x\0"), 554,
	  "5.7.1 no\n5.7.2 x" },
	{ "an empty line", SLICE("554-a\r\n554-\r\n554 b\0"), 554, "a\n\nb" },
	{ "a line end at the end", SLICE("554 a\r\n\0"), 554, "a" },
	{ "percent signs", SLICE("550 100%% of 5% is 5%%%\0"), 550,
	  "100% of 5% is 5%%" },
	{ "a number is no status", SLICE("550 4.5 MB is too much\0"), 550,
	  "4.5 MB is too much" },
	{ "nor is an address", SLICE("550 2.0.0.1 is bad\0"), 550,
	  "2.0.0.1 is bad" },
	{ "control octets",
	  SLICE("550 a\tb\x01"
		"c\x7f\0"),
	  550, "a b?c?" },
	{ "not ASCII", SLICE("550 \xc3\xbc\xff\0"), 550, "\xc3\xbc\xff" },
	{ "421", SLICE("421 4.3.0 bye\0"), 421, "4.3.0 bye" },
};

static const struct {
	const char *name;
	struct slice data;
	const char *problem;
} bad[] = {
#define HEAD "its reply does not begin with 4xx or 5xx"
	{ "nothing", SLICE(""), HEAD },
	{ "a NUL", SLICE("\0"), HEAD },
	{ "250", SLICE("250 ok\0"), HEAD },
	{ "650", SLICE("650 ok\0"), HEAD },
	{ "two digits", SLICE("55 x\0"), HEAD },
	{ "four digits", SLICE("5500 x\0"), HEAD },
	{ "a code alone", SLICE("550\0"), HEAD },
	{ "a letter", SLICE("5a0 x\0"), HEAD },
	{ "no last line", SLICE("550-x\0"), HEAD },
	{ "an empty last line", SLICE("550-x\r\n\0"), HEAD },
	{ "a second line without code", SLICE("550-x\r\ny\0"), HEAD },
	{ "two codes", SLICE("550-x\r\n551 y\0"), "its reply has two codes" },
	{ "a line too many", SLICE("550 x\r\n550 y\0"),
	  "its reply goes on after its last line" },
	{ "LF alone", SLICE("550-x\n550 y\0"),
	  "its reply has a CR or LF alone" },
	{ "CR alone", SLICE("550 x\ry\0"), "its reply has a CR or LF alone" },
	{ "CR at the end", SLICE("550 x\r"), "its reply has a CR or LF alone" },
	{ "a NUL inside", SLICE("550 x\0y\0"), "its reply has a NUL" },
	{ "two NULs", SLICE("550 x\0\0"), "its reply has a NUL" },
	{ "a status of another class", SLICE("550 4.7.1 x\0"),
	  "its reply has a status of another class" },
	{ "and in the second line", SLICE("550-x\r\n550 2.0.0 y\0"),
	  "its reply has a status of another class" },
};

static bool parse(struct slice data, struct arena *arena,
		  struct milter_reply *ret_reply, struct slice *ret_problem)
{
	/* In memory of just this size, so that reading on is noticed. */
	AUTO(mem_free_string) char *p = mem_array(data.n + (data.n == 0), 1);

	if (data.n > 0)
		memcpy(p, data.p, data.n);
	return milter_reply_parse(MILTER_REPLYCODE, (struct slice){ p, data.n },
				  arena, ret_reply, ret_problem);
}

static void test_good_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		AUTO(arena_free) struct arena *arena = arena_new(1 << 16);
		struct milter_reply reply;
		struct slice problem;

		print_message("%s\n", good[i].name);
		assert_true(parse(good[i].data, arena, &reply, &problem));
		assert_int_equal(reply.code, MILTER_REPLYCODE);
		assert_int_equal(reply.smtp_code, good[i].code);
		assert_int_equal(reply.text.n, strlen(good[i].text));
		assert_memory_equal(reply.text.p, good[i].text, reply.text.n);
	}
}

static void test_bad_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		AUTO(arena_free) struct arena *arena = arena_new(1 << 16);
		struct milter_reply reply;
		struct slice problem;

		print_message("%s\n", bad[i].name);
		assert_false(parse(bad[i].data, arena, &reply, &problem));
		assert_int_equal(problem.n, strlen(bad[i].problem));
		assert_memory_equal(problem.p, bad[i].problem, problem.n);
	}
}

/* 40 lines of n octets each. */
static char *long_reply(size_t n, const char *octets, size_t *ret_n)
{
	char *text = mem_array(40 * (n + 8), 1);
	size_t at = 0, width = strlen(octets);

	for (int line = 0; line < 40; line++) {
		memcpy(text + at, line < 39 ? "550-" : "550 ", 4);
		for (size_t i = 0; i < n; i++)
			text[at + 4 + i] = octets[i % width];
		at += 4 + n;
		if (line < 39) {
			memcpy(text + at, "\r\n", 2);
			at += 2;
		}
	}
	*ret_n = at;
	return text;
}

static void test_long_lines_are_cut(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(256 << 10);
	size_t n;
	AUTO(mem_free_string) char *ascii = long_reply(20000, "a", &n);
	struct milter_reply reply;
	struct slice problem;

	(void)state;
	assert_true(parse((struct slice){ ascii, n }, arena, &reply, &problem));
	assert_int_equal(reply.text.n, 32 * 513 - 1);
	assert_int_equal(slice_find(reply.text, '\n'), 512);
}

static void test_no_character_is_cut_in_two(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(256 << 10);
	size_t n;
	AUTO(mem_free_string) char *euros = long_reply(600, "\xe2\x82\xac", &n);
	struct milter_reply reply;
	struct slice problem;

	(void)state;
	assert_true(parse((struct slice){ euros, n }, arena, &reply, &problem));
	assert_int_equal(slice_find(reply.text, '\n'), 510);
	assert_true(slice_is_utf8(reply.text));
}

static void test_only_verdicts_are_verdicts(void **state)
{
	const char codes[] = "cartdys4fpqhimb+2-e";

	(void)state;
	for (int c = 0; c < 256; c++)
		assert_int_equal(milter_code_is_known((unsigned char)c),
				 c != 0 && strchr(codes, c) != NULL);
	for (size_t i = 0; i < sizeof(codes) - 1; i++)
		assert_int_equal(
			milter_code_is_verdict((enum milter_code)codes[i]),
			i < 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_replies),
		cmocka_unit_test(test_bad_replies),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_no_character_is_cut_in_two),
		cmocka_unit_test(test_only_verdicts_are_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
