/* Logins against a scripted Dovecot, both releases; see dialog.h for the
 * script. Steps of our own, N being a login's number of one digit:
 *
 *   start N MECHANISM [BASE64]   begins one, under TLS
 *   clear N MECHANISM            the same, without TLS
 *   answer N [BASE64]            the client's answer
 *   bind N BASE64 BASE64         the same with channel binding data
 *   cancel N
 *   verdict N WORD [TEXT]        waits for the next result of N
 *   none N                       there is no result of N
 *   ready, unready
 *   offers [MECHANISM...]        what is offered under TLS
 *   hasty                        timers of a millisecond from now on
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/login.h"
#include "base/mem.h"
#include "dialog.h"

/* What 2.3.19 and 2.4.1 send; 2.4 all but the first line after ours. */
#define HELLO                                                                  \
	"connect\n"                                                            \
	"< VERSION|1|3\n"                                                      \
	"< CPID|*\n"
#define HANDSHAKE                                                              \
	HELLO "> VERSION|1|2\n"                                                \
	      "> MECH|PLAIN|plaintext\n"                                       \
	      "> MECH|LOGIN|plaintext\n"                                       \
	      "> MECH|SCRAM-SHA-256|mutual-auth\n"                             \
	      "> MECH|SCRAM-SHA-256-PLUS|mutual-auth|channel-binding\n"        \
	      "> MECH|XOAUTH2|active|dictionary|plaintext\n"                   \
	      "> SPID|1234\n"                                                  \
	      "> CUID|1\n"                                                     \
	      "> COOKIE|d0c0ffee\n"                                            \
	      "> DONE\n"                                                       \
	      "ready\n"
#define ARGS "service=smtp|secured=tls|rip=192.0.2.7|lip=192.0.2.1"

