#include "net/tls_client.h"

#include <openssl/pem.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"
#include "certificate.h"
#include "stream_world.h"

/* Who signs whom: the client trusts ROOT, the server shows one of the rest. */
enum who { ROOT, OTHER_ROOT, GOOD, STRANGER, EXPIRED, WILD, SELF, WHO_COUNT };

struct pems {
	struct certificate_pem of[WHO_COUNT];
};

static void make_all(struct pems *p)
{
	certificate_make_root("a root", &p->of[ROOT]);
	certificate_make_root("another", &p->of[OTHER_ROOT]);
	certificate_make_by(&p->of[ROOT], "DNS:mx.example", 3600, &p->of[GOOD]);
	certificate_make_by(&p->of[OTHER_ROOT], "DNS:mx.example", 3600,
			    &p->of[STRANGER]);
	certificate_make_by(&p->of[ROOT], "DNS:mx.example", -60,
			    &p->of[EXPIRED]);
	certificate_make_by(&p->of[ROOT], "DNS:*.wild.example,DNS:m*.example",
			    3600, &p->of[WILD]);
	certificate_make("DNS:mx.example", &p->of[SELF]);
}

static void free_all(struct pems *p)
{
	for (size_t i = 0; i < WHO_COUNT; i++)
		certificate_free(&p->of[i]);
}

/* The other end of the stream, as a server. */
static void serve(struct world *w, const struct certificate_pem *pem,
		  int version)
{
	struct tls_server *server = tls_server_new();
	const char *problem;

	assert_int_equal(tls_server_add(server, slice_of(pem->chain),
					slice_of(pem->key), &problem),
			 0);
	w->ssl = tls_server_session(server);
	(void)SSL_set_max_proto_version(w->ssl, version);
	(void)SSL_set_min_proto_version(w->ssl, version);
	(void)SSL_set_fd(w->ssl, w->client);
	/* The callback for names is the server's, which goes now. */
	(void)SSL_CTX_set_tlsext_servername_callback(SSL_get_SSL_CTX(w->ssl),
						     NULL);
	tls_server_free(&server);
}

enum { PKIX = 1, DANE = 2 };

