#include "milter/message.h"

#include "base/mem.h"
#include "edit_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void test_reading(void **state)
{
	static const struct {
		const char *name;
		struct slice message;
		const char *fields; /* "name|value;" */
		struct slice body;
	} cases[] = {
		{ "a usual one",
		  SLICE("Received: here\r\nSubject: hi\r\n\r\nbody\r\n"),
		  "Received| here;Subject| hi;", SLICE("body\r\n") },
		{ "folds belong to the value, blanks before the colon do not",
		  SLICE("A: b\r\n\tc\r\n  d\r\nE \t:\r\n\r\n"),
		  "A| b\r\n\tc\r\n  d;E|;", SLICE("") },
		{ "no blank, two blanks, a tab, a fold at once",
		  SLICE("A:x\r\nA:  x\r\nA:\tx\r\nA:\r\n x\r\n\r\n"),
		  "A|x;A|  x;A|\tx;A|\r\n x;", SLICE("") },
		{ "a body that begins with an empty line",
		  SLICE("A: b\r\n\r\n\r\nbody\r\n"), "A| b;",
		  SLICE("\r\nbody\r\n") },
		{ "a body without empty line before it",
		  SLICE("A: b\r\nthis is no field\r\nC: d\r\n"), "A| b;",
		  SLICE("this is no field\r\nC: d\r\n") },
		{ "no header", SLICE("\r\nbody\r\n"), "", SLICE("body\r\n") },
		{ "no header and no empty line", SLICE(" a\r\nbody\r\n"), "",
		  SLICE(" a\r\nbody\r\n") },
		{ "no body", SLICE("A: b\r\n"), "A| b;", SLICE("") },
		{ "nothing", SLICE(""), "", SLICE("") },
		{ "no line end at the end", SLICE("A: b\r\nC: d"), "A| b;C| d;",
		  SLICE("") },
		{ "a line of blanks is a fold", SLICE("A: b\r\n \r\nC: d\r\n"),
		  "A| b\r\n ;C| d;", SLICE("") },
		{ "8-bit text", SLICE("A: \xe4\xff\r\n\r\n"), "A| \xe4\xff;",
		  SLICE("") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct edit_world w;
		struct slice fields = { .n = 0 };

		edit_world_build(&w, cases[i].message, 1);
		for (size_t j = 0; j < milter_message_field_count(w.m); j++) {
			const struct milter_field *f =
				milter_message_field(w.m, j);
			const struct slice parts[] = { fields, f->name, S("|"),
						       f->value, S(";") };

			fields = arena_join(w.arena, parts, 5);
			assert_int_equal(f->is_hidden, j == 0);
		}
		assert_slice(fields, slice_of(cases[i].fields), cases[i].name);
		assert_slice(edit_world_body(&w), cases[i].body, cases[i].name);
		assert_false(milter_message_is_changed(w.m));
		assert_slice(edit_world_header(&w),
			     slice_head(cases[i].message,
					cases[i].message.n - cases[i].body.n),
			     cases[i].name);
		edit_world_done(&w);
	}
}

/* Longer than one read, with a field over the end of it. */
static void test_long_header(void **state)
{
	AUTO(mem_free_string) char *text = mem_new(200000);
	size_t n = 0, longest = 70000 + sizeof("Long");
	struct edit_world w;

	(void)state;
	while (n < 100000) {
		memcpy(text + n, "Name: value\r\n\tfold\r\n", 20);
		n += 20;
	}
	memcpy(text + n, "Long:", 5);
	memset(text + n + 5, 'x', 70000);
	memcpy(text + n + 70005, "\r\n\r\nbody\r\n", 10);
	n += 70015;
	edit_world_build(&w, (struct slice){ text, n }, 0);
	assert_int_equal(milter_message_field_count(w.m), 5001);
	assert_int_equal(milter_message_longest_field(w.m), longest - 1);
	assert_int_equal(milter_message_body(w.m).octets, 6);
	edit_world_done(&w);
}

static int open_repeated(struct slice field, size_t count)
{
	struct milter_message *m = NULL;
	int fd = memfd_create("message", MFD_CLOEXEC);
	int error;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(write(fd, field.p, field.n), field.n);
	error = milter_message_open(fd, count * field.n, 0, &m);
	assert_int_equal(error == 0, m != NULL);
	milter_message_free(&m);
	close(fd);
	return error;
}

static void test_too_much(void **state)
{
	static const char line[1000] = "A: ";
	char field[1000];

	(void)state;
	memset(field, 'x', sizeof(field));
	memcpy(field, line, 3);
	memcpy(field + 998, "\r\n", 2);
	assert_int_equal(open_repeated(S("A: b\r\n"), 10100), 0);
	assert_int_equal(open_repeated(S("A: b\r\n"), 10101), -EMSGSIZE);
	assert_int_equal(open_repeated((struct slice){ field, 1000 }, 327), 0);
	assert_int_equal(open_repeated((struct slice){ field, 1000 }, 328),
			 -EMSGSIZE);
	/* One line without end. */
	assert_int_equal(open_repeated((struct slice){ field, 998 }, 2000),
			 -EMSGSIZE);
}

static void test_shorter_than_told(void **state)
{
	struct milter_message *m = NULL;
	int fd = memfd_create("message", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "A: b\r\n", 6), 6);
	assert_int_equal(milter_message_open(fd, 7, 0, &m), -EIO);
	assert_null(m);
	close(fd);
	assert_int_equal(milter_message_open(fd, 7, 0, &m), -EBADF);
}

static void test_hold(void **state)
{
	struct edit_world w;
	char *reason;

	(void)state;
	edit_world_build(&w, S("A: b\r\n"), 0);
	assert_int_equal(milter_message_quarantine(w.m).n, 0);
	reason = mem_string("virus");
	milter_message_hold(w.m, slice_of(reason));
	mem_free(&reason);
	milter_message_hold(w.m, S("another"));
	assert_slice(milter_message_quarantine(w.m), S("virus"), "the first");
	assert_false(milter_message_is_changed(w.m));
	edit_world_done(&w);

	edit_world_build(&w, S("A: b\r\n"), 0);
	milter_message_hold(w.m, S(""));
	assert_true(milter_message_quarantine(w.m).n > 0);
	edit_world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_long_header),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_shorter_than_told),
		cmocka_unit_test(test_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
