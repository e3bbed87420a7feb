#include "milter/wire.h"

#include "test/unit/milter/vectors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_written(struct milter_writer *w, const char *hex)
{
	AUTO(mem_free_string) char *room = NULL;
	struct slice want = octets_of(hex, &room);

	assert_int_equal(w->n, want.n);
	assert_memory_equal(w->p, want.p, want.n);
	mem_free(&w->p);
	*w = (struct milter_writer){ .p = NULL };
}

static void test_the_packets_of_the_reference(void **state)
{
	struct milter_options offer = milter_offer(6);
	struct milter_macro j = { S("j"), S("mx.a.test") };
	struct milter_writer w = { .p = NULL };

	(void)state;
	milter_write_options(&w, &offer);
	assert_written(&w,
		       "00 00 00 0d 4f 00 00 00 06 00 00 01 ff 00 1f ff ff");
	milter_write_macros(&w, MILTER_CONNECT, &j, 1);
	assert_written(&w, "00 00 00 0e 44 43 6a 00 6d 78 2e 61 2e 74 65 73 74 "
			   "00");
	milter_write_connect(&w, S("[192.0.2.1]"), '4', 2525, S("192.0.2.1"));
	assert_written(&w, "00 00 00 1a 43 5b 31 39 32 2e 30 2e 32 2e 31 5d 00 "
			   "34 09 dd 31 39 32 2e 30 2e 32 2e 31 00");
	milter_write_connect(&w, S("localhost"), 'U', 25, S("ignored"));
	assert_written(&w, "00 00 00 0c 43 6c 6f 63 61 6c 68 6f 73 74 00 55");
	assert_int_equal(milter_write_strings(&w, MILTER_HELO,
					      &(struct slice)SLICE("me.test"),
					      1),
			 0);
	assert_written(&w, "00 00 00 09 48 6d 65 2e 74 65 73 74 00");
	assert_int_equal(
		milter_write_strings(
			&w, MILTER_MAIL,
			(struct slice[]){ SLICE("<>"), SLICE("SIZE=9") }, 2),
		0);
	assert_written(&w, "00 00 00 0b 4d 3c 3e 00 53 49 5a 45 3d 39 00");
	assert_int_equal(
		milter_write_strings(
			&w, MILTER_HEADER,
			(struct slice[]){ SLICE("Subject"), SLICE("") }, 2),
		0);
	assert_written(&w, "00 00 00 0a 4c 53 75 62 6a 65 63 74 00 00");
	assert_int_equal(
		milter_write_strings(
			&w, MILTER_HEADER,
			(struct slice[]){ SLICE("X"), SLICE("a\n\tb") }, 2),
		0);
	assert_written(&w, "00 00 00 08 4c 58 00 61 0a 09 62 00");
	milter_write_bare(&w, MILTER_EOH);
	assert_written(&w, "00 00 00 01 4e");
	milter_write_body_head(&w, 4);
	milter_write_octets(&w, S("hi\r\n"));
	assert_written(&w, "00 00 00 05 42 68 69 0d 0a");
	milter_write_bare(&w, MILTER_BODYEOB);
	assert_written(&w, "00 00 00 01 45");
}

static void test_packets_lie_one_behind_the_other(void **state)
{
	struct milter_writer w = { .p = NULL };

	(void)state;
	milter_write_bare(&w, MILTER_ABORT);
	milter_write_octets(&w, S(""));
	milter_write_bare(&w, MILTER_QUIT);
	assert_written(&w, "00 00 00 01 41 00 00 00 01 51");
}

static void test_strings_fill_a_packet_to_its_last_octet(void **state)
{
	AUTO(mem_free_string) char *text = mem_array(65536, 1);
	struct milter_writer w = { .p = NULL };
	struct slice parts[2] = { SLICE("X") };

	(void)state;
	memset(text, 'a', 65535);
	/* "X", its NUL and that of the value: 65532 are left. */
	parts[1] = (struct slice){ text, 65532 };
	assert_int_equal(milter_write_strings(&w, MILTER_HEADER, parts, 2), 0);
	assert_int_equal(w.n, 5 + 65535);
	assert_memory_equal(w.p, "\x00\x01\x00\x00L", 5);
	parts[1].n++;
	assert_int_equal(milter_write_strings(&w, MILTER_HEADER, parts, 2),
			 -EMSGSIZE);
	parts[1].n = 65536;
	assert_int_equal(milter_write_strings(&w, MILTER_HEADER, parts, 2),
			 -EINVAL); /* mem_array() has put a NUL there */
	assert_int_equal(w.n, 5 + 65535);
	mem_free(&w.p);
}

static void test_a_string_with_nul_is_not_written(void **state)
{
	struct milter_writer w = { .p = NULL };

	(void)state;
	assert_int_equal(milter_write_strings(&w, MILTER_HELO,
					      &(struct slice)SLICE("a\0b"), 1),
			 -EINVAL);
	assert_int_equal(w.n, 0);
}

static void test_macros_end_at_a_nul(void **state)
{
	struct milter_macro m = { S("{a}"), S("b\0c") };
	struct milter_writer w = { .p = NULL };

	(void)state;
	milter_write_macros(&w, MILTER_MAIL, &m, 1);
	assert_written(&w, "00 00 00 08 44 4d 7b 61 7d 00 62 00");
}

static void test_macros_that_do_not_fit_are_left_out(void **state)
{
	AUTO(mem_free_string) char *text = mem_array(65536, 1);
	struct milter_writer w = { .p = NULL };
	struct milter_macro macros[] = {
		{ S("a"), { text, 65529 } }, /* all but two octets */
		{ S("b"), S("2") },
		{ S(""), S("") },
		{ S("c"), S("") },
	};

	(void)state;
	memset(text, 'x', 65536);
	milter_write_macros(&w, MILTER_RCPT, macros, 4);
	assert_int_equal(w.n, 5 + 65535 - 1 + 1);
	assert_memory_equal(w.p,
			    "\x00\x01\x00\x00"
			    "DRa",
			    8);
	w.n = 0;
	macros[0].value.n = 65536;
	milter_write_macros(&w, MILTER_RCPT, macros, 2);
	assert_written(&w, "00 00 00 06 44 52 62 00 32 00");
}

static void test_no_macros_are_no_packet(void **state)
{
	struct milter_writer w = { .p = NULL };

	(void)state;
	milter_write_macros(&w, MILTER_HELO, NULL, 0);
	assert_int_equal(w.n, 0);
	assert_null(w.p);
}

static void test_a_host_name_cannot_be_too_long(void **state)
{
	AUTO(mem_free_string) char *text = mem_array(70000, 1);
	struct milter_writer w = { .p = NULL };

	(void)state;
	memset(text, 'x', 70000);
	milter_write_connect(&w, (struct slice){ text, 70000 }, 'L', 0,
			     (struct slice){ text, 70000 });
	assert_int_equal(w.n, 5 + 1024 + 1 + 1 + 2 + 1024 + 1);
	mem_free(&w.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_packets_of_the_reference),
		cmocka_unit_test(test_packets_lie_one_behind_the_other),
		cmocka_unit_test(test_strings_fill_a_packet_to_its_last_octet),
		cmocka_unit_test(test_a_string_with_nul_is_not_written),
		cmocka_unit_test(test_macros_end_at_a_nul),
		cmocka_unit_test(test_macros_that_do_not_fit_are_left_out),
		cmocka_unit_test(test_no_macros_are_no_packet),
		cmocka_unit_test(test_a_host_name_cannot_be_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
