#include "deliver/smtp_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"
#include "smtp_world.h"

#define ALL                                                                    \
	"250-mx\r\n250-PIPELINING\r\n250-DSN\r\n250-8BITMIME\r\n250 SIZE 0\r\n"
#define TLS      "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
#define ENVELOPE "MAIL FROM:<a@b> SIZE=19\r\nRCPT TO:<c@d>\r\nDATA\r\n"
#define CONTENT  "Subject: x\r\n\r\n..hi\r\n.\r\n"

static void test_tls(void **state)
{
	struct smtp_world *w = *state;
	struct stream_tls_peer peer;

	w->again = 1;
	smtp_world_open(w, SMTP_VERIFIED, 0);
	smtp_world_greet(w, TLS);
	smtp_world_expect(w, "STARTTLS\r\n");
	assert_false(smtp_conn_is_tls(w->conn, &peer));
	(void)send(w->server, "220 go\r\n", 8, MSG_NOSIGNAL);
	smtp_world_serve_tls(w);
	smtp_world_expect(w, "EHLO me.test\r\n");
	smtp_world_say(w, ALL);
	smtp_world_expect(w, ENVELOPE);
	smtp_world_say(w, "250 a\r\n250 b\r\n354 go\r\n");
	smtp_world_expect(w, CONTENT);
	smtp_world_say(w, "250 ok\r\n");
	smtp_world_expect_told(w, "idle done:D250+ idle ");
	assert_true(smtp_conn_is_tls(w->conn, &peer));
	assert_true(peer.is_verified_pkix);
	assert_true(slice_equal(smtp_conn_tls_version(w->conn), S("TLSv1.3")));
	assert_true(smtp_conn_tls_cipher(w->conn).n > 0);
}

/* With which certificate and what demanded. */
static const struct {
	const char *name;
	enum smtp_security security;
	const char *server_name;
	unsigned usage; /* of the TLSA record; 0: none */
	bool is_of_root;
	const char *told; /* idle, or the end */
} levels[] = {
	{ "anybody will do", SMTP_OPPORTUNISTIC, "other.example", 0, false,
	  "idle " },
	{ "anybody will do, but TLS", SMTP_ENCRYPTED, "other.example", 0, false,
	  "idle " },
	{ "verified", SMTP_VERIFIED, "mx.example", 0, false, "idle " },
	{ "somebody else", SMTP_VERIFIED, "other.example", 0, false,
	  "ended:5 " },
	{ "DANE-EE", SMTP_DANE, "other.example", 3, false, "idle " },
	{ "DANE-TA", SMTP_DANE, "mx.example", 2, true, "idle " },
	{ "DANE-TA for another name", SMTP_DANE, "other.example", 2, true,
	  "ended:5 " },
	{ "DANE for another key", SMTP_DANE, "mx.example", 3, true,
	  "ended:5 " },
	{ "TLSA counts for nothing but DANE", SMTP_VERIFIED, "mx.example", 3,
	  true, "idle " },
};

static void run_level(struct smtp_world *w, size_t i)
{
	char record[CERTIFICATE_TLSA_OCTETS];
	const size_t n =
		certificate_tlsa(levels[i].is_of_root ? &w->root : &w->pem,
				 levels[i].usage, record);
	const struct slice tlsa = { record, n };
	const struct smtp_conn_config config = {
		.hostname = "me.test",
		.security = levels[i].security,
		.tls = w->client,
		.who = { .server_name = slice_of(levels[i].server_name),
			 .tlsa = &tlsa,
			 .tlsa_count = levels[i].usage > 0 },
	};

	smtp_world_open_to(w, &config);
	/* What was given is copied, or counted. */
	memset(record, 0, sizeof(record));
	tls_client_free(&w->client);
	smtp_world_greet(w, TLS);
	smtp_world_expect(w, "STARTTLS\r\n");
	(void)send(w->server, "220 go\r\n", 8, MSG_NOSIGNAL);
	smtp_world_serve_tls(w);
	if (strcmp(levels[i].told, "idle ") == 0) {
		smtp_world_expect(w, "EHLO me.test\r\n");
		smtp_world_say(w, ALL);
	}
	smtp_world_expect_told(w, levels[i].told);
}

static void test_levels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		struct smtp_world *w;

		print_message("  %s\n", levels[i].name);
		(void)smtp_world_make((void **)&w);
		run_level(w, i);
		(void)smtp_world_end((void **)&w);
	}
}

/* Port 465: not a word before TLS; then a login. */
static void test_tls_first(void **state)
{
	struct smtp_world *w = *state;
	const struct smtp_conn_config config = {
		.hostname = "me.test",
		.security = SMTP_VERIFIED,
		.tls = w->client,
		.who = { .server_name = S("mx.example") },
		.is_tls_first = true,
		.login = { S("joe"), S("s3cret") },
	};

	smtp_world_open_to(w, &config);
	smtp_world_serve_tls(w);
	smtp_world_expect(w, "");
	smtp_world_greet(w, "250-mx\r\n250 AUTH PLAIN\r\n");
	smtp_world_expect(w, "AUTH PLAIN AGpvZQBzM2NyZXQ=\r\n");
	smtp_world_expect_told(w, "");
	smtp_world_say(w, "235 hello\r\n");
	smtp_world_expect_told(w, "idle ");
}

/* A greeting in plain text is no TLS. */
static void test_tls_first_missing(void **state)
{
	struct smtp_world *w = *state;
	const struct smtp_conn_config config = {
		.hostname = "me.test",
		.security = SMTP_VERIFIED,
		.tls = w->client,
		.who = { .server_name = S("mx.example") },
		.is_tls_first = true,
		.login = { S("joe"), S("s3cret") },
	};

	smtp_world_open_to(w, &config);
	smtp_world_run(w);
	(void)evbuffer_drain(w->got, evbuffer_get_length(w->got));
	smtp_world_say(w, "220 mx\r\n");
	smtp_world_expect_told(w, "ended:4 ");
}

static void test_broken_handshake(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_OPPORTUNISTIC, 0);
	smtp_world_greet(w, TLS);
	smtp_world_say(w, "220 go\r\n");
	smtp_world_say(w, "454 oh no\r\n");
	smtp_world_expect_told(w, "ended:4 ");
}

static void test_hung_up_handshake(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_OPPORTUNISTIC, 0);
	smtp_world_greet(w, TLS);
	smtp_world_say(w, "220 go\r\n");
	smtp_world_hang_up(w);
	smtp_world_expect_told(w, "ended:4 ");
}

static void test_put_behind_starttls(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_OPPORTUNISTIC, 0);
	smtp_world_greet(w, TLS);
	smtp_world_say(w, "220 go\r\n250 mx\r\n");
	smtp_world_expect_told(w, "ended:9 ");
}

static void test_tls_missing(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_ENCRYPTED, 0);
	smtp_world_greet(w, ALL);
	smtp_world_expect_told(w, "ended:3 ");
}

static void test_plain_though_offered(void **state)
{
	struct smtp_world *w = *state;

	smtp_world_open(w, SMTP_PLAIN, 0);
	smtp_world_greet(w, TLS);
	smtp_world_expect(w, "");
	smtp_world_expect_told(w, "idle ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMTP_TEST(test_tls),
		cmocka_unit_test(test_levels),
		SMTP_TEST(test_tls_first),
		SMTP_TEST(test_tls_first_missing),
		SMTP_TEST(test_broken_handshake),
		SMTP_TEST(test_hung_up_handshake),
		SMTP_TEST(test_put_behind_starttls),
		SMTP_TEST(test_tls_missing),
		SMTP_TEST(test_plain_though_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
