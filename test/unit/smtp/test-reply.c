#include "smtp/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct {
	const char *name;
	struct reply reply;
	struct slice want;
} cases[] = {
	{ "one line",
	  { .code = 250, .status = { 2, 0, 0 }, .text = SLICE("OK") },
	  SLICE("250 2.0.0 OK\r\n") },
	{ "no enhanced code",
	  { .code = 354, .text = SLICE("Go on") },
	  SLICE("354 Go on\r\n") },
	{ "many lines",
	  { .code = 250, .text = SLICE("mx\nPIPELINING\nSIZE 1") },
	  SLICE("250-mx\r\n250-PIPELINING\r\n250 SIZE 1\r\n") },
	{ "each line has the enhanced code",
	  { .code = 550, .status = { 5, 1, 1 }, .text = SLICE("No\nsuch") },
	  SLICE("550-5.1.1 No\r\n550 5.1.1 such\r\n") },
	{ "no text",
	  { .code = 250, .status = { 2, 0, 0 }, .text = SLICE("") },
	  SLICE("250 2.0.0\r\n") },
	{ "control octets cannot make a line",
	  { .code = 550, .text = SLICE("a\r250 b\0c\x7f") },
	  SLICE("550 a?250 b?c?\r\n") },
	{ "UTF-8 passes",
	  { .code = 550, .text = SLICE("jürgen") },
	  SLICE("550 jürgen\r\n") },
	{ "what is not UTF-8 does not",
	  { .code = 550, .text = SLICE("j\xfcrgen") },
	  SLICE("550 j?rgen\r\n") },
	{ "a line has 512 octets with CRLF",
	  { .code = 550,
	    .text = SLICE(X100 X100 X100 X100 X100 "1234567890\nnext") },
	  SLICE("550-" X100 X100 X100 X100 X100 "123456\r\n550 next\r\n") },
	{ "a cut does not part a character",
	  { .code = 550, .text = SLICE(X100 X100 X100 X100 X100 "12345üxx") },
	  SLICE("550 " X100 X100 X100 X100 X100 "12345\r\n") },
};

static void test_format(void **state)
{
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].name);
		assert_true(slice_equal(reply_format(&cases[i].reply, arena),
					cases[i].want));
	}
	arena_free(&arena);
}

/* RFC 2034 4: the class of the enhanced code is that of the reply. */
static void test_fixed(void **state)
{
	static const struct reply *const all[] = {
#define REPLY(name, code, class, subject, detail, close, text) &REPLY_##name,
#include "smtp/replies.def"
#undef REPLY
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct reply *r = all[i];

		print_message("  %u %s\n", r->code, r->text.p);
		assert_true(r->code >= 200 && r->code <= 559);
		assert_true(r->text.n > 0 && !slice_has_control(r->text));
		if (r->code / 100 != 3)
			assert_int_equal(r->status[0], r->code / 100);
		assert_true(r->close || r->code != 421);
		assert_int_equal(reply_is_positive(r) + reply_is_transient(r) +
					 reply_is_permanent(r),
				 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
