#include "net/tls_client.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
	NAME_OCTETS = 253,
	TLSA_HEAD_OCTETS = 3,
	/* RFC 7218 2.1 */
	USAGE_DANE_TA = 2,
	USAGE_DANE_EE = 3,
};

struct tls_client {
	unsigned references;
	size_t roots;
	SSL_CTX *ctx;
};

/* --- what all sessions share --------------------------------------------------- */

static size_t add_roots(X509_STORE *store, struct slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, pem.n <= INT_MAX ? (int)pem.n : 0);
	STACK_OF(X509_INFO) *all =
		bio != NULL ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL)
			    : NULL;
	size_t count = 0;

	for (int i = 0; i < sk_X509_INFO_num(all); i++) {
		X509 *x = sk_X509_INFO_value(all, i)->x509;

		if (x != NULL && X509_STORE_add_cert(store, x) == 1)
			count++;
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(bio);
	ERR_clear_error();
	return count;
}

static void set_up(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* As for the server's side, tls.c. */
	(void)SSL_CTX_set_options(
		ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION |
			     SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(
		ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* RFC 7435 3: where anybody will do, poor ciphers are better than
	 * plain text. The good ones come first. */
	SSL_CTX_set_security_level(ctx, 1);
	(void)SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:"
					   "HIGH:!aNULL:!eNULL:!PSK:!SRP");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_dane_enable(ctx);
}

struct tls_client *tls_client_new(struct slice roots_pem)
{
	struct tls_client *c = mem_new(sizeof(*c));

	/* Reads openssl.cnf: before the process is caged. */
	(void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
	c->references = 1;
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL)
		return c;
	set_up(c->ctx);
	c->roots = add_roots(SSL_CTX_get_cert_store(c->ctx), roots_pem);
	return c;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
	client->references++;
	return client;
}

void tls_client_free(struct tls_client **client)
{
	struct tls_client *c = *client;

	*client = NULL;
	if (c == NULL || --c->references > 0)
		return;
	SSL_CTX_free(c->ctx);
	mem_free(&c);
}

size_t tls_client_roots(const struct tls_client *client)
{
	return client->roots;
}

X509_STORE *tls_client_store(const struct tls_client *client)
{
	return client->ctx != NULL ? SSL_CTX_get_cert_store(client->ctx) : NULL;
}

/* --- requests ------------------------------------------------------------------- */

static const struct slice *copy_all(const struct slice *items, size_t count,
				    struct arena *arena)
{
	struct slice *copies = arena_array(arena, count, sizeof(*copies));

	for (size_t i = 0; i < count; i++)
		copies[i] = arena_copy(arena, items[i]);
	return copies;
}

struct tls_client_request tls_client_request_copy(
	const struct tls_client_request *request, struct arena *arena)
{
	return (struct tls_client_request){
		.server_name = arena_copy(arena, request->server_name),
		.other_names = copy_all(request->other_names,
					request->other_count, arena),
		.other_count = request->other_count,
		.ignores_common_name = request->ignores_common_name,
		.tlsa = copy_all(request->tlsa, request->tlsa_count, arena),
		.tlsa_count = request->tlsa_count,
	};
}

/* --- one session ----------------------------------------------------------------- */

struct name {
	char text[NAME_OCTETS + 1];
};

static bool take_name(struct slice name, struct name *ret_name)
{
	if (name.n == 0 || name.n > NAME_OCTETS || slice_has_control(name))
		return false;
	memcpy(ret_name->text, name.p, name.n);
	ret_name->text[name.n] = '\0';
	return true;
}

static bool is_ip(const struct name *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name->text, address) == 1 ||
	       inet_pton(AF_INET6, name->text, address) == 1;
}

/* For whom the certificate has to be. */
static bool set_names(SSL *ssl, const struct tls_client_request *request)
{
	struct name name;

	SSL_set_hostflags(ssl,
			  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				  (request->ignores_common_name
					   ? X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
					   : 0));
	if (!take_name(request->server_name, &name) ||
	    SSL_set1_host(ssl, name.text) != 1 ||
	    (!is_ip(&name) && SSL_set_tlsext_host_name(ssl, name.text) != 1))
		return false;
	for (size_t i = 0; i < request->other_count; i++)
		if (!take_name(request->other_names[i], &name) ||
		    SSL_add1_host(ssl, name.text) != 1)
			return false;
	return true;
}

/* RFC 7672 3.1.3: the other usages are not for SMTP. */
static bool is_for_smtp(struct slice record)
{
	return record.n > TLSA_HEAD_OCTETS &&
	       (record.p[0] == USAGE_DANE_TA || record.p[0] == USAGE_DANE_EE);
}

static void add_tlsa(SSL *ssl, struct slice record)
{
	const uint8_t *octets = (const uint8_t *)record.p;

	if (is_for_smtp(record))
		(void)SSL_dane_tlsa_add(ssl, octets[0], octets[1], octets[2],
					octets + TLSA_HEAD_OCTETS,
					record.n - TLSA_HEAD_OCTETS);
}

static bool set_dane(SSL *ssl, const struct tls_client_request *request)
{
	struct name name;

	if (request->tlsa_count == 0)
		return true;
	if (!take_name(request->server_name, &name) ||
	    SSL_dane_enable(ssl, name.text) != 1)
		return false;
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < request->tlsa_count; i++)
		add_tlsa(ssl, request->tlsa[i]);
	return true;
}

SSL *tls_client_session(struct tls_client *client,
			const struct tls_client_request *request)
{
	SSL *ssl = client->ctx != NULL ? SSL_new(client->ctx) : NULL;

	if (ssl == NULL)
		return NULL;
	SSL_set_connect_state(ssl);
	/* DANE first: it sets the one name, set_names() all. */
	if (!set_dane(ssl, request) || !set_names(ssl, request)) {
		SSL_free(ssl);
		ssl = NULL;
	}
	ERR_clear_error();
	return ssl;
}
