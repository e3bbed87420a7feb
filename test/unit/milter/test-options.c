#include "milter/parse.h"

#include "test/unit/milter/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_what_is_offered(void **state)
{
	(void)state;
	assert_int_equal(milter_offer(2).steps, 0x7f);
	assert_int_equal(milter_offer(3).steps, 0x17f);
	assert_int_equal(milter_offer(4).steps, 0x37f);
	assert_int_equal(milter_offer(6).steps, 0x1fffff);
	assert_int_equal(milter_offer(2).actions, 0x3f);
	assert_int_equal(milter_offer(4).actions, 0x3f);
	assert_int_equal(milter_offer(6).actions, 0x1ff);
	assert_int_equal(milter_offer(3).version, 3);
}

#define UNANSWERED 0xff080

static const struct {
	const char *name;
	uint32_t offer, version, actions, steps, want_steps;
} settled[] = {
	{ "all of 6", 6, 6, 0x1ff, 0x1fffff, 0x1fffff },
	{ "nothing", 6, 6, 0, 0, 0 },
	{ "larger packets are not for us", 6, 6, 0, 0x70000010, 0x10 },
	{ "unknown bits", 6, 6, 0, 0x8fe00001, 1 },
	{ "version 2 has no DATA, no unknown", 6, 2, 0, 0, 0x300 },
	{ "version 3 has no DATA", 6, 3, 0, 0x1, 0x201 },
	{ "version 4 has no skipping", 6, 4, 0, 0x400, 0 },
	{ "nor version 5", 6, 5, 0, 0x100c00, 0 },
	{ "no answer is no answer", 4, 4, 0, UNANSWERED, UNANSWERED },
	{ "all bits, offered or not", 2, 2, 0x3f, 0xffffffff,
	  0x37f | UNANSWERED },
};

static void test_what_is_settled(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(settled) / sizeof(*settled); i++) {
		struct milter_options offer = milter_offer(settled[i].offer);
		struct milter_options answer = {
			.version = settled[i].version,
			.actions = settled[i].actions,
			.steps = settled[i].steps,
		};
		struct slice problem;

		print_message("%s\n", settled[i].name);
		assert_true(milter_options_settle(&answer, &offer, &problem));
		assert_int_equal(answer.steps, settled[i].want_steps);
		assert_int_equal(answer.actions, settled[i].actions);
		assert_int_equal(answer.version, settled[i].version);
	}
}

static const struct {
	uint32_t offer, version, actions;
} refused[] = {
	{ 6, 0, 0 },     { 6, 1, 0 },          { 6, 7, 0 },    { 2, 3, 0 },
	{ 6, 6, 0x200 }, { 6, 6, 0x80000000 }, { 4, 4, 0x40 },
};

static void test_what_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct milter_options offer = milter_offer(refused[i].offer);
		struct milter_options answer = {
			.version = refused[i].version,
			.actions = refused[i].actions,
		};
		struct slice problem = SLICE("");

		assert_false(milter_options_settle(&answer, &offer, &problem));
		assert_int_not_equal(problem.n, 0);
	}
}

static bool parse(const char *tail, struct milter_options *ret_options,
		  char **ret_room)
{
	char hex[512];
	struct slice data, problem;

	(void)snprintf(hex, sizeof(hex), "00000006 00000000 00000000 %s", tail);
	data = octets_of(hex, ret_room);
	return milter_options_parse(data, ret_options, &problem);
}

static void assert_list(const struct milter_options *o, enum milter_stage stage,
			const char *want)
{
	assert_true(o->has_symbols & 1u << stage);
	assert_int_equal(o->symbols[stage].n, strlen(want));
	assert_memory_equal(o->symbols[stage].p, want, strlen(want));
}

static void test_symbol_lists(void **state)
{
	AUTO(mem_free_string) char *room = NULL;
	struct milter_options o;

	(void)state;
	/* Connect empty, unknown stages, mail twice, EOH without its NUL. */
	assert_true(parse("00000000 00 00000007 61 00 ffffffff 62 00 "
			  "00000002 63 00 00000002 64 00 00000006 65",
			  &o, &room));
	assert_int_equal(o.has_symbols, 1u << MILTER_AT_CONNECT |
						1u << MILTER_AT_MAIL |
						1u << MILTER_AT_EOH);
	assert_list(&o, MILTER_AT_CONNECT, "");
	assert_list(&o, MILTER_AT_MAIL, "d");
	assert_list(&o, MILTER_AT_EOH, "e");
}

static void test_an_empty_list_without_its_nul(void **state)
{
	AUTO(mem_free_string) char *room = NULL;
	struct milter_options o;

	(void)state;
	assert_true(parse("00000003", &o, &room));
	assert_list(&o, MILTER_AT_RCPT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_offered),
		cmocka_unit_test(test_what_is_settled),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_symbol_lists),
		cmocka_unit_test(test_an_empty_list_without_its_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
