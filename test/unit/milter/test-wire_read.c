#include "milter/wire.h"

#include "test/unit/milter/vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
	struct milter_reader *reader;
	struct milter_reply reply;
	struct milter_options options;
	char *room;
	struct slice in;
};

static int setup(void **state)
{
	struct fixture *f = mem_new(sizeof(*f));

	f->reader = milter_reader_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	milter_reader_free(&f->reader);
	mem_free(&f->room);
	mem_free(state);
	return 0;
}

static enum milter_read next(struct fixture *f)
{
	return milter_reader_next(f->reader, &f->in, &f->reply, &f->options);
}

static enum milter_read feed(struct fixture *f, const char *hex)
{
	mem_free(&f->room);
	f->in = octets_of(hex, &f->room);
	return next(f);
}

static void assert_slice(struct slice s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

static void assert_reply(struct fixture *f, const char *hex,
			 enum milter_code code)
{
	assert_int_equal(feed(f, hex), MILTER_READ_REPLY);
	assert_int_equal(f->in.n, 0);
	assert_int_equal(f->reply.code, code);
	assert_false(milter_reader_is_inside(f->reader));
}

static void assert_broken(struct fixture *f, const char *hex,
			  const char *problem)
{
	assert_int_equal(feed(f, hex), MILTER_READ_BROKEN);
	assert_slice(milter_reader_problem(f->reader), problem);
	/* And no more of it. */
	assert_int_equal(feed(f, "00 00 00 01 63"), MILTER_READ_BROKEN);
	assert_slice(milter_reader_problem(f->reader), problem);
}

static void test_the_options_of_the_reference(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		feed(f, "00 00 00 0d 4f 00 00 00 06 00 00 00 21 00 00 07 10"),
		MILTER_READ_OPTIONS);
	assert_int_equal(f->options.version, 6);
	assert_int_equal(f->options.actions, 0x21);
	assert_int_equal(f->options.steps, 0x710);
	assert_int_equal(f->options.has_symbols, 0);
	assert_int_equal(
		feed(f, "00 00 00 15 4f 00 00 00 06 00 00 01 11 00 00 00 00 "
			"00 00 00 05 69 20 6a 00"),
		MILTER_READ_OPTIONS);
	assert_int_equal(f->options.actions, 0x111);
	assert_int_equal(f->options.has_symbols, 1 << MILTER_AT_EOM);
	assert_slice(f->options.symbols[MILTER_AT_EOM], "i j");
}

static void test_the_replies_of_the_reference(void **state)
{
	struct fixture *f = *state;

	assert_reply(f, "00 00 00 01 63", MILTER_CONTINUE);
	assert_reply(f,
		     "00 00 00 1a 79 35 35 30 2d 35 2e 37 2e 31 20 61 0d 0a 35 "
		     "35 30 20 35 2e 37 2e 31 20 62 00",
		     MILTER_REPLYCODE);
	assert_int_equal(f->reply.smtp_code, 550);
	assert_slice(f->reply.text, "5.7.1 a\nb");
	assert_reply(f, "00 00 00 09 69 00 00 00 01 41 00 76 00",
		     MILTER_INSHEADER);
	assert_int_equal(f->reply.index, 1);
	assert_slice(f->reply.name, "A");
	assert_slice(f->reply.value, "v");
	assert_reply(f, "00 00 00 0e 6d 00 00 00 01 53 75 62 6a 65 63 74 00 00",
		     MILTER_CHGHEADER);
	assert_int_equal(f->reply.index, 1);
	assert_slice(f->reply.name, "Subject");
	assert_slice(f->reply.value, "");
	assert_reply(f, "00 00 00 07 32 3c 61 40 62 3e 00", MILTER_ADDRCPT_PAR);
	assert_slice(f->reply.address, "<a@b>");
	assert_slice(f->reply.params, "");
	assert_reply(f, "00 00 00 0d 65 3c 3e 00 52 45 54 3d 48 44 52 53 00",
		     MILTER_CHGFROM);
	assert_slice(f->reply.address, "<>");
	assert_slice(f->reply.params, "RET=HDRS");
	assert_reply(f, "00 00 00 05 71 77 68 79 00", MILTER_QUARANTINE);
	assert_slice(f->reply.text, "why");
}

