#include "net/tls.h"

#include <errno.h>
#include <openssl/x509v3.h>
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

enum { TEXT_OCTETS = 8192 };

/* "C", "K": the chain and the key of one certificate; "c", "k": of another;
 * "-": a broken object; "x": what is none. */
static const struct {
	const char *name, *chain, *key;
	bool ok;
} pairs[] = {
	{ "a pair", "C", "K", true },
	{ "a chain of two", "Cc", "K", true },
	{ "text around it", "xCx", "xK", true },
	{ "one file for both", "CK", "CK", true },
	{ "another's key", "C", "k", false },
	{ "the wrong order", "cC", "K", false },
	{ "nothing", "", "", false },
	{ "no key", "C", "", false },
	{ "no chain", "", "K", false },
	{ "a chain for a key", "C", "C", false },
	{ "no PEM", "x", "x", false },
	{ "a broken certificate", "-", "K", false },
	{ "a broken second certificate", "C-", "K", false },
	{ "a broken key", "C", "-", false },
};

static const char *part(char c, const struct certificate_pem pems[2])
{
	switch (c) {
	case 'C':
		return pems[0].chain;
	case 'K':
		return pems[0].key;
	case 'c':
		return pems[1].chain;
	case 'k':
		return pems[1].key;
	case '-':
		return "-----BEGIN CERTIFICATE-----\nAAAA\n"
		       "-----END CERTIFICATE-----\n";
	default:
		return "a comment\n";
	}
}

static struct slice text_of(const char *recipe,
			    const struct certificate_pem pems[2], char *text)
{
	text[0] = '\0';
	for (; *recipe != '\0'; recipe++)
		(void)strcat(text, part(*recipe, pems));
	return slice_of(text);
}

static void test_pairs(void **state)
{
	struct certificate_pem pems[2];
	char chain[TEXT_OCTETS], key[TEXT_OCTETS];

	(void)state;
	certificate_make("DNS:a.example", &pems[0]);
	certificate_make("DNS:b.example", &pems[1]);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct tls_server *server = tls_server_new();
		const char *problem = NULL;
		int r = tls_server_add(
			server, text_of(pairs[i].chain, pems, chain),
			text_of(pairs[i].key, pems, key), &problem);

		print_message("  %s: %s\n", pairs[i].name,
			      problem != NULL ? problem : "fine");
		assert_int_equal(r, pairs[i].ok ? 0 : -EINVAL);
		assert_true((problem == NULL) == pairs[i].ok);
		assert_int_equal(tls_server_count(server), pairs[i].ok);
		tls_server_free(&server);
		assert_null(server);
	}
	certificate_free(&pems[0]);
	certificate_free(&pems[1]);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* --- choosing by SNI -------------------------------------------------------------- */

static const char *const names[] = { "DNS:first.example",
				     "DNS:second.example,DNS:*.wild.example",
				     NULL };

static const struct {
	const char *asked;
	int certificate;
	const char *seen; /* what the stream says of the name */
} choices[] = {
	{ "first.example", 0, "first.example" },
	{ "second.example", 1, "second.example" },
	{ "SECOND.Example", 1, "SECOND.Example" },
	{ "mx.wild.example", 1, "mx.wild.example" },
	{ "a.b.wild.example", 0, "a.b.wild.example" },
	{ "unknown.example", 0, "unknown.example" },
	{ NULL, 0, "" },
	{ "not a name\n", 0, "" },
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(choices) / sizeof(choices[0]); i++) {
		struct world w;
		X509 *x;

		print_message("  %s\n", choices[i / 2].seen);
		world_open(&w, names);
		stream_start_tls(w.stream, w.tls);
		world_client_tls(&w, versions[i % 2], choices[i / 2].asked);
		world_run(&w);
		assert_int_equal(w.tls_count, 1);
		x = SSL_get1_peer_certificate(w.ssl);
		assert_int_equal(X509_check_host(x,
						 choices[i / 2].certificate == 0
							 ? "first.example"
							 : "second.example",
						 0, 0, NULL),
				 1);
		X509_free(x);
		assert_true(slice_equal(stream_tls_server_name(w.stream),
					slice_of(choices[i / 2].seen)));
		assert_true(slice_equal(stream_tls_version(w.stream),
					slice_of(SSL_get_version(w.ssl))));
		assert_true(
			slice_equal(stream_tls_cipher(w.stream),
				    slice_of(SSL_CIPHER_standard_name(
					    SSL_get_current_cipher(w.ssl)))));
		world_close(&w);
	}
}

/* --- channel binding ---------------------------------------------------------------- */

