#include "mail/delivered_to.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name, *address, *header;
	bool want;
} cases[] = {
	{ "the field", "a@b.test", "From: x\r\nDelivered-To: a@b.test\r\n",
	  true },
	{ "case and blanks do not matter", "a@b.test",
	  "DELIVERED-TO:\tA@B.test \r\n", true },
	{ "one of several", "a@b.test",
	  "Delivered-To: c@b.test\r\nDelivered-To: a@b.test\r\n"
	  "Delivered-To: d@b.test\r\n",
	  true },
	{ "another address", "a@b.test", "Delivered-To: aa@b.test\r\n", false },
	{ "a begin of it", "a@b.test", "Delivered-To: a@b.te\r\n", false },
	{ "another field", "a@b.test", "X-Delivered-To: a@b.test\r\n", false },
	{ "within a field", "a@b.test",
	  "Subject: x\r\n Delivered-To: a@b.test\r\n", false },
	{ "nothing is looked for", "", "Delivered-To: \r\n", false },
};

static void test_watch(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice all = slice_of(cases[i].header);

		print_message("%s\n", cases[i].name);
		for (size_t cut = 0; cut <= all.n; cut++) {
			struct delivered_watch w;

			delivered_watch_init(&w, slice_of(cases[i].address));
			delivered_watch_feed(&w, slice_head(all, cut));
			delivered_watch_feed(&w, slice_tail(all, cut));
			assert_int_equal(w.is_found, cases[i].want);
		}
	}
}

static void test_long_lines(void **state)
{
	struct delivered_watch w;
	char line[2000];

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "Delivered-To:", 13);
	memcpy(line + 1000, "a@b.test\r\n", 10);
	delivered_watch_init(&w, S("a@b.test"));
	delivered_watch_feed(&w, (struct slice){ line, 1010 });
	assert_false(w.is_found);
	delivered_watch_feed(&w, S("Delivered-To: a@b.test\n"));
	assert_true(w.is_found);
}

static void test_what_we_write(void **state)
{
	struct arena *a = arena_new(1000);
	struct delivered_watch w;

	(void)state;
	delivered_watch_init(&w, S("\"a b\"@c.test"));
	delivered_watch_feed(&w, delivered_to_format(S("\"a b\"@c.test"), a));
	assert_true(w.is_found);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_what_we_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
