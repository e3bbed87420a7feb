#include "milter/edits.h"

#include "base/mem.h"
#include "edit_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADD MILTER_ADDHEADER
#define INS MILTER_INSHEADER
#define CHG MILTER_CHGHEADER

static void test_bad_names(void **state)
{
	static const char *const names[] = { "",   "a b",      "a:",
					     ":",  "a\nb",     "a\001b",
					     "\t", "\xc3\xa4", "a\x7f" };
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(edit_field(&w, ADD, 0, names[i], "x"),
				 MILTER_EDIT_IGNORED);
		assert_int_equal(edit_field(&w, INS, 0, names[i], "x"),
				 MILTER_EDIT_IGNORED);
		assert_int_equal(edit_field(&w, CHG, 1, names[i], ""),
				 MILTER_EDIT_IGNORED);
	}
	assert_int_equal(milter_edits_count(w.edits), 0);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	assert_false(milter_message_is_changed(w.m));
	edit_world_done(&w);
}

static void test_nothing_done_is_no_change(void **state)
{
	struct edit_world w;
	const struct slice message = S("A : b\r\n\r\nbody\r\n");

	(void)state;
	edit_world_build(&w, message, 0);
	assert_int_equal(edit_field(&w, CHG, 2, "A", ""), MILTER_EDIT_TAKEN);
	assert_int_equal(edit_field(&w, CHG, 1, "A", "b"), MILTER_EDIT_TAKEN);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	assert_false(milter_message_is_changed(w.m));
	assert_slice(edit_world_header(&w), S("A : b\r\n\r\n"), "as it was");
	assert_slice(milter_edits_describe(w.edits, 0, w.arena),
		     S("delete header 2: A (not done: there is none)"), "told");
	edit_world_done(&w);
}

