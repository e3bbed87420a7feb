#include "verify/spf.h"

#include "base/mem.h"
#include "test/unit/verify/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS = 6 };

static struct slice read_table(struct arena *arena)
{
	const char *top = getenv("srcdir");
	struct slice path = arena_format(arena, "%s/test/unit/verify/spf.table",
					 top != NULL ? top : ".");
	FILE *f = fopen(path.p, "re");
	char *text = arena_alloc(arena, 1 << 18);
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, 1 << 18, f);
	(void)fclose(f);
	return (struct slice){ text, n };
}

/* "= what | client | HELO | sender | result | explanation ! why another differs" */
static void run_case(struct zone *z, struct slice line, unsigned *failures)
{
	AUTO(arena_free) struct arena *arena = arena_new(SPF_ARENA_OCTETS);
	const struct spf_world world = { .ask = zone_ask,
					 .arg = z,
					 .hostname = S("mx.example.org") };
	struct slice fields[FIELDS] = { { NULL, 0 } };
	struct slice rest = slice_head(line, slice_find_slice(line, S(" ! ")));
	struct spf_question q;
	struct spf_answer answer;
	const char *word;

	for (size_t i = 0; i < FIELDS && rest.n > 0; i++) {
		(void)slice_cut(rest, '|', &fields[i], &rest);
		fields[i] = slice_trim(fields[i]);
	}
	q = (struct spf_question){ .client_address = fields[1],
				   .helo = fields[2],
				   .reverse_path =
					   zone_unescape(fields[3], arena) };
	spf_check(&world, &q, arena, &answer);
	word = authres_word(answer.result);
	if (slice_equal(slice_of(word), fields[4]) &&
	    slice_equal(answer.explanation, fields[5]))
		return;
	(*failures)++;
	print_error("%.*s: %s (%.*s), explained \"%.*s\"\n", (int)line.n,
		    line.p, word, (int)answer.problem.n, answer.problem.p,
		    (int)answer.explanation.n, answer.explanation.p);
}

static void test_table(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(8 << 20);
	struct zone *z = zone_new(arena);
	struct slice text = read_table(arena), rest = text, line;
	unsigned failures = 0, cases = 0;

	(void)state;
	while (rest.n > 0) {
		(void)slice_cut(rest, '\n', &line, &rest);
		if (line.n > 0 && line.p[0] != '#' && line.p[0] != '=')
			zone_add(z, line);
	}
	for (rest = text; rest.n > 0;) {
		(void)slice_cut(rest, '\n', &line, &rest);
		if (line.n > 0 && line.p[0] == '=') {
			run_case(z, line, &failures);
			cases++;
		}
	}
	assert_true(cases > 100);
	assert_int_equal(failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
