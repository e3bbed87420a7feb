#include "control/milters.h"

#include "base/mem.h"
#include "milter/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct link {
	int unused;
};

static struct link links[3];
static struct link *const asked[] = { &links[0], &links[1], &links[2] };

static struct milters *make(void)
{
	return milters_new(asked, 3);
}

static void expect(const struct milters *m, size_t count, const char *want)
{
	struct evbuffer *out = evbuffer_new();
	char got[4096] = "";

	assert_int_equal(milters_answer(m, out), count);
	(void)evbuffer_remove(out, got, sizeof(got) - 1);
	assert_string_equal(got, want);
	evbuffer_free(out);
}

static void test_who_is_open(void **state)
{
	struct milters *m = make();
	struct link stranger;

	(void)state;
	assert_true(milters_is_open(m, &links[1]));
	assert_false(milters_is_open(m, &stranger));
	assert_false(milters_end(m, &links[1]));
	assert_false(milters_is_open(m, &links[1]));
	assert_false(milters_end(m, &links[1]));
	assert_false(milters_end(m, &links[0]));
	assert_true(milters_end(m, &links[2]));
	expect(m, 0, "");
	milters_free(&m);
	assert_null(m);
}

static void test_sums(void **state)
{
	struct milters *m = make();
	struct msg_milter_state s = { .place = 1,
				      .name = SLICE("b"),
				      .state = MILTER_IS_AWAY,
				      .connections = 1,
				      .messages = 2,
				      .rejected = 3,
				      .deferred = 4,
				      .discarded = 5,
				      .quarantined = 6,
				      .edited = 7,
				      .failed = 8,
				      .unfiltered = 9,
				      .problem = SLICE("new\xFF"),
				      .failed_at = 200 };

	(void)state;
	milters_add(m, &s);
	s.state = MILTER_WORKS;
	s.version = 6;
	s.actions = MILTER_MAY_CHGBODY;
	s.steps = MILTER_NOBODY | MILTER_NR_MAIL;
	s.problem = S("old");
	s.failed_at = 100;
	milters_add(m, &s);
	s = (struct msg_milter_state){ .name = S("a") };
	milters_add(m, &s);
	s.place = 1;
	s.name = S("B");
	milters_add(m, &s);
	expect(m, 2,
	       "{\"milter\":{\"name\":\"a\",\"state\":\"untried\",\"version\":0,"
	       "\"connections\":0,\"messages\":0,\"rejected\":0,"
	       "\"deferred\":0,\"discarded\":0,\"quarantined\":0,\"edited\":0,"
	       "\"failed\":0,\"unfiltered\":0,\"failed_at\":0,\"problem\":\"\","
	       "\"actions\":[],\"skipped\":[]}}\n"
	       "{\"milter\":{\"name\":\"b\",\"state\":\"away\",\"version\":6,"
	       "\"connections\":2,\"messages\":4,\"rejected\":6,"
	       "\"deferred\":8,\"discarded\":10,\"quarantined\":12,"
	       "\"edited\":14,\"failed\":16,\"unfiltered\":18,"
	       "\"failed_at\":200,\"problem\":\"new\\\\xFF\","
	       "\"actions\":[\"change body\"],\"skipped\":[\"body\"]}}\n");
	milters_free(&m);
}

/* As in the file: by place, and not as processes answer. */
static void test_order(void **state)
{
	struct milters *m = make();
	struct evbuffer *out = evbuffer_new();
	char got[65536] = "";
	const char *at = got;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		const char name = (char)('e' - i);
		struct msg_milter_state s = { .place = 4 - i,
					      .name = { &name, 1 } };

		milters_add(m, &s);
	}
	assert_int_equal(milters_answer(m, out), 5);
	(void)evbuffer_remove(out, got, sizeof(got) - 1);
	for (int i = 0; i < 5; i++) {
		char want[] = { '"', (char)('a' + i), '"', ',', '\0' };

		at = strstr(at, want);
		assert_non_null(at);
	}
	evbuffer_free(out);
	milters_free(&m);
}

/* Whoever makes names up is not believed without end. */
static void test_too_many(void **state)
{
	struct milters *m = make();
	struct evbuffer *out = evbuffer_new();

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		const char name[] = { (char)('a' + i % 26),
				      (char)('a' + i / 26 % 26),
				      (char)('a' + i / 676) };
		struct msg_milter_state s = { .name = { name, sizeof(name) },
					      .state = 99 };

		milters_add(m, &s);
	}
	assert_int_equal(milters_answer(m, out), 64);
	evbuffer_free(out);
	milters_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_open),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