/* New fields must not make fields or folds of a body. */
static void test_no_separator(void **state)
{
	static const struct {
		const char *name;
		struct slice before, header, body;
	} cases[] = {
		{ "a body right behind the fields",
		  SLICE("A: b\r\nno field\r\n"), SLICE("A: b\r\nX: y\r\n\r\n"),
		  SLICE("no field\r\n") },
		{ "a body that looks like a fold", SLICE(" no fold\r\n"),
		  SLICE("X: y\r\n\r\n"), SLICE(" no fold\r\n") },
		{ "no body", SLICE("A: b\r\n"), SLICE("A: b\r\nX: y\r\n\r\n"),
		  SLICE("") },
		{ "no line end", SLICE("A: b"), SLICE("A: b\r\nX: y\r\n\r\n"),
		  SLICE("") },
		{ "nothing", SLICE(""), SLICE("X: y\r\n\r\n"), SLICE("") },
		{ "no header", SLICE("\r\nbody\r\n"), SLICE("X: y\r\n\r\n"),
		  SLICE("body\r\n") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct edit_world w;

		edit_world_build(&w, cases[i].before, 0);
		assert_int_equal(edit_field(&w, ADD, 0, "X", "y"),
				 MILTER_EDIT_TAKEN);
		assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
		assert_true(milter_message_is_changed(w.m));
		assert_slice(edit_world_header(&w), cases[i].header,
			     cases[i].name);
		assert_slice(edit_world_body(&w), cases[i].body, cases[i].name);
		edit_world_done(&w);
	}
}

static void test_body(void **state)
{
	static const struct {
		const char *name;
		struct slice pieces[4];
		struct slice want;
	} cases[] = {
		{ "as it should be",
		  { SLICE("a\r\nb\r\n") },
		  SLICE("a\r\nb\r\n") },
		{ "bare LFs", { SLICE("a\nb\n\n") }, SLICE("a\r\nb\r\n\r\n") },
		{ "bare CRs",
		  { SLICE("a\rb\r\r\n") },
		  SLICE("a\r\nb\r\n\r\n") },
		{ "an open last line", { SLICE("a\nb") }, SLICE("a\r\nb\r\n") },
		{ "CR and LF apart",
		  { SLICE("a\r"), SLICE("\nb\r\n") },
		  SLICE("a\r\nb\r\n") },
		{ "CR at the end", { SLICE("a\r") }, SLICE("a\r\n") },
		{ "CR, then text",
		  { SLICE("a\r"), SLICE("b\n") },
		  SLICE("a\r\nb\r\n") },
		{ "CR, then nothing, then LF",
		  { SLICE("a\r"), { .p = "" }, SLICE("\n") },
		  SLICE("a\r\n") },
		{ "a line over several",
		  { SLICE("a"), SLICE("b"), SLICE("c") },
		  SLICE("abc\r\n") },
		{ "an open line, ended later",
		  { SLICE("a"), SLICE("\n") },
		  SLICE("a\r\n") },
		{ "nothing", { { .p = "" } }, SLICE("") },
		{ "an empty line", { SLICE("\n") }, SLICE("\r\n") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct edit_world w;

		edit_world_build(&w, S("A: b\r\n\r\nthe old one\r\n"), 0);
		for (size_t j = 0; j < 4 && cases[i].pieces[j].p != NULL; j++)
			assert_int_equal(
				edit_body_piece(&w, cases[i].pieces[j]),
				MILTER_EDIT_TAKEN);
		assert_int_equal(milter_edits_count(w.edits), 1);
		assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
		assert_true(milter_message_is_changed(w.m));
		assert_slice(edit_world_body(&w), cases[i].want, cases[i].name);
		assert_slice(edit_world_header(&w), S("A: b\r\n\r\n"),
			     cases[i].name);
		edit_world_done(&w);
	}
}

/* Of a test's own, lines of all lengths with LF. */
static char *lines(size_t n)
{
	char *p = mem_new(n);

	for (size_t i = 0; i < n; i++)
		p[i] = i % 97 == 96 || i + 1 == n ? '\n' : (char)('a' + i % 23);
	return p;
}

static void test_big_body(void **state)
{
	enum { OCTETS = 5 << 20 };
	AUTO(mem_free_string) char *text = lines(OCTETS);
	static const size_t piece_octets[] = { OCTETS, 65535, 1000, 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(piece_octets) / sizeof(size_t); i++) {
		const size_t n = i == 3 ? OCTETS / 16 : OCTETS;
		struct edit_world w;
		struct slice rest = { text, n }, got;
		size_t at = 0;

		edit_world_build(&w, S("A: b\r\n\r\nold\r\n"), 0);
		edit_world_filter(&w, &(struct milter_edits_config){
					      .body_limit = 2 * OCTETS });
		for (; rest.n > 0; rest = slice_tail(rest, piece_octets[i]))
			assert_int_equal(
				edit_body_piece(
					&w, slice_head(rest, piece_octets[i])),
				MILTER_EDIT_TAKEN);
		assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
		got = edit_world_body(&w);
		for (size_t j = 0; j < n; j++) {
			at += text[j] == '\n';
			assert_true(at < got.n && got.p[at] == text[j]);
			at++;
		}
		edit_world_done(&w);
	}
}

static void test_body_limit(void **state)
{
	const struct milter_edits_config config = { .body_limit = 10 };
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\nold\r\n"), 0);
	edit_world_filter(&w, &config);
	assert_int_equal(edit_body_piece(&w, S("12345678\n")),
			 MILTER_EDIT_TAKEN);
	assert_int_equal(edit_body_piece(&w, S("9")), MILTER_EDIT_TOO_BIG);
	assert_int_equal(edit_body_piece(&w, S("")), MILTER_EDIT_TOO_BIG);
	edit_world_done(&w);
}

static void test_body_between_edits(void **state)
{
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\nold\r\n"), 0);
	assert_int_equal(edit_body_piece(&w, S("one\n")), MILTER_EDIT_TAKEN);
	assert_int_equal(edit_field(&w, ADD, 0, "X", "y"), MILTER_EDIT_TAKEN);
	assert_int_equal(edit_body_piece(&w, S("two")), MILTER_EDIT_TAKEN);
	assert_int_equal(milter_edits_count(w.edits), 2);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	assert_slice(edit_world_body(&w), S("one\r\ntwo\r\n"), "both");
	/* The next filter's wins. */
	edit_world_filter(&w,
			  &(struct milter_edits_config){ .body_limit = 100 });
	assert_int_equal(edit_body_piece(&w, S("three")), MILTER_EDIT_TAKEN);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	assert_slice(edit_world_body(&w), S("three\r\n"), "the last");
	assert_slice(edit_world_header(&w), S("A: b\r\nX: y\r\n\r\n"), "both");
	edit_world_done(&w);
}

static void test_envelope(void **state)
{
	static const struct {
		enum milter_code code;
		const char *address;
		const char *params;
		enum milter_envelope_kind want;
	} edits[] = {
		{ MILTER_ADDRCPT, "<a@b>", "", MILTER_RECIPIENT_ADDED },
		{ MILTER_ADDRCPT_PAR, "a@c", "NOTIFY=NEVER ORCPT=rfc822;a@c",
		  MILTER_RECIPIENT_ADDED },
		{ MILTER_DELRCPT, "a@b", "", MILTER_RECIPIENT_DELETED },
		{ MILTER_CHGFROM, "<>", "RET=HDRS", MILTER_SENDER_CHANGED },
	};
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(edit_address(&w, edits[i].code,
					      edits[i].address,
					      edits[i].params),
				 MILTER_EDIT_TAKEN);
	assert_int_equal(edit_address(&w, MILTER_ADDRCPT, "", ""),
			 MILTER_EDIT_IGNORED);
	assert_int_equal(edit_address(&w, MILTER_ADDRCPT, "<a\r\n@b>", ""),
			 MILTER_EDIT_IGNORED);
	assert_int_equal(edit_address(&w, MILTER_CHGFROM, "<a@b>", "a\nb"),
			 MILTER_EDIT_IGNORED);
	assert_int_equal(milter_message_envelope_count(w.m), 0);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	milter_edits_free(&w.edits);
	assert_false(milter_message_is_changed(w.m));
	assert_int_equal(milter_message_envelope_count(w.m), 4);
	for (size_t i = 0; i < 4; i++) {
		const struct milter_envelope_edit *e =
			milter_message_envelope(w.m, i);

		assert_int_equal(e->kind, edits[i].want);
		assert_slice(e->address, slice_of(edits[i].address), "kept");
		assert_slice(e->params, slice_of(edits[i].params), "kept");
	}
	edit_world_done(&w);
}

static void test_quarantine(void **state)
{
	struct milter_reply reply = {
		.code = MILTER_QUARANTINE,
		.text = SLICE("bad\tmail\xe4 "),
	};
	struct slice problem;
	struct edit_world w;
	char octets[300];

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	assert_int_equal(milter_edits_take(w.edits, &reply, &problem),
			 MILTER_EDIT_TAKEN);
	reply.text = S("later");
	assert_int_equal(milter_edits_take(w.edits, &reply, &problem),
			 MILTER_EDIT_TAKEN);
	assert_int_equal(milter_edits_count(w.edits), 0);
	assert_slice(milter_edits_quarantine(w.edits), S("bad?mail?"), "first");
	assert_int_equal(milter_message_quarantine(w.m).n, 0);
	assert_int_equal(milter_edits_apply(w.edits, w.m), 0);
	assert_slice(milter_message_quarantine(w.m), S("bad?mail?"), "first");
	edit_world_done(&w);

	memset(octets, 'x', sizeof(octets));
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	reply.text = (struct slice){ octets, sizeof(octets) };
	assert_int_equal(milter_edits_take(w.edits, &reply, &problem),
			 MILTER_EDIT_TAKEN);
	assert_int_equal(milter_edits_quarantine(w.edits).n,
			 MILTER_REASON_OCTETS);
	edit_world_done(&w);
}

static void test_limits(void **state)
{
	AUTO(mem_free_string) char *value = mem_new(66000);
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	for (unsigned i = 0; i < MILTER_EDIT_COUNT; i++)
		assert_int_equal(edit_field(&w, ADD, 0, "X", "y"),
				 MILTER_EDIT_TAKEN);
	assert_int_equal(edit_field(&w, ADD, 0, "X", "y"),
			 MILTER_EDIT_TOO_MANY);
	assert_int_equal(edit_body_piece(&w, S("x")), MILTER_EDIT_TOO_MANY);
	edit_world_done(&w);

	/* A field that no other filter could be told of. */
	memset(value, 'x', 65531);
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	assert_int_equal(edit_field(&w, ADD, 0, "X", value), MILTER_EDIT_TAKEN);
	value[65531] = 'x';
	assert_int_equal(edit_field(&w, ADD, 0, "X", value),
			 MILTER_EDIT_IGNORED);
	/* 1 MiB is 16 of them. */
	value[65531] = '\0';
	for (unsigned i = 2; i < 16; i++)
		assert_int_equal(edit_field(&w, ADD, 0, "X", value),
				 MILTER_EDIT_TAKEN);
	assert_int_equal(edit_field(&w, ADD, 0, "X", value),
			 MILTER_EDIT_TOO_MANY);
	/* The header takes six; more are told. */
	assert_int_equal(milter_edits_apply(w.edits, w.m), 15 - 5);
	assert_true(edit_world_header(&w).n <= 384 << 10);
	assert_true(
		slice_ends_nocase(milter_edits_describe(w.edits, 14, w.arena),
				  S("... (not done: it would be too much)")));
	edit_world_done(&w);
}

static void test_describing(void **state)
{
	static const char *const want[] = {
		"insert header 1: X-Spam: yes or no",
		"add header: A: b",
		"change header 2: Subject: new",
		"delete header 3: Received",
		"add recipient <a@b> NOTIFY=NEVER",
		"delete recipient <c@d>",
		"change sender to <>",
		"replace body (7 octets)",
	};
	struct edit_world w;

	(void)state;
	edit_world_build(&w, S("A: b\r\n\r\n"), 0);
	(void)edit_field(&w, INS, 1, "X-Spam", "yes\n or no");
	(void)edit_field(&w, ADD, 0, "A", "b");
	(void)edit_field(&w, CHG, 2, "Subject", "new");
	(void)edit_field(&w, CHG, 3, "Received", "");
	(void)edit_address(&w, MILTER_ADDRCPT_PAR, "<a@b>", "NOTIFY=NEVER");
	(void)edit_address(&w, MILTER_DELRCPT, "<c@d>", "");
	(void)edit_address(&w, MILTER_CHGFROM, "<>", "");
	(void)edit_body_piece(&w, S("hello\n"));
	assert_int_equal(milter_edits_count(w.edits), 8);
	for (size_t i = 0; i < 8; i++)
		assert_slice(milter_edits_describe(w.edits, i, w.arena),
			     slice_of(want[i]), "words");
	edit_world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_nothing_done_is_no_change),
		cmocka_unit_test(test_no_separator),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_big_body),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_body_between_edits),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_describing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