static void test_replies_come_one_by_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(feed(f, "00 00 00 01 70 00 00 00 03 2d 61 00 00 00 00 "
				 "01 61 00 00"),
			 MILTER_READ_REPLY);
	assert_int_equal(f->reply.code, MILTER_PROGRESS);
	assert_int_equal(next(f), MILTER_READ_REPLY);
	assert_int_equal(f->reply.code, MILTER_DELRCPT);
	assert_slice(f->reply.address, "a");
	assert_int_equal(next(f), MILTER_READ_REPLY);
	assert_int_equal(f->reply.code, MILTER_ACCEPT);
	assert_false(milter_reader_is_inside(f->reader));
	assert_int_equal(next(f), MILTER_READ_MORE);
	assert_true(milter_reader_is_inside(f->reader));
	assert_int_equal(feed(f, "00 01 74"), MILTER_READ_REPLY);
	assert_int_equal(f->reply.code, MILTER_TEMPFAIL);
}

static void test_a_packet_comes_octet_by_octet(void **state)
{
	struct fixture *f = *state;
	const char packet[] = "\0\0\0\x09i\0\0\1\0A\0v";
	size_t size = sizeof(packet); /* its last NUL too */

	for (size_t i = 0; i < size; i++) {
		f->in = (struct slice){ packet + i, 1 };
		assert_int_equal(next(f), i + 1 < size ? MILTER_READ_MORE
						       : MILTER_READ_REPLY);
		assert_int_equal(f->in.n, 0);
	}
	assert_int_equal(f->reply.index, 256);
	assert_slice(f->reply.value, "v");
}

static void test_a_missing_last_nul_is_tolerated(void **state)
{
	struct fixture *f = *state;

	assert_reply(f, "00 00 00 04 68 41 00 76", MILTER_ADDHEADER);
	assert_slice(f->reply.value, "v");
	assert_reply(f, "00 00 00 03 68 41 00", MILTER_ADDHEADER);
	assert_slice(f->reply.value, "");
	assert_reply(f, "00 00 00 02 2b 61", MILTER_ADDRCPT);
	assert_slice(f->reply.address, "a");
	assert_reply(f, "00 00 00 01 71", MILTER_QUARANTINE);
	assert_slice(f->reply.text, "");
	assert_reply(f, "00 00 00 06 79 34 35 31 20 61", MILTER_REPLYCODE);
	assert_slice(f->reply.text, "a");
}

static void test_a_body_is_given_as_it_comes(void **state)
{
	struct fixture *f = *state;

	/* Half a gigabyte and more is announced, not kept. */
	assert_int_equal(feed(f, "7f ff ff ff 62"), MILTER_READ_MORE);
	assert_int_equal(feed(f, "61 62"), MILTER_READ_REPLY);
	assert_true(f->reply.is_body_begin);
	assert_slice(f->reply.body, "ab");
	assert_int_equal(next(f), MILTER_READ_MORE);
	assert_int_equal(feed(f, "63"), MILTER_READ_REPLY);
	assert_false(f->reply.is_body_begin);
	assert_slice(f->reply.body, "c");
	assert_true(milter_reader_is_inside(f->reader));
}

static void test_bodies_begin_and_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(feed(f, "00 00 00 01 62 00 00 00 02 62 61 00 00 00 02 "
				 "62 62"),
			 MILTER_READ_REPLY);
	assert_true(f->reply.is_body_begin);
	assert_int_equal(f->reply.body.n, 0);
	assert_int_equal(next(f), MILTER_READ_REPLY);
	assert_true(f->reply.is_body_begin);
	assert_slice(f->reply.body, "a");
	assert_int_equal(next(f), MILTER_READ_REPLY);
	assert_true(f->reply.is_body_begin);
	assert_slice(f->reply.body, "b");
	assert_int_equal(next(f), MILTER_READ_MORE);
	assert_false(milter_reader_is_inside(f->reader));
}

