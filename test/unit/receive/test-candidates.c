#include "receive/candidates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In words: "m:" mailbox, what Dovecot is given after "="; "a:" alias, what
 * alias-resolve is asked for after "=" if that is not the same; "r:" only it. */
static const struct {
	const char *name;
	const char *local;
	const char *delimiters;
	const char *drop;
	const char *want; /* NULL: no name of ours */
} cases[] = {
	{ "a plain name", "Alice", "+", "", "m:alice=alice a:alice c:*" },
	{ "a detail", "Alice+Lists", "+", "",
	  "m:alice+lists=alice+lists a:alice+lists m:alice=alice+Lists "
	  "a:alice c:*" },
	{ "the first of two delimiters cuts", "a-b+c", "+-", "",
	  "m:a-b+c=a-b+c a:a-b+c m:a=a-b+c a:a c:*" },
	{ "drop characters", "j.doe", "+", ".",
	  "m:j.doe=j.doe a:jdoe=j.doe m:jdoe=jdoe r:jdoe c:*" },
	{ "all of it", "J.Doe+x.Y", "+", ".",
	  "m:j.doe+x.y=j.doe+x.y a:jdoe+xy=j.doe+x.y m:j.doe=j.doe+x.Y "
	  "m:jdoe=jdoe+x.Y a:jdoe c:*" },
	{ "a delimiter in front cuts nothing off", "+x", "+", "",
	  "m:+x=+x a:+x c:*" },
	{ "only drop characters", "..", "+", ".", "m:..=.. c:*" },
	{ "a delimiter that is dropped too", "a+b", "+", "+",
	  "m:a+b=a+b a:ab=a+b m:a=a+b a:a c:*" },
	{ "UTF-8 is folded", "\xc3\x84nne", "+", "",
	  "m:\xc3\xa4nne=\xc3\xa4nne a:\xc3\xa4nne c:*" },
	{ "a space is in no name of ours", "a b", "+", "", NULL },
};

static void in_words(const struct candidates *c, char *text, size_t room)
{
	static const char kinds[] = "marc";
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < c->count; i++) {
		const struct candidate *it = &c->items[i];
		bool shows = it->kind == CANDIDATE_MAILBOX ||
			     !slice_equal(it->whole, it->local);

		n += (size_t)snprintf(
			text + n, room - n, "%s%c:%.*s%s%.*s", i > 0 ? " " : "",
			kinds[it->kind], (int)it->local.n, it->local.p,
			shows ? "=" : "", shows ? (int)it->whole.n : 0,
			it->whole.p);
	}
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *arena = arena_new(1 << 16);
		struct candidates c;
		char text[400];
		int error = candidates_find(slice_of(cases[i].local),
					    cases[i].delimiters, cases[i].drop,
					    arena, &c);

		print_message("%s\n", cases[i].name);
		assert_int_equal(error == 0, cases[i].want != NULL);
		if (error == 0) {
			in_words(&c, text, sizeof(text));
			assert_string_equal(text, cases[i].want);
		}
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
