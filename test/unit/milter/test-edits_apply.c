/* Where fields are, and what becomes of their values. */
#include "milter/edits.h"

#include "edit_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define RECEIVED "Received: us\r\n"

#define ADD MILTER_ADDHEADER
#define INS MILTER_INSHEADER
#define CHG MILTER_CHGHEADER

struct step {
	enum milter_code code; /* 0: no more */
	uint32_t index;
	const char *name;
	const char *value;
};

/* Edits of one filter; the message has our Received, hidden, before it. */
struct header_case {
	const char *name;
	struct slice before;
	struct step steps[8];
	struct slice after; /* Received and all, no empty line */
};

static void run_case(const struct header_case *c,
		     const struct milter_edits_config *config)
{
	struct edit_world w;
	struct slice parts[3] = { S(RECEIVED), c->before, S("\r\nbody\r\n") };
	struct arena *arena = arena_new(1 << 20);
	struct slice got;

	edit_world_build(&w, arena_join(arena, parts, 3), 1);
	edit_world_filter(&w, config);
	for (size_t i = 0; i < 8 && c->steps[i].code != 0; i++)
		assert_int_equal(edit_field(&w, c->steps[i].code,
					    c->steps[i].index, c->steps[i].name,
					    c->steps[i].value),
				 MILTER_EDIT_TAKEN);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	got = edit_world_header(&w);
	assert_true(got.n > 2);
	assert_slice(slice_head(got, got.n - 2), c->after, c->name);
	assert_slice(slice_tail(got, got.n - 2), S("\r\n"), c->name);
	assert_slice(edit_world_body(&w), S("body\r\n"), c->name);
	edit_world_done(&w);
	arena_free(&arena);
}

static void run_cases(const struct header_case *cases, size_t count,
		      const struct milter_edits_config *config)
{
	for (size_t i = 0; i < count; i++)
		run_case(&cases[i], config);
}

#define RUN_CASES(cases, ...)                                                  \
	run_cases(cases, sizeof(cases) / sizeof((cases)[0]),                   \
		  &(const struct milter_edits_config){ __VA_ARGS__ })

