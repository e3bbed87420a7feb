#include "deliver/smtp_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"
#include "smtp_world.h"

#define ALL                                                                    \
	"250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250-8BITMIME\r\n250 SIZE 0\r\n"
#define CHUNKING "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define ENVELOPE "MAIL FROM:<a@b> SIZE=19\r\nRCPT TO:<c@d>\r\nDATA\r\n"
#define CONTENT  "Subject: x\r\n\r\n..hi\r\n.\r\n"

/* Longer than a busy machine stops for, in the middle of a dialog. */
enum { SOON_MS = 200 };

/* --- messages -------------------------------------------------------------------- */

static void test_two_messages(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_PLAIN, 0);
	assert_false(smtp_conn_is_idle(w->conn));
	smtp_world_greet(w, ALL);
	smtp_world_expect_told(w, "idle ");
	assert_true(smtp_conn_features(w->conn)->has_dsn);
	for (int i = 0; i < 2; i++) {
		smtp_conn_begin(w->conn, &w->message);
		assert_false(smtp_conn_is_idle(w->conn));
		smtp_world_run(w);
		smtp_world_expect(w, ENVELOPE);
		smtp_world_say(w, "250 a\r\n250 b\r\n354 go\r\n");
		smtp_world_expect(w, CONTENT);
		smtp_world_expect_told(w, "");
		smtp_world_say(w, "250 2.0.0 queued\r\n");
		smtp_world_expect_told(w, "done:D250+ idle ");
		assert_true(smtp_conn_is_idle(w->conn));
	}
	smtp_conn_quit(w->conn);
	smtp_world_run(w);
	smtp_world_expect(w, "QUIT\r\n");
	smtp_world_expect_told(w, "");
	smtp_world_say(w, "221 bye\r\n");
	smtp_world_expect_told(w, "ended:0 ");
}

static void test_chunking(void **state)
{
	struct smtp_world *w = *state;

	w->again = 1;
	w->message.recipient_count = 3;
	smtp_world_open(w, SMTP_PLAIN, 0);
	smtp_world_greet(w, CHUNKING);
	smtp_world_expect(w, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			     "RCPT TO:<e@f>\r\nRCPT TO:<g@h>\r\n");
	smtp_world_say(w, "250 a\r\n250 b\r\n550 c\r\n452 d\r\n");
	smtp_world_expect(w, "BDAT 19 LAST\r\nSubject: x\r\n\r\n.hi\r\n");
	smtp_world_say(w, "250 ok\r\n");
	/* Who was too many comes again, content and all. */
	smtp_world_expect_told(w, "idle ");
	smtp_world_expect(w, "MAIL FROM:<a@b>\r\nRCPT TO:<g@h>\r\n");
	smtp_world_say(w, "250 a\r\n250 b\r\n");
	smtp_world_expect(w, "BDAT 19 LAST\r\nSubject: x\r\n\r\n.hi\r\n");
	smtp_world_say(w, "451 later\r\n");
	smtp_world_expect_told(w, "done:D250:R550:L451 idle ");
}

/* Begun in on_idle each time, and more than the socket holds. */
static void test_much_content(void **state)
{
	enum { OCTETS = 1000000 };
	static char octets[OCTETS + 1];
	struct smtp_world *w = *state;
	const size_t n = OCTETS - OCTETS / 4 % 2;

	for (size_t i = 0; i < n; i += 50)
		(void)snprintf(octets + i, 51, ".line %042zu\r\n",
			       i); /* 50 octets */
	smtp_world_content(w, (struct slice){ octets, n });
	w->again = 2;
	smtp_world_open(w, SMTP_PLAIN, 0);
	smtp_world_greet(w, "250-mx\r\n250 PIPELINING\r\n");
	for (int i = 0; i < 2; i++) {
		struct evbuffer_ptr end;

		smtp_world_expect(w, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
				     "DATA\r\n");
		smtp_world_say(w, "250 a\r\n250 b\r\n354 c\r\n");
		/* each line has a dot more, and there is the end */
		assert_int_equal(evbuffer_get_length(w->got), n + n / 50 + 3);
		end = evbuffer_search(w->got, "\r\n.\r\n", 5, NULL);
		assert_int_equal(end.pos, n + n / 50 - 2);
		(void)evbuffer_drain(w->got, n + n / 50 + 3);
		smtp_world_say(w, "250 ok\r\n");
	}
	smtp_world_expect_told(w, "idle done:D250 idle done:D250 idle ");
}