static const struct {
	const char *name, *script;
} cases[] = {
	{ "2.4 says its version, waits for ours, and then the rest",
	  "connect\n"
	  "> VERSION|1|3\n"
	  "unready\n"
	  "< VERSION|1|3\n"
	  "< CPID|*\n"
	  "> MECH|PLAIN|plaintext\n"
	  "> SPID|1\n"
	  "> CUID|1\n"
	  "> COOKIE|00\n"
	  "unready\n"
	  "> DONE\n"
	  "ready\n"
	  "event connected\n"
	  "offers PLAIN\n" },
	{ "the old mechanisms are offered until a new handshake is done",
	  HANDSHAKE "eof\n"
		    "ready\n"
		    "event lost\n"
		    "start 1 LOGIN\n" HELLO "> VERSION|1|4\n"
		    "> MECH|OTP\n"
		    "> MECH|LOGIN\n"
		    "offers PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS "
		    "XOAUTH2\n"
		    "> SPID|1\n"
		    "> DONE\n"
		    "offers OTP LOGIN\n"
		    "< AUTH|1|LOGIN|" ARGS "\n" },
	{ "nothing is offered when the first new connection fails",
	  HANDSHAKE "eof\n"
		    "ready\n"
		    "refuse\n"
		    "unready\n"
		    "offers\n"
		    "refuse\n"
		    "unready\n" HANDSHAKE "ready\n" },
	{ "nothing is offered when the new handshake is not finished",
	  HANDSHAKE "eof\n" HELLO "ready\n"
		    "eof\n"
		    "unready\n" },
	{ "PLAIN with its initial response",
	  HANDSHAKE "start 1 PLAIN AGEAYg==\n"
		    "< AUTH|1|PLAIN|" ARGS "|resp=AGEAYg==\n"
		    "> OK|1|user=alice|\n"
		    "verdict 1 ok alice\n"
		    "<-\n" },
	{ "an empty initial response is not none",
	  HANDSHAKE "start 1 PLAIN =\n"
		    "< AUTH|1|PLAIN|" ARGS "|resp=\n" },
	{ "PLAIN without one", HANDSHAKE "start 1 plain\n"
					 "< AUTH|1|PLAIN|" ARGS "\n"
					 "> CONT|1|\n"
					 "verdict 1 continue\n"
					 "answer 1 AGEAYg==\n"
					 "< CONT|1|AGEAYg==\n"
					 "> FAIL|1|user=alice\n"
					 "verdict 1 failed\n" },
	{ "LOGIN", HANDSHAKE "start 1 LOGIN\n"
			     "< AUTH|1|LOGIN|" ARGS "\n"
			     "> CONT|1|VXNlcm5hbWU6\n"
			     "verdict 1 continue VXNlcm5hbWU6\n"
			     "answer 1 YWxpY2U=\n"
			     "< CONT|1|YWxpY2U=\n"
			     "> CONT|1|UGFzc3dvcmQ6\n"
			     "verdict 1 continue UGFzc3dvcmQ6\n"
			     "answer 1 c2VjcmV0\n"
			     "< CONT|1|c2VjcmV0\n"
			     "> OK|1|user=alice\n"
			     "verdict 1 ok alice\n" },
	{ "SCRAM ends with an empty answer to the server's last word",
	  HANDSHAKE "start 1 SCRAM-SHA-256 biws\n"
		    "< AUTH|1|SCRAM-SHA-256|" ARGS "|resp=biws\n"
		    "> CONT|1|cj1y\n"
		    "verdict 1 continue cj1y\n"
		    "answer 1 Yz1i\n"
		    "< CONT|1|Yz1i\n"
		    "> CONT|1|dj12\n"
		    "verdict 1 continue dj12\n"
		    "answer 1\n"
		    "< CONT|1|\n"
		    "> OK|1|user=alice\n"
		    "verdict 1 ok alice\n" },
	{ "XOAUTH2 says why before it fails",
	  HANDSHAKE "start 1 XOAUTH2 dXNlcg==\n"
		    "< AUTH|1|XOAUTH2|" ARGS "|resp=dXNlcg==\n"
		    "> CONT|1|eyJzdGF0dXMiOiI0MDEifQ==\n"
		    "verdict 1 continue eyJzdGF0dXMiOiI0MDEifQ==\n"
		    "answer 1 AQ==\n"
		    "< CONT|1|AQ==\n"
		    "> FAIL|1\n"
		    "verdict 1 failed\n" },
	{ "channel binding is given when it is asked for",
	  HANDSHAKE "start 1 SCRAM-SHA-256-PLUS cD10\n"
		    "< AUTH|1|SCRAM-SHA-256-PLUS|" ARGS "|resp=cD10\n"
		    "> CONT|1|cj1y|channel_binding=tls-exporter\n"
		    "verdict 1 continue cj1y\n"
		    "bind 1 Yz1j ZGF0YQ==\n"
		    "< CONT|1|Yz1j|channel_binding=ZGF0YQ==\n"
		    "> CONT|1|dj12\n"
		    "verdict 1 continue dj12\n"
		    "bind 1 Yz1j ZGF0YQ==\n"
		    "< CONT|1|Yz1j\n" },
	{ "what a failure may mean",
	  HANDSHAKE "start 1 PLAIN AAAA\n"
		    "start 2 PLAIN AAAA\n"
		    "start 3 PLAIN AAAA\n"
		    "start 4 PLAIN AAAA\n"
		    "start 5 PLAIN AAAA\n"
		    "> FAIL|5|user=a|code=invalid_base64\n"
		    "> FAIL|1|user=a|code=temp_fail\n"
		    "> FAIL|4|user=a|code=pass_expired|reason=Too old\n"
		    "> FAIL|2|user=a|code=user_disabled\n"
		    "> OK|3|user=a|nologin=\n"
		    "verdict 1 unavailable\n"
		    "verdict 2 disabled\n"
		    "verdict 3 disabled\n"
		    "verdict 4 expired Too old\n"
		    "verdict 5 malformed\n" },
	{ "ids only count up, and a late OK finds nobody",
	  HANDSHAKE "start 1 PLAIN AAAA\n"
		    "< AUTH|1|*\n"
		    "cancel 1\n"
		    "< CANCEL|1\n"
		    "start 2 PLAIN AAAA\n"
		    "< AUTH|2|*\n"
		    "> OK|1|user=mallory\n"
		    "none 2\n"
		    "> OK|2|user=alice\n"
		    "verdict 2 ok alice\n" },
	{ "a login that is over, or was never sent, needs no CANCEL",
	  HANDSHAKE "eof\n"
		    "start 1 PLAIN AAAA\n"
		    "cancel 1\n" HANDSHAKE "<-\n" },
	{ "a client's answer that is not base64 never reaches Dovecot",
	  HANDSHAKE "start 1 PLAIN\n"
		    "< AUTH|1|*\n"
		    "> CONT|1|\n"
		    "verdict 1 continue\n"
		    "answer 1 AAAA|channel_binding=AAAA\n"
		    "< CANCEL|1\n"
		    "verdict 1 malformed\n"
		    "start 2 PLAIN A\n"
		    "verdict 2 malformed\n"
		    "start 3 PLAIN AAA=|user=root\n"
		    "verdict 3 malformed\n"
		    "<-\n" },
	{ "a mechanism Dovecot did not list, or not for us, is never sent",
	  HANDSHAKE "start 1 CRAM-MD5\n"
		    "verdict 1 unavailable\n"
		    "clear 2 PLAIN\n"
		    "verdict 2 unavailable\n"
		    "clear 3 SCRAM-SHA-256\n"
		    "< AUTH|1|SCRAM-SHA-256|service=smtp|rip=192.0.2.7|"
		    "lip=192.0.2.1\n" },
	{ "a login waits for the handshake", "start 1 PLAIN AAAA\n" HELLO "<-\n"
					     "> VERSION|1|2\n"
					     "> MECH|PLAIN|plaintext\n"
					     "> DONE\n"
					     "< AUTH|1|PLAIN|*\n"
					     "> OK|1|user=alice\n"
					     "verdict 1 ok alice\n" },
	{ "a login waits for a connection no longer than it should",
	  "hasty\n"
	  "start 1 PLAIN AAAA\n"
	  "refuse\n"
	  "event unreachable\n"
	  "verdict 1 unavailable\n" },
	{ "no verdict in time", HANDSHAKE "hasty\n"
					  "start 1 PLAIN AAAA\n"
					  "< AUTH|1|*\n"
					  "verdict 1 unavailable\n"
					  "< CANCEL|1\n"
					  "> OK|1|user=alice\n"
					  "ready\n" },
	{ "no verdict after the client's answer in time",
	  HANDSHAKE "start 1 PLAIN\n"
		    "< AUTH|1|*\n"
		    "> CONT|1|\n"
		    "verdict 1 continue\n"
		    "hasty\n"
		    "answer 1 AAAA\n"
		    "< CONT|1|AAAA\n"
		    "verdict 1 unavailable\n"
		    "< CANCEL|1\n" },
	{ "Dovecot goes away: what was only AUTH is sent again",
	  HANDSHAKE "start 1 PLAIN AAAA\n"
		    "start 2 PLAIN\n"
		    "start 3 LOGIN\n"
		    "> CONT|2|\n"
		    "> CONT|3|VXNlcm5hbWU6\n"
		    "verdict 2 continue\n"
		    "verdict 3 continue VXNlcm5hbWU6\n"
		    "answer 3 AAAA\n"
		    "eof\n"
		    "verdict 3 unavailable\n"
		    "none 2\n"
		    "answer 2 AAAA\n"
		    "verdict 2 unavailable\n" HANDSHAKE "< AUTH|1|PLAIN|" ARGS
		    "|resp=AAAA\n"
		    "<-\n"
		    "> OK|1|user=alice\n"
		    "verdict 1 ok alice\n" },
	{ "a request that kills connections does not do so forever",
	  HANDSHAKE "start 1 PLAIN AAAA\n"
		    "< AUTH|*\n"
		    "eof\n" HANDSHAKE "< AUTH|*\n"
		    "eof\n" HANDSHAKE "< AUTH|*\n"
		    "eof\n" HANDSHAKE "<-\n"
		    "verdict 1 unavailable\n" },
	{ "cancelling what the client was asked on a lost connection",
	  HANDSHAKE "start 1 PLAIN\n"
		    "> CONT|1|\n"
		    "verdict 1 continue\n"
		    "eof\n" HANDSHAKE "cancel 1\n"
		    "<-\n" },
	{ "a verdict while the client is asked breaks the login only",
	  HANDSHAKE "start 1 PLAIN\n"
		    "< AUTH|1|*\n"
		    "> CONT|1|\n"
		    "verdict 1 continue\n"
		    "> OK|1|user=alice\n"
		    "none 1\n"
		    "answer 1 AAAA\n"
		    "verdict 1 unavailable\n"
		    "ready\n" },
	{ "garbage after the handshake is ignored",
	  HANDSHAKE "start 1 PLAIN AAAA\n"
		    "> \n"
		    "> HELLO|WORLD\n"
		    "> OK\n"
		    "> OK|\n"
		    "> OK|x|user=alice\n"
		    "> OK|0|user=alice\n"
		    "> OK|4294967297|user=alice\n"
		    "> CANCELLED|1\n"
		    "> OK|2|user=alice\n"
		    "none 1\n"
		    "ready\n"
		    "> FAIL|1\n"
		    "verdict 1 failed\n" },
	{ "a userdb socket is told from ours", HELLO "> VERSION|1|1\n"
						     "> SPID|1\n"
						     "event wrong-socket\n"
						     "gone\n"
						     "connect\n" },
	{ "another major version is not ours", HELLO "> VERSION|2|0\n"
						     "event wrong-socket\n"
						     "gone\n" },
	{ "DONE before all else is no handshake", HELLO "> DONE\n"
							"unready\n"
							"gone\n" },
	{ "no socket: asked again, and again",
	  "refuse\n"
	  "event unreachable\n"
	  "refuse\n"
	  "eof\n" HANDSHAKE "event connected\n" },
};