static size_t client_binding(SSL *ssl, const char *type, unsigned char *octets)
{
	unsigned n = 0;
	X509 *x;

	if (strcmp(type, "tls-unique") == 0)
		return SSL_get_finished(ssl, octets, EVP_MAX_MD_SIZE);
	if (strcmp(type, "tls-exporter") == 0)
		return SSL_export_keying_material(ssl, octets, 32,
						  "EXPORTER-Channel-Binding",
						  24, NULL, 0, 0) == 1
			       ? 32
			       : 0;
	x = SSL_get1_peer_certificate(ssl);
	(void)X509_digest(x, EVP_sha256(), octets, &n);
	X509_free(x);
	return n;
}

static const struct {
	const char *type;
	bool has[2]; /* in TLS 1.2, 1.3 */
} bindings[] = {
	{ "tls-exporter", { false, true } },
	{ "tls-unique", { true, false } },
	{ "tls-server-end-point", { true, true } },
	{ "tls-magic", { false, false } },
	{ "", { false, false } },
};

static void expect_binding(struct world *w, size_t i, size_t version)
{
	AUTO(arena_free) struct arena *arena = arena_new(1000);
	unsigned char octets[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE];
	struct slice got;
	bool has = stream_tls_binding(w->stream, slice_of(bindings[i].type),
				      arena, &got);

	print_message("  %s\n", bindings[i].type);
	assert_int_equal(has, bindings[i].has[version]);
	if (!has)
		return;
	(void)EVP_EncodeBlock(
		(unsigned char *)text, octets,
		(int)client_binding(w->ssl, bindings[i].type, octets));
	assert_true(got.n > 0 && slice_equal(got, slice_of(text)));
}

static void test_bindings(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		AUTO(arena_free) struct arena *arena = arena_new(1000);
		struct slice none;
		struct world w;

		world_open(&w, names);
		assert_false(stream_tls_binding(
			w.stream, S("tls-server-end-point"), arena, &none));
		stream_start_tls(w.stream, w.tls);
		world_client_tls(&w, versions[v], "second.example");
		world_run(&w);
		for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]);
		     i++)
			expect_binding(&w, i, v);
		world_close(&w);
	}
}

/* --- handshakes ----------------------------------------------------------------------- */

/* STARTTLS: the reply goes out in plain text before the handshake, and a new
 * set of certificates does not touch a running session. */
static void test_starttls(void **state)
{
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct world w;

		world_open(&w, names);
		w.echoes = true;
		w.starts_in = ON_INPUT;
		world_client_send(&w, S("220 go ahead\r\n"));
		world_run(&w);
		assert_true(world_client_got(&w, "220 go ahead\r\n"));
		assert_int_equal(w.flushed_count, 0);
		w.starts_in = ON_NONE;
		tls_server_free(&w.tls);
		world_client_tls(&w, versions[v], NULL);
		world_run(&w);
		assert_int_equal(w.tls_count, 1);
		(void)evbuffer_drain(w.client_got, 14);
		(void)evbuffer_drain(w.got, 14);
		world_client_send(&w, S("EHLO again\r\n"));
		world_run(&w);
		assert_true(world_client_got(&w, "EHLO again\r\n"));
		world_close(&w);
	}
}

static void test_broken_handshakes(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, names); /* the client closes at once */
	stream_start_tls(w.stream, w.tls);
	fd_close(&w.client);
	world_run(&w);
	assert_int_equal(w.end, STREAM_CLOSED);
	world_close(&w);

	world_open(&w, names); /* within its first message */
	stream_start_tls(w.stream, w.tls);
	world_client_send(&w, S("\x16\x03\x01\x02"));
	world_run(&w);
	assert_int_equal(w.end, -1);
	fd_close(&w.client);
	world_run(&w);
	assert_int_equal(w.end, STREAM_CLOSED);
	world_close(&w);

	world_open(&w, names); /* it speaks SMTP */
	stream_start_tls(w.stream, w.tls);
	world_client_send(&w, S("EHLO client.example\r\n"));
	world_run(&w);
	assert_int_equal(w.end, STREAM_FAILED);
	assert_true(strlen(stream_error(w.stream)) > 0);
	assert_int_equal(w.tls_count, 0);
	world_close(&w);

	world_open(&w, NULL); /* there is no certificate */
	stream_start_tls(w.stream, w.tls);
	world_run(&w);
	assert_int_equal(w.end, STREAM_FAILED);
	assert_string_equal(stream_error(w.stream), "no certificate");
	world_close(&w);

	world_open(&w, names); /* TLS 1.1 */
	stream_start_tls(w.stream, w.tls);
	world_client_tls(&w, TLS1_1_VERSION, NULL);
	world_run(&w);
	assert_int_equal(w.end, STREAM_FAILED);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_broken_handshakes),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as role_main() does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