static void test_inserting(void **state)
{
	static const struct header_case cases[] = {
		{ "0 is above our Received",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { INS, 0, "X", "y" } },
		  SLICE("X: y\r\n" RECEIVED "A: 1\r\nB: 2\r\n") },
		{ "1 is below it",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { INS, 1, "X", "y" } },
		  SLICE(RECEIVED "X: y\r\nA: 1\r\nB: 2\r\n") },
		{ "2 is below the first that filters see",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { INS, 2, "X", "y" } },
		  SLICE(RECEIVED "A: 1\r\nX: y\r\nB: 2\r\n") },
		{ "3 is the end here",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { INS, 3, "X", "y" } },
		  SLICE(RECEIVED "A: 1\r\nB: 2\r\nX: y\r\n") },
		{ "100 is the end",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { INS, 100, "X", "y" } },
		  SLICE(RECEIVED "A: 1\r\nB: 2\r\nX: y\r\n") },
		{ "-1 is the end",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { INS, UINT32_MAX, "X", "y" } },
		  SLICE(RECEIVED "A: 1\r\nB: 2\r\nX: y\r\n") },
		{ "of two at 1 the later is above",
		  SLICE("A: 1\r\n"),
		  { { INS, 1, "X", "1" }, { INS, 1, "X", "2" } },
		  SLICE(RECEIVED "X: 2\r\nX: 1\r\nA: 1\r\n") },
		{ "0, 1, 2 come in that order",
		  SLICE("A: 1\r\n"),
		  { { INS, 0, "X", "1" },
		    { INS, 1, "X", "2" },
		    { INS, 2, "X", "3" } },
		  SLICE("X: 1\r\nX: 2\r\nX: 3\r\n" RECEIVED "A: 1\r\n") },
		{ "adding is at the end",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { ADD, 0, "A", "3" }, { ADD, 0, "X", "" } },
		  SLICE(RECEIVED "A: 1\r\nB: 2\r\nA: 3\r\nX: \r\n") },
		{ "a deleted field is not counted",
		  SLICE("A: 1\r\nB: 2\r\n"),
		  { { CHG, 1, "A", "" }, { INS, 2, "X", "y" } },
		  SLICE(RECEIVED "B: 2\r\nX: y\r\n") },
		{ "nor need there be any",
		  SLICE(""),
		  { { INS, 1, "X", "y" }, { ADD, 0, "Z", "z" } },
		  SLICE(RECEIVED "X: y\r\nZ: z\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .is_original_index = false);
	RUN_CASES(cases, .is_original_index = true);
}

#define THREE "A: 1\r\nB: x\r\na: 2\r\nA: 3\r\n"

static void test_changing(void **state)
{
	static const struct header_case cases[] = {
		{ "the first, in place, the filter's spelling",
		  SLICE(THREE),
		  { { CHG, 1, "a", "new" } },
		  SLICE(RECEIVED "a: new\r\nB: x\r\na: 2\r\nA: 3\r\n") },
		{ "0 is the first",
		  SLICE(THREE),
		  { { CHG, 0, "A", "new" } },
		  SLICE(RECEIVED "A: new\r\nB: x\r\na: 2\r\nA: 3\r\n") },
		{ "the second",
		  SLICE(THREE),
		  { { CHG, 2, "A", "new" } },
		  SLICE(RECEIVED "A: 1\r\nB: x\r\nA: new\r\nA: 3\r\n") },
		{ "the last",
		  SLICE(THREE),
		  { { CHG, 3, "A", "new" } },
		  SLICE(RECEIVED "A: 1\r\nB: x\r\na: 2\r\nA: new\r\n") },
		{ "one more is appended",
		  SLICE(THREE),
		  { { CHG, 4, "A", "new" } },
		  SLICE(RECEIVED THREE "A: new\r\n") },
		{ "the last of all numbers is appended",
		  SLICE(THREE),
		  { { CHG, UINT32_MAX, "A", "new" } },
		  SLICE(RECEIVED THREE "A: new\r\n") },
		{ "one that is not there is appended",
		  SLICE(THREE),
		  { { CHG, 1, "C", "new" } },
		  SLICE(RECEIVED THREE "C: new\r\n") },
		{ "an empty value deletes",
		  SLICE(THREE),
		  { { CHG, 2, "A", "" } },
		  SLICE(RECEIVED "A: 1\r\nB: x\r\nA: 3\r\n") },
		{ "a beginning is no name",
		  SLICE("Subject: s\r\n"),
		  { { CHG, 1, "Sub", "x" }, { CHG, 1, "Subjects", "y" } },
		  SLICE(RECEIVED "Subject: s\r\nSub: x\r\nSubjects: y\r\n") },
		{ "folds go with their field",
		  SLICE("A: 1\r\n\tx\r\nB: 2\r\n"),
		  { { CHG, 1, "A", "" } },
		  SLICE(RECEIVED "B: 2\r\n") },
		{ "what is not touched stays as it was",
		  SLICE("A \t:1\r\n  x \r\nB:2\r\nC: 3\r\n"),
		  { { CHG, 1, "C", "4" } },
		  SLICE(RECEIVED "A \t:1\r\n  x \r\nB:2\r\nC: 4\r\n") },
		{ "what was inserted is counted",
		  SLICE("A: 1\r\n"),
		  { { INS, 0, "A", "0" }, { CHG, 1, "A", "new" } },
		  SLICE("A: new\r\n" RECEIVED "A: 1\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .is_original_index = false);
	RUN_CASES(cases, .is_original_index = true);
}

static void test_counting_live(void **state)
{
	static const struct header_case cases[] = {
		{ "1, 2, 3 leave the second",
		  SLICE(THREE),
		  { { CHG, 1, "A", "" },
		    { CHG, 2, "A", "" },
		    { CHG, 3, "A", "" } },
		  SLICE(RECEIVED "B: x\r\na: 2\r\n") },
		{ "3, 2, 1 leave none",
		  SLICE(THREE),
		  { { CHG, 3, "A", "" },
		    { CHG, 2, "A", "" },
		    { CHG, 1, "A", "" } },
		  SLICE(RECEIVED "B: x\r\n") },
		{ "the first, again and again",
		  SLICE(THREE),
		  { { CHG, 0, "A", "" },
		    { CHG, 0, "A", "" },
		    { CHG, 0, "A", "" } },
		  SLICE(RECEIVED "B: x\r\n") },
		{ "deleted, then changed: the next",
		  SLICE(THREE),
		  { { CHG, 1, "A", "" }, { CHG, 1, "A", "new" } },
		  SLICE(RECEIVED "B: x\r\nA: new\r\nA: 3\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .is_original_index = false);
}

static void test_counting_original(void **state)
{
	static const struct header_case cases[] = {
		{ "1, 2, 3 leave none",
		  SLICE(THREE),
		  { { CHG, 1, "A", "" },
		    { CHG, 2, "A", "" },
		    { CHG, 3, "A", "" } },
		  SLICE(RECEIVED "B: x\r\n") },
		{ "3, 2, 1 leave none",
		  SLICE(THREE),
		  { { CHG, 3, "A", "" },
		    { CHG, 2, "A", "" },
		    { CHG, 1, "A", "" } },
		  SLICE(RECEIVED "B: x\r\n") },
		{ "the first, again and again, is one",
		  SLICE(THREE),
		  { { CHG, 0, "A", "" }, { CHG, 0, "A", "" } },
		  SLICE(RECEIVED "B: x\r\na: 2\r\nA: 3\r\n") },
		{ "deleted, then changed: it is back in its place",
		  SLICE(THREE),
		  { { CHG, 2, "A", "" }, { CHG, 2, "A", "new" } },
		  SLICE(RECEIVED "A: 1\r\nB: x\r\nA: new\r\nA: 3\r\n") },
		{ "an insert behind deleted ones",
		  SLICE(THREE),
		  { { CHG, 1, "A", "" },
		    { CHG, 2, "A", "" },
		    { INS, 2, "X", "y" },
		    { CHG, 3, "A", "new" } },
		  SLICE(RECEIVED "B: x\r\nX: y\r\nA: new\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .is_original_index = true);
}

static void test_next_filter_counts_anew(void **state)
{
	const struct milter_edits_config original = {
		.is_original_index = true,
	};
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S(THREE "\r\n"), 0);
	for (unsigned i = 0; i < 2; i++) {
		edit_world_filter(&w, &original);
		assert_int_equal(edit_field(&w, CHG, 1, "A", ""),
				 MILTER_EDIT_TAKEN);
		assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	}
	assert_slice(edit_world_header(&w), S("B: x\r\nA: 3\r\n\r\n"),
		     "two filters");
	assert_int_equal(milter_message_field_count(w.m), 2);
	edit_world_done(&w);
}

static void test_our_received(void **state)
{
	static const struct header_case cases[] = {
		{ "the first Received is the client's",
		  SLICE("Received: them\r\n"),
		  { { CHG, 1, "Received", "new" } },
		  SLICE(RECEIVED "Received: new\r\n") },
		{ "and is deleted",
		  SLICE("Received: them\r\n"),
		  { { CHG, 1, "received", "" }, { CHG, 1, "received", "" } },
		  SLICE(RECEIVED) },
		{ "also below what was inserted",
		  SLICE("Received: them\r\n"),
		  { { INS, 0, "X", "y" },
		    { INS, 0, "Received", "fake" },
		    { CHG, 3, "Received", "" },
		    { CHG, 2, "Received", "" },
		    { CHG, 1, "Received", "" } },
		  SLICE("X: y\r\n" RECEIVED) },
		{ "none to change: appended",
		  SLICE("A: 1\r\n"),
		  { { CHG, 1, "Received", "new" } },
		  SLICE(RECEIVED "A: 1\r\nReceived: new\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .is_original_index = false);
	RUN_CASES(cases, .is_original_index = true);
}

static void test_values(void **state)
{
	static const struct header_case cases[] = {
		{ "a fold with LF",
		  SLICE(""),
		  { { ADD, 0, "X", "a\n\tb\n c" } },
		  SLICE(RECEIVED "X: a\r\n\tb\r\n c\r\n") },
		{ "a fold with CRLF",
		  SLICE(""),
		  { { ADD, 0, "X", "a\r\n\tb" } },
		  SLICE(RECEIVED "X: a\r\n\tb\r\n") },
		{ "a line without blank gets one",
		  SLICE(""),
		  { { ADD, 0, "X", "a\nBcc: b@c" } },
		  SLICE(RECEIVED "X: a\r\n\tBcc: b@c\r\n") },
		{ "the same when changed",
		  SLICE("X: 1\r\n"),
		  { { CHG, 1, "X", "a\r\n\r\nBcc: b@c" } },
		  SLICE(RECEIVED "X: a\r\n\tBcc: b@c\r\n") },
		{ "empty lines are left out",
		  SLICE(""),
		  { { INS, 9, "X", "a\n\n \t\n\r\nb" } },
		  SLICE(RECEIVED "X: a\r\n\tb\r\n") },
		{ "the line end at the end goes",
		  SLICE(""),
		  { { ADD, 0, "X", "a\r\n" }, { ADD, 0, "Y", "a\n\n" } },
		  SLICE(RECEIVED "X: a\r\nY: a\r\n") },
		{ "a fold at once",
		  SLICE(""),
		  { { ADD, 0, "X", "\n a" } },
		  SLICE(RECEIVED "X: \r\n a\r\n") },
		{ "no more than a line end is an empty value, no deletion",
		  SLICE("X: 1\r\n"),
		  { { CHG, 1, "X", "\r\n" } },
		  SLICE(RECEIVED "X: \r\n") },
		{ "blanks stay",
		  SLICE(""),
		  { { ADD, 0, "X", " a " } },
		  SLICE(RECEIVED "X:  a \r\n") },
		{ "control octets are told by a mark",
		  SLICE(""),
		  { { ADD, 0, "X", "a\rb\001c\x7f\td\033" } },
		  SLICE(RECEIVED "X: a?b?c?\td?\r\n") },
		{ "8-bit text stays",
		  SLICE(""),
		  { { ADD, 0, "X", "\xc3\xa4\xff" } },
		  SLICE(RECEIVED "X: \xc3\xa4\xff\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .has_leading_space = false);
}

static void test_leading_space(void **state)
{
	static const struct header_case cases[] = {
		{ "none",
		  SLICE(""),
		  { { ADD, 0, "X", "a" } },
		  SLICE(RECEIVED "X:a\r\n") },
		{ "one",
		  SLICE(""),
		  { { INS, 1, "X", " a" } },
		  SLICE(RECEIVED "X: a\r\n") },
		{ "a tab",
		  SLICE("X: 1\r\n"),
		  { { CHG, 1, "X", "\ta" } },
		  SLICE(RECEIVED "X:\ta\r\n") },
		{ "a blank alone is a value",
		  SLICE("X: 1\r\n"),
		  { { CHG, 1, "X", " " } },
		  SLICE(RECEIVED "X: \r\n") },
		{ "a fold at once",
		  SLICE(""),
		  { { ADD, 0, "X", "\n a" } },
		  SLICE(RECEIVED "X:\r\n a\r\n") },
		{ "an empty one deletes",
		  SLICE("X: 1\r\nY: 2\r\n"),
		  { { CHG, 1, "X", "" } },
		  SLICE(RECEIVED "Y: 2\r\n") },
	};

	(void)state;
	RUN_CASES(cases, .has_leading_space = true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inserting),
		cmocka_unit_test(test_changing),
		cmocka_unit_test(test_counting_live),
		cmocka_unit_test(test_counting_original),
		cmocka_unit_test(test_next_filter_counts_anew),
		cmocka_unit_test(test_our_received),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_leading_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