enum { LOGINS = 10 };

static struct {
	struct dialog *dialog;
	struct login_client *client;
	struct test_login {
		struct login *login;
		bool has_result;
		char result[128];
	} logins[LOGINS];
} test;

static const char *const verdict_names[] = {
	[LOGIN_CONTINUE] = "continue",       [LOGIN_OK] = "ok",
	[LOGIN_FAILED] = "failed",           [LOGIN_DISABLED] = "disabled",
	[LOGIN_EXPIRED] = "expired",         [LOGIN_MALFORMED] = "malformed",
	[LOGIN_UNAVAILABLE] = "unavailable",
};

static void on_result(const struct login_result *result, void *arg)
{
	struct test_login *login = arg;
	struct slice text =
		result->verdict == LOGIN_OK ? result->user : result->text;

	assert_false(login->has_result);
	login->has_result = true;
	(void)snprintf(login->result, sizeof(login->result), "%s%s%.*s",
		       verdict_names[result->verdict], text.n > 0 ? " " : "",
		       (int)text.n, text.p);
	if (result->verdict != LOGIN_CONTINUE)
		login->login = NULL;
}

static void start_step(struct test_login *login, struct slice rest, bool is_tls)
{
	struct login_params params = {
		.remote_ip = S("192.0.2.7"),
		.local_ip = S("192.0.2.1"),
		.is_tls = is_tls,
	};

	params.has_initial =
		slice_cut(rest, ' ', &params.mechanism, &params.initial);
	login->has_result = false;
	login->login = login_start(test.client, &params, on_result, login);
	assert_false(login->has_result);
}