static void test_refused_without_a_word(void **state)
{
	struct smtp_world *w = *state;

	w->message.reverse_path = S("\xc3\xbc@b");
	smtp_world_open(w, SMTP_PLAIN, 0);
	smtp_world_greet(w, ALL);
	smtp_conn_begin(w->conn, &w->message);
	smtp_world_expect_told(w, "idle "); /* later, not within */
	smtp_world_run(w);
	smtp_world_expect_told(w, "done:R0 idle ");
	smtp_world_expect(w, "");
}

static void test_content_that_is_gone(void **state)
{
	struct smtp_world *w = *state;

	w->message.content_octets += 1;
	w->again = 1;
	smtp_world_open(w, SMTP_PLAIN, 0);
	smtp_world_greet(w, CHUNKING);
	smtp_world_say(w, "250 a\r\n250 b\r\n");
	smtp_world_expect_told(w, "idle done:L0 ended:10 ");
}

/* What was said of it is looked at again where the server takes less. */
static const struct {
	const char *name, *hello, *content;
	bool is_8bit, is_smtputf8;
	const char *told;
} looks[] = {
	{ "8 bits in the body", "250 mx\r\n", "A: b\r\n\r\n\xc3\xbc\r\n", true,
	  false, "idle done:R0 idle " },
	{ "8 bits in the header", "250 mx\r\n", "A: \xc3\xbc\r\n\r\n", true,
	  false, "idle done:R0 idle " },
	{ "announced only", "250 mx\r\n", "A: b\r\n\r\nb\r\n", true, true,
	  "idle " },
	{ "UTF-8 in the header", "250-mx\r\n250 8BITMIME\r\n",
	  "A: \xc3\xbc\r\n\r\n", true, true, "idle done:R0 idle " },
	{ "UTF-8 in the body only", "250-mx\r\n250 8BITMIME\r\n",
	  "A: b\r\n\r\n\xc3\xbc", true, true, "idle " },
	{ "no body", "250-mx\r\n250 8BITMIME\r\n", "A: b\r\n", true, true,
	  "idle " },
};

static void test_looks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct smtp_world *w;

		print_message("  %s\n", looks[i].name);
		(void)smtp_world_make((void **)&w);
		smtp_world_content(w, slice_of(looks[i].content));
		w->message.is_8bit = looks[i].is_8bit;
		w->message.is_smtputf8 = looks[i].is_smtputf8;
		w->again = 1;
		smtp_world_open(w, SMTP_PLAIN, 0);
		smtp_world_greet(w, looks[i].hello);
		smtp_world_expect_told(w, looks[i].told);
		(void)smtp_world_end((void **)&w);
	}
}

static void test_used_up(void **state)
{
	struct smtp_world *w = *state;

	w->again = 5;
	smtp_world_open(w, SMTP_PLAIN, 0);
	smtp_world_greet(w, "250-mx\r\n250 LIMITS MAILMAX=1\r\n");
	smtp_world_say(w, "250 a\r\n");
	smtp_world_say(w, "250 b\r\n");
	smtp_world_say(w, "354 c\r\n");
	(void)evbuffer_drain(w->got, evbuffer_get_length(w->got));
	smtp_world_say(w, "250 d\r\n");
	smtp_world_expect(w, "QUIT\r\n");
	smtp_world_hang_up(w);
	smtp_world_expect_told(w, "idle done:D250 ended:0 ");
}

/* --- ends ------------------------------------------------------------------------ */

static void test_ends(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_PLAIN, 0);
	w->again = 1;
	w->frees_when_ended = true;
	smtp_world_greet(w, ALL);
	smtp_world_say(w, "250 a\r\n250 b\r\n354 go\r\n");
	smtp_world_hang_up(w);
	smtp_world_expect_told(w, "idle done:U0 ended:7 ");
	assert_null(w->conn);
}

static void test_freed_when_done(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_PLAIN, 0);
	w->again = 1;
	w->frees_when_done = true;
	smtp_world_greet(w, ALL);
	smtp_world_say(w, "421 bye\r\n");
	smtp_world_expect_told(w, "idle done:L421* ");
	assert_null(w->conn);
	assert_true(w->is_hung_up);
}

static void test_idle_end(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_PLAIN, SOON_MS);
	smtp_world_greet(w, ALL);
	/* No timer of ours runs while it is idle. */
	(void)usleep(2 * SOON_MS * 1000);
	smtp_world_run(w);
	smtp_world_expect_told(w, "idle ");
	smtp_world_say(w, "421 4.4.2 idle\r\n");
	smtp_world_expect_told(w, "ended:6 ");
}