static void test_a_large_header_is_taken(void **state)
{
	struct fixture *f = *state;
	size_t n = 1 << 20;
	AUTO(mem_free_string) char *packet = mem_array(n + 5, 1);

	memcpy(packet, "\x00\x10\x00\x01h", 5);
	memset(packet + 5, 'x', n);
	packet[6] = '\0';
	f->in = (struct slice){ packet, n + 5 };
	assert_int_equal(next(f), MILTER_READ_REPLY);
	assert_slice(f->reply.name, "x");
	assert_int_equal(f->reply.value.n, n - 2);
	assert_reply(f, "00 00 00 01 63", MILTER_CONTINUE);
}

/* Each is broken, and for this reason. */
static const struct {
	const char *name, *hex, *problem;
} broken[] = {
	{ "clamd", "55 4e 4b 4e", "this is no milter: it said \"UNKN\"" },
	{ "an SMTP server", "32 32 30 20 6d 78",
	  "this is no milter: it said \"220 \"" },
	{ "no octet", "00 00 00 00", "an empty packet" },
	{ "no such letter", "00 00 00 01 7a", "an unknown reply 'z'" },
	{ "symbol list alone", "00 00 00 01 6c", "an unknown reply 'l'" },
	{ "a NUL as reply", "00 00 00 01 00", "an unknown reply 0x00" },
	{ "more than 1 MiB", "00 10 00 02 68",
	  "a packet 'h' of 1048577 octets" },
	{ "2^31", "80 00 00 00 79", "a packet 'y' of 2147483647 octets" },
	{ "2^32-1", "ff ff ff ff 63", "a packet 'c' of 4294967294 octets" },
	{ "long lists", "00 01 00 02 4f", "a packet 'O' of 65537 octets" },
	{ "continue and an octet", "00 00 00 02 63 00",
	  "a reply has octets after its end" },
	{ "progress and an octet", "00 00 00 02 70 61",
	  "a reply has octets after its end" },
	{ "a third string", "00 00 00 08 68 41 00 76 00 77 00 00",
	  "a reply has octets after its end" },
	{ "a recipient with parameters", "00 00 00 05 2b 61 00 62 00",
	  "a reply has octets after its end" },
	{ "no name", "00 00 00 01 68", "a reply is cut short" },
	{ "no value", "00 00 00 02 68 41", "a reply is cut short" },
	{ "no index", "00 00 00 04 6d 00 00 00", "a reply is cut short" },
	{ "an index alone", "00 00 00 05 69 00 00 00 00",
	  "a reply is cut short" },
	{ "no recipient", "00 00 00 01 2d", "a reply is cut short" },
	{ "no sender", "00 00 00 01 65", "a reply is cut short" },
	{ "short options", "00 00 00 0c 4f 00 00 00 06 00 00 00 21 00 00 07",
	  "its options are cut short" },
	{ "a stage cut in two",
	  "00 00 00 0f 4f 00 00 00 06 00 00 00 21 00 00 07 10 00 00",
	  "its list of macros is cut short" },
};

static void test_what_is_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		void *f;

		print_message("%s\n", broken[i].name);
		(void)setup(&f);
		assert_broken(f, broken[i].hex, broken[i].problem);
		(void)teardown(&f);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_options_of_the_reference),
		TEST(test_the_replies_of_the_reference),
		TEST(test_replies_come_one_by_one),
		TEST(test_a_packet_comes_octet_by_octet),
		TEST(test_a_missing_last_nul_is_tolerated),
		TEST(test_a_body_is_given_as_it_comes),
		TEST(test_bodies_begin_and_end),
		TEST(test_a_large_header_is_taken),
		cmocka_unit_test(test_what_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