static const struct {
	const char *name;
	enum who server;
	const char *asked, *other;
	struct {
		unsigned usage; /* 0: no record */
		enum who of;
	} tlsa[2];
	int verified;
	const char *problem;
	enum stream_tls_fault fault; /* GOOD: not looked at */
} cases[] = {
	{ "by a root and for the name", GOOD, "mx.example", NULL,
	  .verified = PKIX },
	{ "another name", GOOD, "mx2.example", NULL,
	  .problem = "hostname mismatch", .fault = STREAM_TLS_OTHER_HOST },
	{ "one of two names", GOOD, "mx2.example", "mx.example",
	  .verified = PKIX },
	{ "a case of its own", GOOD, "MX.example", NULL, .verified = PKIX },
	{ "a parent's name", GOOD, "example", NULL,
	  .problem = "hostname mismatch" },
	{ "an unknown root", STRANGER, "mx.example", NULL,
	  .problem = "self-signed certificate in certificate chain",
	  .fault = STREAM_TLS_UNTRUSTED },
	{ "its own root", SELF, "mx.example", NULL,
	  .problem = "self-signed certificate", .fault = STREAM_TLS_UNTRUSTED },
	{ "expired", EXPIRED, "mx.example", NULL,
	  .problem = "certificate has expired", .fault = STREAM_TLS_EXPIRED },
	{ "a wildcard", WILD, "a.wild.example", NULL, .verified = PKIX },
	{ "a wildcard for two labels", WILD, "a.b.wild.example", NULL,
	  .problem = "hostname mismatch" },
	{ "half a label for a wildcard", WILD, "mx.example", NULL,
	  .problem = "hostname mismatch" },
	{ "an address is no name", GOOD, "192.0.2.1", NULL,
	  .problem = "IP address mismatch" },
	{ "DANE-EE of a stranger",
	  STRANGER,
	  "mx.example",
	  NULL,
	  { { 3, STRANGER } },
	  .verified = DANE },
	{ "DANE-EE looks at no name and no date",
	  EXPIRED,
	  "other.example",
	  NULL,
	  { { 3, EXPIRED } },
	  .verified = DANE },
	{ "DANE-EE with itself",
	  SELF,
	  "mx.example",
	  NULL,
	  { { 3, SELF } },
	  .verified = DANE },
	{ "DANE-EE of another key",
	  GOOD,
	  "mx.example",
	  NULL,
	  { { 3, SELF } },
	  .problem = "",
	  .fault = STREAM_TLS_FAULTY },
	{ "one record of two",
	  STRANGER,
	  "mx.example",
	  NULL,
	  { { 3, SELF }, { 3, STRANGER } },
	  .verified = DANE },
	{ "DANE-TA",
	  STRANGER,
	  "mx.example",
	  NULL,
	  { { 2, OTHER_ROOT } },
	  .verified = DANE },
	{ "DANE-TA looks at the name",
	  STRANGER,
	  "mx2.example",
	  NULL,
	  { { 2, OTHER_ROOT } },
	  .problem = "hostname mismatch" },
	{ "DANE-TA takes one of two names",
	  STRANGER,
	  "mx2.example",
	  "mx.example",
	  { { 2, OTHER_ROOT } },
	  .verified = DANE },
	{ "DANE-TA looks at the date",
	  EXPIRED,
	  "mx.example",
	  NULL,
	  { { 2, ROOT } },
	  .problem = "certificate has expired" },
	{ "DANE-TA of another root",
	  GOOD,
	  "mx.example",
	  NULL,
	  { { 2, OTHER_ROOT } },
	  .problem = "" },
	{ "PKIX usages are not for SMTP",
	  GOOD,
	  "mx.example",
	  NULL,
	  { { 1, GOOD } },
	  .problem = "no TLSA record matches" },
};

static void check(const struct world *w, size_t i)
{
	struct stream_tls_peer peer;

	stream_tls_peer(w->stream, &peer);
	print_message("  %s: %s\n", cases[i].name, peer.problem);
	assert_int_equal(w->tls_count, 1);
	assert_int_equal(peer.is_verified_pkix, cases[i].verified == PKIX);
	assert_int_equal(peer.is_verified_dane, cases[i].verified == DANE);
	assert_int_equal(peer.is_dane, cases[i].tlsa[0].usage != 0);
	assert_int_equal(peer.fault == STREAM_TLS_GOOD, cases[i].verified != 0);
	if (cases[i].fault != STREAM_TLS_GOOD)
		assert_int_equal(peer.fault, cases[i].fault);
	if (cases[i].verified != 0)
		assert_string_equal(peer.problem, "");
	else if (*cases[i].problem != '\0')
		assert_string_equal(peer.problem, cases[i].problem);
	else
		assert_true(*peer.problem != '\0');
	assert_string_equal(stream_tls_version(w->stream).p,
			    SSL_get_version(w->ssl));
}

static void run_case(size_t i, const struct pems *pems,
		     struct tls_client *client, int version)
{
	char records[2][CERTIFICATE_TLSA_OCTETS];
	struct slice tlsa[2], other = slice_of(cases[i].other);
	struct tls_client_request request = {
		.server_name = slice_of(cases[i].asked),
		.other_names = &other,
		.other_count = other.n > 0,
		.tlsa = tlsa,
	};
	struct world w;

	for (size_t k = 0; k < 2 && cases[i].tlsa[k].usage != 0; k++) {
		size_t n = certificate_tlsa(&pems->of[cases[i].tlsa[k].of],
					    cases[i].tlsa[k].usage, records[k]);

		tlsa[k] = (struct slice){ records[k], n };
		request.tlsa_count++;
	}
	world_open(&w, NULL);
	serve(&w, &pems->of[cases[i].server], version);
	stream_start_tls_client(w.stream, client, &request);
	world_run(&w);
	check(&w, i);
	world_close(&w);
}

