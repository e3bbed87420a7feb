/* Look-ups against a scripted Dovecot; see dialog.h for the script. Steps of
 * our own, N being a look-up's number of one digit:
 *
 *   ask N NAME [SERVICE]       service lmtp if not given
 *   cancel N
 *   verdict N WORD [TEXT]      waits for the result of N
 *   none N                     there is no result of N
 *   hasty                      timers of a millisecond from now on
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/userdb.h"
#include "dialog.h"

#define HANDSHAKE                                                              \
	"connect\n"                                                            \
	"< VERSION|1|1\n"                                                      \
	"> VERSION|1|1\n"                                                      \
	"> SPID|1234\n"

static const struct {
	const char *name, *script;
} cases[] = {
	{ "one question, one answer",
	  HANDSHAKE "event connected\n"
		    "ask 1 Alice@Example.com\n"
		    "< USER|1|Alice@Example.com|service=lmtp\n"
		    "> USER|1|alice@example.com|uid=1000|gid=1000|home=/h\n"
		    "verdict 1 found alice@example.com\n" },
	{ "2.4 says another minor version", "connect\n"
					    "< VERSION|1|1\n"
					    "> VERSION|1|3\n"
					    "> SPID|1\n"
					    "ask 1 a smtp\n"
					    "< USER|1|a|service=smtp\n" },
	{ "many at once, answered in any order",
	  HANDSHAKE "ask 1 a\n"
		    "ask 2 b\n"
		    "ask 3 c\n"
		    "< USER|1|a|*\n"
		    "< USER|2|b|*\n"
		    "< USER|3|c|*\n"
		    "> NOTFOUND|3\n"
		    "> FAIL|1|reason=disk on fire\n"
		    "> USER|2|b\n"
		    "verdict 1 unavailable disk on fire\n"
		    "verdict 2 found b\n"
		    "verdict 3 not-found\n" },
	{ "no answer is invented for one that was cancelled",
	  HANDSHAKE "ask 1 a\n"
		    "cancel 1\n"
		    "ask 2 b\n"
		    "> USER|1|a\n"
		    "none 2\n"
		    "> NOTFOUND|2\n"
		    "verdict 2 not-found\n" },
	{ "a system account has no mailbox",
	  HANDSHAKE "ask 1 www-data\n"
		    "> USER|1|www-data|uid=33\n"
		    "verdict 1 not-found\n" },
	{ "a question waits for the connection",
	  "ask 1 a\n" HANDSHAKE "< USER|1|a|*\n" },
	{ "questions are asked again on the next connection",
	  HANDSHAKE "ask 1 a\n"
		    "< USER|1|a|*\n"
		    "eof\n"
		    "event lost\n" HANDSHAKE "< USER|1|a|*\n"
		    "> NOTFOUND|1\n"
		    "verdict 1 not-found\n" },
	{ "but not forever",
	  HANDSHAKE "ask 1 a\n"
		    "eof\n" HANDSHAKE "eof\n" HANDSHAKE "eof\n"
		    "verdict 1 unavailable no connection\n" },
	{ "no connection in time", "hasty\n"
				   "ask 1 a\n"
				   "refuse\n"
				   "event unreachable\n"
				   "verdict 1 unavailable no connection\n" },
	{ "no answer in time",
	  HANDSHAKE "hasty\n"
		    "ask 1 a\n"
		    "verdict 1 unavailable no answer in time\n" },
	{ "an auth client socket is told from ours", "connect\n"
						     "> VERSION|1|2\n"
						     "> MECH|PLAIN|plaintext\n"
						     "event wrong-socket\n"
						     "< VERSION|1|1\n"
						     "gone\n" },
	{ "another major version is not ours", "connect\n"
					       "> VERSION|2|1\n"
					       "event wrong-socket\n"
					       "< VERSION|1|1\n"
					       "gone\n" },
	{ "a restricted socket is found out by a probe, once",
	  HANDSHAKE "ask 1 a\n"
		    "< USER|1|a|*\n"
		    "> FAIL|1\n"
		    "verdict 1 unavailable\n"
		    "< PASS|2|culver-probe|service=lmtp\n"
		    "event connected\n"
		    "> FAIL|2\n"
		    "event restricted\n"
		    "ask 1 a\n"
		    "< USER|3|a|*\n"
		    "> FAIL|3\n"
		    "verdict 1 unavailable\n"
		    "<-\n" },
	{ "an unrestricted one passes it", HANDSHAKE "ask 1 a\n"
						     "> FAIL|1\n"
						     "verdict 1 unavailable\n"
						     "> NOTFOUND|2\n"
						     "event connected\n" },
	{ "garbage is ignored", HANDSHAKE "ask 1 a\n"
					  "> \n"
					  "> USER\n"
					  "> USER|1x|a\n"
					  "> LIST|1|a\n"
					  "> NOTFOUND|7\n"
					  "none 1\n"
					  "> USER|1|a|x|=y||\n"
					  "verdict 1 found a\n" },
};

static struct {
	struct dialog *dialog;
	struct userdb_client *client;
	struct test_lookup {
		struct userdb_lookup *lookup;
		bool has_result;
		char result[128];
	} lookups[10];
} test;

static const char *const verdict_names[] = {
	[USERDB_FOUND] = "found ",
	[USERDB_NOT_FOUND] = "not-found",
	[USERDB_UNAVAILABLE] = "unavailable",
};

static void on_result(const struct userdb_result *result, void *arg)
{
	struct test_lookup *lookup = arg;
	struct slice text = result->reason;

	if (result->verdict == USERDB_FOUND)
		text = result->user;
	assert_false(lookup->has_result);
	lookup->has_result = true;
	lookup->lookup = NULL;
	(void)snprintf(lookup->result, sizeof(lookup->result), "%s%s%.*s",
		       verdict_names[result->verdict],
		       result->reason.n > 0 ? " " : "", (int)text.n, text.p);
}

static void ask_step(struct test_lookup *lookup, struct slice rest)
{
	struct slice service;
	char text[16] = "lmtp";

	if (slice_cut(rest, ' ', &rest, &service))
		(void)snprintf(text, sizeof(text), "%.*s", (int)service.n,
			       service.p);
	lookup->has_result = false;
	lookup->lookup =
		userdb_lookup(test.client, rest, text, on_result, lookup);
	assert_false(lookup->has_result);
}

static void verdict_step(struct test_lookup *lookup, struct slice rest)
{
	dialog_wait(test.dialog, &lookup->has_result);
	lookup->has_result = false;
	assert_int_equal(strlen(lookup->result), rest.n);
	assert_memory_equal(lookup->result, rest.p, rest.n);
}

static bool on_step(struct slice verb, struct slice rest, void *arg)
{
	struct test_lookup *lookup = &test.lookups[0];

	(void)arg;
	dialog_settle(test.dialog);
	if (rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9')
		lookup = &test.lookups[rest.p[0] - '0'];
	rest = slice_tail(rest, 2);
	if (slice_equal(verb, S("hasty")))
		userdb_client_set_timeouts(test.client, 1, 1);
	else if (slice_equal(verb, S("ask")))
		ask_step(lookup, rest);
	else if (slice_equal(verb, S("cancel")))
		userdb_cancel(&lookup->lookup);
	else if (slice_equal(verb, S("verdict")))
		verdict_step(lookup, rest);
	else if (slice_equal(verb, S("none")))
		assert_false(lookup->has_result);
	else
		return false;
	return true;
}

static void on_connected(int fd, int error, void *arg)
{
	(void)arg;
	userdb_client_connected(test.client, fd, error);
}

static const struct dialog_owner owner = { on_connected, on_step, NULL };

static void set_up(void)
{
	memset(&test, 0, sizeof(test));
	test.dialog = dialog_new(&owner);
	test.client = userdb_client_new(dialog_base(test.dialog), dialog_want,
					test.dialog);
	userdb_client_on_event(test.client, dialog_event, test.dialog);
}

static void tear_down(void)
{
	userdb_client_free(&test.client);
	dialog_free(&test.dialog);
}

static void test_dialogs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].name);
		set_up();
		dialog_run(test.dialog, cases[i].script);
		tear_down();
	}
}

static const struct {
	const char *name;
	size_t octets;
	char octet;
	bool is_sent;
} name_cases[] = {
	{ "the longest name that fits", 994, 'x', true },
	{ "one more octet", 995, 'x', false },
	{ "escapes count", 497, '\t', true },
	{ "and twice", 498, '\t', false },
	{ "no name", 0, 'x', false },
};

/* A line of 1024 octets and LF would cost everyone the connection. */
static void test_name_length(void **state)
{
	static char name[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(name_cases) / sizeof(name_cases[0]);
	     i++) {
		struct test_lookup *lookup = &test.lookups[1];

		print_message("  %s\n", name_cases[i].name);
		memset(name, name_cases[i].octet, sizeof(name));
		set_up();
		dialog_run(test.dialog, HANDSHAKE);
		lookup->lookup = userdb_lookup(
			test.client,
			(struct slice){ name, name_cases[i].octets }, "lmtp",
			on_result, lookup);
		dialog_run(test.dialog, name_cases[i].is_sent
						? "< USER|1|*\n<-\nnone 1\n"
						: "<-\nverdict 1 not-found\n");
		tear_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_name_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