static void answer_step(struct test_login *login, struct slice rest)
{
	struct slice binding;

	(void)slice_cut(rest, ' ', &rest, &binding);
	login_continue(login->login, rest, binding);
	assert_false(login->has_result);
}

static void verdict_step(struct test_login *login, struct slice rest)
{
	dialog_wait(test.dialog, &login->has_result);
	login->has_result = false;
	assert_int_equal(strlen(login->result), rest.n);
	assert_memory_equal(login->result, rest.p, rest.n);
}

static bool login_step(struct slice verb, struct slice rest)
{
	struct test_login *login;

	if (rest.n == 0 || rest.p[0] < '0' || rest.p[0] > '9')
		return false;
	login = &test.logins[rest.p[0] - '0'];
	rest = slice_tail(rest, 2);
	if (slice_equal(verb, S("start")))
		start_step(login, rest, true);
	else if (slice_equal(verb, S("clear")))
		start_step(login, rest, false);
	else if (slice_equal(verb, S("answer")) || slice_equal(verb, S("bind")))
		answer_step(login, rest);
	else if (slice_equal(verb, S("cancel")))
		login_cancel(&login->login);
	else if (slice_equal(verb, S("verdict")))
		verdict_step(login, rest);
	else if (slice_equal(verb, S("none")))
		assert_false(login->has_result);
	else
		return false;
	return true;
}

static bool on_step(struct slice verb, struct slice rest, void *arg)
{
	(void)arg;
	dialog_settle(test.dialog);
	if (slice_equal(verb, S("ready")))
		assert_true(login_client_is_ready(test.client));
	else if (slice_equal(verb, S("unready")))
		assert_false(login_client_is_ready(test.client));
	else if (slice_equal(verb, S("offers")))
		assert_true(slice_equal(
			rest, login_client_mechanisms(test.client, true)));
	else if (slice_equal(verb, S("hasty")))
		login_client_set_timeouts(test.client, 1, 1);
	else
		return login_step(verb, rest);
	return true;
}

static void on_connected(int fd, int error, void *arg)
{
	(void)arg;
	login_client_connected(test.client, fd, error);
}

static const struct dialog_owner owner = { on_connected, on_step, NULL };

static void set_up(void)
{
	memset(&test, 0, sizeof(test));
	test.dialog = dialog_new(&owner);
	test.client = login_client_new(dialog_base(test.dialog), dialog_want,
				       test.dialog);
	login_client_on_event(test.client, dialog_event, test.dialog);
}