static void test_peers(void **state)
{
	struct pems pems;
	struct tls_client *client;

	(void)state;
	make_all(&pems);
	client = tls_client_new(slice_of(pems.of[ROOT].chain));
	assert_int_equal(tls_client_roots(client), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(i, &pems, client, TLS1_2_VERSION);
		run_case(i, &pems, client, TLS1_3_VERSION);
	}
	tls_client_free(&client);
	assert_null(client);
	free_all(&pems);
}

static void test_roots(void **state)
{
	struct certificate_pem a, b;
	char text[8192];
	struct tls_client *client;

	(void)state;
	certificate_make_root("a", &a);
	certificate_make_root("b", &b);
	(void)snprintf(text, sizeof(text), "# a comment\n%s\nwords\n%s%s",
		       a.chain, b.chain, a.key);
	client = tls_client_new(slice_of(text));
	assert_int_equal(tls_client_roots(client), 2);
	tls_client_free(&client);
	client = tls_client_new(S(""));
	assert_int_equal(tls_client_roots(client), 0);
	tls_client_free(&client);
	client = tls_client_new(S("-----BEGIN CERTIFICATE-----\nAAAA\n"));
	assert_int_equal(tls_client_roots(client), 0);
	tls_client_free(&client);
	certificate_free(&a);
	certificate_free(&b);
}

/* What is sent before goes out in plain text, what is sent after in TLS; the
 * server is told the name. */
static void test_starttls(void **state)
{
	struct tls_client *client = tls_client_new(S(""));
	const struct tls_client_request request = { .server_name =
							    S("mx.example") };
	struct certificate_pem pem;
	struct world w;

	(void)state;
	certificate_make("DNS:mx.example", &pem);
	world_open(&w, NULL);
	stream_send(w.stream, S("STARTTLS\r\n"));
	world_run(&w);
	assert_true(world_client_got(&w, "STARTTLS\r\n"));
	(void)evbuffer_drain(w.client_got, 10);
	stream_start_tls_client(w.stream, client, &request);
	assert_false(stream_is_tls(w.stream));
	serve(&w, &pem, TLS1_3_VERSION);
	tls_client_free(&client);
	world_run(&w);
	assert_int_equal(w.tls_count, 1);
	assert_string_equal(
		SSL_get_servername(w.ssl, TLSEXT_NAMETYPE_host_name),
		"mx.example");
	stream_send(w.stream, S("EHLO again\r\n"));
	world_client_send(&w, S("250 hello\r\n"));
	world_run(&w);
	assert_true(world_client_got(&w, "EHLO again\r\n"));
	assert_true(world_got(&w, "250 hello\r\n"));
	world_close(&w);
	certificate_free(&pem);
}

/* Whatever comes in place of a handshake is an end, never a crash. */
static void test_broken_handshakes(void **state)
{
	static const char *const answers[] = { "220 hello\r\n", "\x16\x03\x01",
					       "\x15\x03\x03\x00\x02\x02\x28",
					       "" };
	struct tls_client *client = tls_client_new(S(""));
	struct tls_client_request request = { .server_name = S("mx.example") };
	struct stream_tls_peer peer;
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		world_open(&w, NULL);
		stream_start_tls_client(w.stream, client, &request);
		world_run(&w);
		world_client_send(&w, slice_of(answers[i]));
		world_run(&w);
		fd_close(&w.client);
		world_run(&w);
		assert_true(w.end == STREAM_FAILED || w.end == STREAM_CLOSED);
		assert_int_equal(w.tls_count, 0);
		stream_tls_peer(w.stream, &peer);
		assert_false(peer.is_verified_pkix || peer.is_verified_dane);
		world_close(&w);
	}
	request.server_name = S("a\nb");
	world_open(&w, NULL);
	stream_start_tls_client(w.stream, client, &request);
	world_run(&w);
	assert_int_equal(w.end, STREAM_FAILED);
	assert_string_equal(stream_error(w.stream), "no server name");
	world_close(&w);
	tls_client_free(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_broken_handshakes),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as role_main() does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
