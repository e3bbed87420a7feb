#include "control/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char no_object[] = "a request is one JSON object in one line";
static const char no_command[] = "there is no such command";
static const char no_id[] = "the id is not 16 hexadecimal digits";

static const struct {
	const char *line;
	const char *wrong;
	struct request want;
} cases[] = {
	{ "{\"command\":\"queue_list\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_LIST } },
	{ " {\"command\":\"reload\",\"more\":[1]}\r",
	  NULL,
	  { .command = REQUEST_RELOAD } },
	{ "{\"command\":\"milter_list\"}",
	  NULL,
	  { .command = REQUEST_MILTER_LIST } },
	{ "{\"command\":\"queue_retry\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE, .is_all = true } },
	{ "{\"command\":\"queue_retry\",\"id\":\"00000000000000aF\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE, .selector.queue_id = 0xaf } },
	{ "{\"command\":\"queue_retry\",\"id\":\"ffffffffffffffff\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .selector.queue_id = UINT64_MAX } },
	{ "{\"command\":\"queue_release\",\"id\":\"a1\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_RELEASE,
	    .selector.queue_id = 0xa1 } },
	{ "{\"command\":\"queue_release\",\"all\":true}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_RELEASE,
	    .is_all = true } },
	{ "{\"command\":\"queue_release\"}", "the id is missing", { 0 } },
	{ "{\"command\":\"queue_release\",\"all\":1}",
	  "the id is missing",
	  { 0 } },
	{ "{\"command\":\"queue_drop\",\"id\":\"abcdef0123456789.12\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_DROP,
	    .selector.trace = SLICE("abcdef0123456789.12") } },
	{ "{\"command\":\"queue_drop\",\"all\":true}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_DROP,
	    .is_all = true } },
	{ "{\"command\":\"queue_drop\",\"from\":\"<>\",\"to\":\"@x.org\","
	  "\"older_than\":7,\"held\":true,\"all\":true}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_DROP,
	    .selector = { .from = SLICE("<>"),
			  .to = SLICE("@x.org"),
			  .older_than_s = 7,
			  .is_held = true } } },
	{ "{\"command\":\"queue_hold\",\"to\":\"a@x.org\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_HOLD,
	    .selector.to = SLICE("a@x.org"),
	    .reason = SLICE("held by the operator") } },
	{ "{\"command\":\"queue_hold\",\"id\":\"a1\",\"reason\":\"why\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_CHANGE,
	    .change = QUEUE_CHANGE_HOLD,
	    .selector.queue_id = 0xa1,
	    .reason = SLICE("why") } },
	{ "{\"command\":\"queue_hold\",\"id\":\"a1\",\"reason\":\"a\\nb\"}",
	  "the reason is too long, or not in one line",
	  { 0 } },
	{ "{\"command\":\"queue_bounce\"}", "the id is missing", { 0 } },
	{ "{\"command\":\"queue_bounce\",\"from\":\"\"}",
	  "this is no address or domain",
	  { 0 } },
	{ "{\"command\":\"queue_bounce\",\"to\":7}",
	  "this is no address or domain",
	  { 0 } },
	{ "{\"command\":\"queue_bounce\",\"older_than\":-1}",
	  "the age is no number of seconds",
	  { 0 } },
	{ "{\"command\":\"queue_list\",\"held\":true}",
	  NULL,
	  { .command = REQUEST_QUEUE_LIST, .selector.is_held = true } },
	{ "{\"command\":\"queue_show\",\"id\":\"a1\"}",
	  NULL,
	  { .command = REQUEST_QUEUE_LIST,
	    .selector.queue_id = 0xa1,
	    .with_header = true } },
	{ "{\"command\":\"queue_show\"}", "the id is missing", { 0 } },
	{ "{\"command\":\"queue_drop\",\"id\":\".1\"}", no_id, { 0 } },
	{ "{\"command\":\"queue_drop\",\"id\":null}", no_id, { 0 } },
	{ "{\"command\":\"queue_retry\",\"id\":\"\"}", no_id, { 0 } },
	{ "{\"command\":\"queue_retry\",\"id\":\"0\"}", no_id, { 0 } },
	{ "{\"command\":\"queue_retry\",\"id\":\"xyz\"}", no_id, { 0 } },
	{ "{\"command\":\"queue_retry\",\"id\":7}", no_id, { 0 } },
	{ "{\"command\":\"queue_retry\",\"id\":\"00000000000000001\"}",
	  no_id,
	  { 0 } },
	{ "{\"command\":\"resolve\",\"address\":\"a@\xC3\xA4.org\"}",
	  NULL,
	  { .command = REQUEST_RESOLVE, .address = SLICE("a@\xC3\xA4.org") } },
	{ "{\"command\":\"resolve\"}",
	  "the address or domain is missing",
	  { 0 } },
	{ "{\"command\":\"resolve\",\"address\":\"a\\nb\"}",
	  "this is no address or domain",
	  { 0 } },
	{ "{\"command\":\"resolve\",\"address\":\"\"}",
	  "this is no address or domain",
	  { 0 } },
	{ "{\"command\":\"stop\"}", no_command, { 0 } },
	{ "{\"command\":null}", no_command, { 0 } },
	{ "{}", no_command, { 0 } },
	{ "[]", no_object, { 0 } },
	{ "", no_object, { 0 } },
	{ "{\"command\":\"reload\"} x", no_object, { 0 } },
	{ "{\"command\":\"\xFF\"}", no_object, { 0 } },
	{ "GET / HTTP/1.1", no_object, { 0 } },
};

static void same_selector(const struct selector *a, const struct selector *b)
{
	assert_true(a->queue_id == b->queue_id);
	assert_true(slice_equal(a->trace, b->trace));
	assert_true(slice_equal(a->from, b->from));
	assert_true(slice_equal(a->to, b->to));
	assert_true(a->older_than_s == b->older_than_s);
	assert_int_equal(a->is_held, b->is_held);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new(65536);
		struct request r = { .selector.queue_id = 99 };
		const char *wrong =
			request_parse(slice_of(cases[i].line), a, &r);

		print_message("%s\n", cases[i].line);
		if (cases[i].wrong != NULL) {
			assert_non_null(wrong);
			assert_string_equal(wrong, cases[i].wrong);
			assert_true(r.selector.queue_id == 99);
		} else {
			assert_null(wrong);
			assert_int_equal(r.command, cases[i].want.command);
			assert_int_equal(r.change, cases[i].want.change);
			same_selector(&r.selector, &cases[i].want.selector);
			assert_int_equal(r.is_all, cases[i].want.is_all);
			assert_int_equal(r.with_header,
					 cases[i].want.with_header);
			assert_true(
				slice_equal(r.reason, cases[i].want.reason));
			assert_true(
				slice_equal(r.address, cases[i].want.address));
		}
		arena_free(&a);
	}
}

static void test_long_address(void **state)
{
	struct arena *a = arena_new(65536);
	struct request r;
	char line[1024] = "{\"command\":\"resolve\",\"address\":\"";
	size_t n = strlen(line);

	(void)state;
	memset(line + n, 'a', 513);
	(void)strcpy(line + n + 513, "\"}");
	assert_string_equal(request_parse(slice_of(line), a, &r),
			    "this is no address or domain");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
