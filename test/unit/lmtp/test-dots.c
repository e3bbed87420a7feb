#include "lmtp/dots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct {
	const char *name;
	struct slice input, want;
} cases[] = {
	{ "nothing is only the dot", SLICE(""), SLICE(".\r\n") },
	{ "a line as it is", SLICE("a\r\n"), SLICE("a\r\n.\r\n") },
	{ "the last line gets its end", SLICE("a"), SLICE("a\r\n.\r\n") },
	{ "a dot at the start is doubled", SLICE(".\r\n"),
	  SLICE("..\r\n.\r\n") },
	{ "a dot after CRLF is doubled", SLICE("a\r\n.b\r\n"),
	  SLICE("a\r\n..b\r\n.\r\n") },
	{ "a dot inside a line is not", SLICE("a.b\r\n"),
	  SLICE("a.b\r\n.\r\n") },
	{ "a bare LF becomes CRLF", SLICE("a\n.\nb\r\n"),
	  SLICE("a\r\n..\r\nb\r\n.\r\n") },
	{ "a bare CR becomes CRLF", SLICE("a\r.\rb\r\n"),
	  SLICE("a\r\n..\r\nb\r\n.\r\n") },
	{ "CR CR LF is two lines", SLICE("a\r\r\nb\r\n"),
	  SLICE("a\r\n\r\nb\r\n.\r\n") },
	{ "a CR at the end becomes CRLF", SLICE("a\r"), SLICE("a\r\n.\r\n") },
	{ "the smuggler's end is none", SLICE("\r\n.\n.\r.\r\n"),
	  SLICE("\r\n..\r\n..\r\n..\r\n.\r\n") },
	{ "NUL and 8-bit octets pass", SLICE("\0\xff\x80\r\n"),
	  SLICE("\0\xff\x80\r\n.\r\n") },
};

static struct slice encode(struct slice in, size_t step, char *out)
{
	struct lmtp_dots dots = { .is_in_line = false };
	size_t n = 0;

	while (in.n > 0) {
		struct slice part = slice_head(in, step);
		size_t made = lmtp_dots_encode(&dots, part, out + n);

		assert_true(made <= LMTP_DOTS_ROOM(part.n));
		n += made;
		in = slice_tail(in, step);
	}
	n += lmtp_dots_end(&dots, out + n);
	return (struct slice){ out, n };
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step <= cases[i].input.n + 1; step++) {
			char out[256];
			struct slice got = encode(cases[i].input, step, out);

			if (!slice_equal(got, cases[i].want))
				fail_msg("%s, %zu at a time: \"%.*s\"",
					 cases[i].name, step, (int)got.n,
					 got.p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
