/* Whom a login may be, as Dovecot's extra fields say. */
#include "receive/rights.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
	const char *login, *senders, *sender;
	bool want;
} cases[] = {
	{ "bob@a.example", "", "bob@a.example", true },
	{ "bob@a.example", "", "Bob@A.example", true },
	{ "bob@a.example", "", "eve@a.example", false },
	{ "bob", "", "bob@a.example", false },
	{ "bob", "x@b.example, bob@a.example", "bob@a.example", true },
	{ "bob", "x@b.example\tbob@a.example", "bob@b.example", false },
	{ "bob", "@a.example", "any@a.example", true },
	{ "bob", "@a.example", "any@b.a.example", false },
	{ "bob", "*", "any@b.example", true },
	/* names of logins are no patterns */
	{ "*", "", "any@b.example", false },
	{ "@b.example", "", "any@b.example", false },
};

static bool has(const char *login, struct slice senders, const char *sender)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct login_field field = { .name = S("smtp_senders"),
				     .value = senders };
	const struct login_result result = { .fields = &field,
					     .field_count = 1 };
	struct rights *rights = rights_new(&result, NULL);
	struct address address;
	bool answer;

	assert_int_equal(address_parse(slice_of(sender), a, &address), 0);
	answer = rights_have_sender(rights, slice_of(login), &address);
	rights_free(&rights);
	return answer;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s %s\n", cases[i].login, cases[i].sender);
		assert_int_equal(has(cases[i].login, slice_of(cases[i].senders),
				     cases[i].sender),
				 cases[i].want);
	}
}

/* However many there are. */
static void test_long_list(void **state)
{
	enum { COUNT = 20000, WORD = 24 };
	AUTO(arena_free) struct arena *a = arena_new(COUNT * WORD + 4096);
	char *list = arena_alloc(a, COUNT * WORD + 1);
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		n += (size_t)snprintf(list + n, WORD, "n%u@a.example,", i);
	assert_true(has("bob", (struct slice){ list, n }, "n19999@a.example"));
	assert_false(has("bob", (struct slice){ list, n }, "n@a.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
