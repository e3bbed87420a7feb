#include "hook/command.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *command;
	const char *want; /* words with "|" between; NULL: none */
} splits[] = {
	{ "/bin/cat", "/bin/cat" },
	{ "prog  a\tb ", "prog|a|b" },
	{ "prog 'a b' \"c\" \\$HOME > x", "prog|'a|b'|\"c\"|\\$HOME|>|x" },
	{ "prog a,b;c", "prog|a,b;c" },
	{ "", NULL },
	{ " \t", NULL },
};

static void test_split(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		const char *const *words;
		char text[200] = "";
		bool ok = command_split(slice_of(splits[i].command), a, &words);

		assert_int_equal(ok, splits[i].want != NULL);
		for (size_t k = 0; ok && words[k] != NULL; k++) {
			if (k > 0)
				strcat(text, "|");
			strcat(text, words[k]);
		}
		if (ok)
			assert_string_equal(text, splits[i].want);
	}
}

static void test_too_many_words(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	const char *const *words;
	char text[2 * COMMAND_WORDS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "a ", 2);
	assert_false(
		command_split((struct slice){ text, sizeof(text) }, a, &words));
	assert_true(command_split((struct slice){ text, sizeof(text) - 2 }, a,
				  &words));
	assert_null(words[COMMAND_WORDS_MAX]);
}

static void test_find(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	const char *path = command_find("sh", a);

	(void)state;
	assert_non_null(path);
	assert_string_equal(path + strlen(path) - 7, "/bin/sh");
	assert_string_equal(command_find("./relative", a), "./relative");
	assert_null(command_find("no-such-program", a));
}

static void test_of_targets(void **state)
{
	(void)state;
	assert_true(
		slice_equal(command_of_targets(S("| a b, c \n")), S("a b, c")));
	assert_int_equal(command_of_targets(S("a@b")).n, 0);
	assert_int_equal(command_of_targets(S("a, |b")).n, 0);
	assert_int_equal(command_of_targets(S("|")).n, 0);
	assert_int_equal(command_of_targets(S("| a\n| b\n")).n, 0);
	assert_int_equal(command_of_targets(S("")).n, 0);
}

static const struct {
	struct program_result result;
	enum outcome_kind kind;
	uint16_t code;
	uint8_t class;
	const char *text;
} outcomes[] = {
	{ { PROGRAM_EXITED, 0, SLICE("ok\n") },
	  OUTCOME_DELIVERED,
	  250,
	  2,
	  "Taken by a command" },
	{ { PROGRAM_EXITED, 75, SLICE("") },
	  OUTCOME_DEFERRED,
	  451,
	  4,
	  "The command cannot take it now" },
	{ { PROGRAM_EXITED, 75, SLICE("a\nlocked\n") },
	  OUTCOME_DEFERRED,
	  451,
	  4,
	  "locked" },
	{ { PROGRAM_EXITED, 1, SLICE("") },
	  OUTCOME_REFUSED,
	  554,
	  5,
	  "The command refused it" },
	{ { PROGRAM_EXITED, 20, SLICE("not a member\r\n") },
	  OUTCOME_REFUSED,
	  554,
	  5,
	  "not a member" },
	{ { PROGRAM_SIGNALED, 11, SLICE("") },
	  OUTCOME_DEFERRED,
	  451,
	  4,
	  "The command was killed" },
	{ { PROGRAM_TOO_LATE, 0, SLICE("") },
	  OUTCOME_DEFERRED,
	  451,
	  4,
	  "The command took too long" },
	{ { PROGRAM_NOT_STARTED, 2, SLICE("") },
	  OUTCOME_DEFERRED,
	  451,
	  4,
	  "The command cannot be run" },
	{ { PROGRAM_NO_INPUT, 0, SLICE("") },
	  OUTCOME_DEFERRED,
	  451,
	  4,
	  "The message cannot be read" },
};

static void test_outcome(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		struct outcome o = command_outcome(&outcomes[i].result, a);

		assert_int_equal(o.kind, outcomes[i].kind);
		assert_int_equal(o.code, outcomes[i].code);
		assert_int_equal(o.status[0], outcomes[i].class);
		assert_true(slice_equal(o.text, slice_of(outcomes[i].text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_too_many_words),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_of_targets),
		cmocka_unit_test(test_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
