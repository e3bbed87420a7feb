#include "lmtp/line.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { DELIVERIES = 32 };

/* u and o: an urgent, an ordinary one. */
static const struct {
	const char *name;
	const char *in, *want;
} cases[] = {
	{ "nobody", "", "" },
	{ "urgent ones first", "ouou", "uuoo" },
	{ "every fourth is an ordinary one", "oouuuuuuuuuu", "uuuouuuouuuu" },
	{ "unless none waits", "uuuuuuuuuuuuu", "uuuuuuuuuuuuu" },
	{ "ordinary ones alone", "ooo", "ooo" },
};

static void enter(struct lmtp_line *line, bool is_urgent)
{
	const struct lmtp_request request = { .recipient = S("c@d") };

	lmtp_line_enter(line, lmtp_delivery_new(&request, NULL, NULL),
			is_urgent);
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lmtp_line line;
		struct lmtp_delivery *d;
		char got[DELIVERIES] = "";
		size_t n = 0;

		lmtp_line_init(&line);
		for (const char *p = cases[i].in; *p != '\0'; p++)
			enter(&line, *p == 'u');
		while ((d = lmtp_line_next(&line)) != NULL) {
			assert_true(n < sizeof(got) - 1);
			got[n++] = d->is_urgent ? 'u' : 'o';
			mem_free(&d);
		}
		assert_int_equal(line.count, 0);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
	}
}

/* A stream that never ends: one comes for each that is taken. */
static void test_no_starving(void **state)
{
	struct lmtp_line line;
	struct lmtp_delivery *d;
	unsigned turns = 0;
	bool was_urgent;

	(void)state;
	lmtp_line_init(&line);
	for (int i = 0; i < 100; i++) {
		enter(&line, true);
		d = lmtp_line_next(&line);
		mem_free(&d);
	}
	enter(&line, false);
	do {
		enter(&line, true);
		d = lmtp_line_next(&line);
		was_urgent = d->is_urgent;
		mem_free(&d);
	} while (was_urgent && ++turns < 100);
	assert_true(turns < 4);
	while ((d = lmtp_line_next(&line)) != NULL)
		mem_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_no_starving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