/* Where the server falls silent. */
static const struct {
	const char *name;
	const char *said[6];
	const char *told;
} silences[] = {
	{ "no greeting", { NULL }, "ended:8 " },
	{ "half a greeting", { "220-mx\r\n", NULL }, "ended:8 " },
	{ "no answer to EHLO", { "220 mx\r\n", NULL }, "ended:8 " },
	{ "none to MAIL",
	  { "220 mx\r\n", "250 mx\r\n", NULL },
	  "idle done:L0* ended:8 " },
	{ "none to RCPT",
	  { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", NULL },
	  "idle done:L0 ended:8 " },
	{ "none to DATA",
	  { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", NULL },
	  "idle done:L0 ended:8 " },
	{ "none to the content",
	  { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n",
	    NULL },
	  "idle done:U0 ended:8 " },
	{ "none to RSET",
	  { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "550 b\r\n", NULL },
	  "idle done:R550 ended:8 " },
};

static void test_silences(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
		struct smtp_world *w;

		print_message("  %s\n", silences[i].name);
		(void)smtp_world_make((void **)&w);
		w->again = 1;
		smtp_world_open(w, SMTP_PLAIN, SOON_MS);
		smtp_world_run(w);
		for (size_t k = 0; silences[i].said[k] != NULL; k++)
			smtp_world_say(w, silences[i].said[k]);
		smtp_world_wait_end(w);
		smtp_world_expect_told(w, silences[i].told);
		(void)smtp_world_end((void **)&w);
	}
}

/* It sends octets all the time, and never a reply. */
static void test_drops(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_PLAIN, SOON_MS);
	smtp_world_run(w);
	for (int i = 0; i < 200 && *w->told == '\0'; i++) {
		smtp_world_say(w, "220-");
		smtp_world_say(w, "mx\r\n");
		(void)usleep(5000);
	}
	smtp_world_expect_told(w, "ended:8 ");
}

/* It takes no content: what is sent stays in the sockets. */
static void test_stuck_content(void **state)
{
	static const char octets[1000000];
	struct smtp_world *w = *state;
	int server;

	smtp_world_content(w, (struct slice){ octets, sizeof(octets) });
	w->again = 1;
	smtp_world_open(w, SMTP_PLAIN, SOON_MS);
	smtp_world_greet(w, CHUNKING);
	server = w->server;
	(void)send(server, "250 a\r\n250 b\r\n", 14, MSG_NOSIGNAL);
	w->server = -1; /* it reads no more */
	smtp_world_wait_end(w);
	smtp_world_expect_told(w, "idle done:L0 ended:8 ");
	assert_true(slice_starts(smtp_conn_failure(w->conn)->text,
				 S("the server takes no more")));
	w->server = server;
}

/* --- connecting --------------------------------------------------------------------- */

static void test_no_connection(void **state)
{
	struct smtp_world *w = *state;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct smtp_conn_config config = { .hostname = "me.test" };
	socklen_t size = sizeof(to);
	int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A port of ours where nobody listens. */
	assert_int_equal(bind(bound, (struct sockaddr *)&to, size), 0);
	assert_int_equal(getsockname(bound, (struct sockaddr *)&to, &size), 0);
	(void)evutil_make_socket_nonblocking(fd);
	(void)connect(fd, (struct sockaddr *)&to, size);
	smtp_world_open_fd(w, fd, &config);
	smtp_world_wait_end(w);
	smtp_world_expect_told(w, "ended:1 ");
	assert_true(slice_equal(smtp_conn_failure(w->conn)->text,
				S("no connection: Connection refused")));
	fd_close(&bound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMTP_TEST(test_two_messages),
		SMTP_TEST(test_chunking),
		SMTP_TEST(test_much_content),
		SMTP_TEST(test_refused_without_a_word),
		SMTP_TEST(test_content_that_is_gone),
		cmocka_unit_test(test_looks),
		SMTP_TEST(test_used_up),
		SMTP_TEST(test_ends),
		SMTP_TEST(test_freed_when_done),
		SMTP_TEST(test_idle_end),
		cmocka_unit_test(test_silences),
		SMTP_TEST(test_drops),
		SMTP_TEST(test_stuck_content),
		SMTP_TEST(test_no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