static void tear_down(void)
{
	login_client_free(&test.client);
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

/* Every argument, in order, resp= last. */
static void test_arguments(void **state)
{
	struct login_params params = {
		.mechanism = S("PLAIN"),
		.remote_ip = S("2001:db8::7"),
		.local_ip = S("2001:db8::1"),
		.remote_port = 50000,
		.local_port = 465,
		.session = S("trace"),
		.local_name = S("mx.example.com"),
		.client_id = S("a\tb\r\n"),
		.is_tls = true,
		.has_client_cert = true,
		.cert_username = S("alice"),
		.has_initial = true,
		.initial = S("AAAA"),
	};

	(void)state;
	set_up();
	dialog_run(test.dialog, HANDSHAKE);
	(void)login_start(test.client, &params, on_result, &test.logins[0]);
	dialog_run(test.dialog,
		   "< AUTH|1|PLAIN|service=smtp|secured=tls|rip=2001:db8::7|"
		   "lip=2001:db8::1|rport=50000|lport=465|session=trace|"
		   "local_name=mx.example.com|client_id=a\001tb\001r\001n|"
		   "valid-client-cert|cert_username=alice|resp=AAAA\n");
	tear_down();
}

/* The longest line Dovecot takes is 16383 octets and LF. */
static void test_long_response(void **state)
{
	static char initial[20000];
	struct login_params params = {
		.mechanism = S("PLAIN"),
		.remote_ip = S("192.0.2.7"),
		.is_tls = true,
		.has_initial = true,
	};
	static const struct {
		size_t octets;
		bool fits;
	} sizes[] = { { 12288, true }, { 16260, true }, { 16384, false } };

	(void)state;
	memset(initial, 'A', sizeof(initial));
	for (size_t i = 0; i < 3; i++) {
		set_up();
		dialog_run(test.dialog, HANDSHAKE);
		params.initial = (struct slice){ initial, sizes[i].octets };
		(void)login_start(test.client, &params, on_result,
				  &test.logins[1]);
		dialog_run(test.dialog, sizes[i].fits
						? "< AUTH|1|*\n<-\n"
						: "verdict 1 malformed\n<-\n");
		tear_down();
	}
}

/* A Dovecot that never ends a line is not listened to for long. */
static void test_oversized_line(void **state)
{
	char text[501];

	(void)state;
	set_up();
	dialog_run(test.dialog, HANDSHAKE);
	memset(text, 'x', 500);
	text[500] = '\0';
	for (int i = 0; i < 131; i++) /* 65500 octets */
		dialog_send_raw(test.dialog, text);
	dialog_run(test.dialog, "ready\n");
	dialog_send_raw(test.dialog, text);
	dialog_run(test.dialog, "event lost\ngone\n" HANDSHAKE);
	tear_down();
}

/* Dovecot's answer arrives in pieces of one octet. */
static void test_split(void **state)
{
	static const char reply[] = "OK\t1\tuser=alice\n";
	char octet[2] = "";

	(void)state;
	set_up();
	dialog_run(test.dialog, HANDSHAKE "start 1 PLAIN AAAA\n");
	for (size_t i = 0; i + 1 < sizeof(reply); i++) {
		dialog_run(test.dialog, "none 1\n");
		octet[0] = reply[i];
		dialog_send_raw(test.dialog, octet);
	}
	dialog_run(test.dialog, "verdict 1 ok alice\n");
	tear_down();
}

/* A socket that nobody asked for is closed, not used. */
static void test_unwanted_socket(void **state)
{
	int pair[2];

	(void)state;
	set_up();
	assert_int_equal(pipe(pair), 0);
	login_client_connected(test.client, pair[0], 0);
	assert_int_equal(close(pair[0]), -1);
	(void)close(pair[1]);
	login_client_connected(test.client, -1, -ECONNREFUSED);
	dialog_run(test.dialog, HANDSHAKE);
	tear_down();
}

/* Ends with logins in every state: nobody is called, nothing leaks. */
static void test_free_in_flight(void **state)
{
	(void)state;
	set_up();
	dialog_run(test.dialog, HANDSHAKE "start 1 PLAIN AAAA\n"
					  "start 2 PLAIN\n"
					  "start 3 PLAIN\n"
					  "start 4 NONE\n"
					  "> CONT|2|\n"
					  "> CONT|3|\n"
					  "verdict 2 continue\n"
					  "verdict 3 continue\n"
					  "answer 2 AAAA\n");
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_long_response),
		cmocka_unit_test(test_oversized_line),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_unwanted_socket),
		cmocka_unit_test(test_free_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
