#include "net/tls.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

struct certificate {
	TAILQ_ENTRY(certificate) entry;
	SSL_CTX *ctx;
};

struct tls_server {
	unsigned references;
	size_t count;
	TAILQ_HEAD(, certificate) certificates;
};

struct tls_server *tls_server_new(void)
{
	struct tls_server *s = mem_new(sizeof(*s));

	/* Reads openssl.cnf: before the process is caged. */
	(void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
	s->references = 1;
	TAILQ_INIT(&s->certificates);
	return s;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
	server->references++;
	return server;
}

static void certificate_free(struct tls_server *s, struct certificate *c)
{
	TAILQ_REMOVE(&s->certificates, c, entry);
	SSL_CTX_free(c->ctx);
	mem_free(&c);
}

void tls_server_free(struct tls_server **server)
{
	struct tls_server *s = *server;

	*server = NULL;
	if (s == NULL || --s->references > 0)
		return;
	while (!TAILQ_EMPTY(&s->certificates))
		certificate_free(s, TAILQ_FIRST(&s->certificates));
	mem_free(&s);
}

size_t tls_server_count(const struct tls_server *server)
{
	return server->count;
}

/* --- choosing by SNI ------------------------------------------------------------ */

static bool covers(const struct certificate *c, const char *name)
{
	X509 *x = SSL_CTX_get0_certificate(c->ctx);

	return x != NULL && X509_check_host(x, name, 0, 0, NULL) == 1;
}

/* RFC 6066 3. An unknown name gets the first certificate: refusing it would
 * only make opportunistic clients send in plain text. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct certificate *c;

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	TAILQ_FOREACH(c, &s->certificates, entry) {
		if (!covers(c, name))
			continue;
		(void)SSL_set_SSL_CTX(ssl, c->ctx);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* --- one certificate -------------------------------------------------------------- */

/* library: NULL for OpenSSL's own. */
static SSL_CTX *make_context(struct tls_server *server, OSSL_LIB_CTX *library)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(library, NULL, TLS_server_method());

	if (ctx == NULL)
		return NULL;
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* Many close without saying so in TLS; SMTP marks its own ends. */
	(void)SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					       SSL_OP_NO_TICKET |
					       SSL_OP_NO_COMPRESSION |
					       SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(
		ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Forward secrecy only (RFC 9325 4.2). */
	(void)SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
	(void)SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, server);
	return ctx;
}

static BIO *open_pem(struct slice pem)
{
	return pem.n <= 1 << 20 ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

/* Whether the last read found no further PEM object, not a broken one. */
static bool has_no_more(void)
{
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static bool use_chain(SSL_CTX *ctx, BIO *bio)
{
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool ok = x != NULL && SSL_CTX_use_certificate(ctx, x) == 1;

	X509_free(x);
	while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		ok = SSL_CTX_add0_chain_cert(ctx, x) == 1;
	return ok && has_no_more();
}

/* A password would be asked for on a terminal: there is none. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static bool use_key(SSL_CTX *ctx, BIO *bio)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	bool ok = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	return ok;
}

static const char *fill_chain(SSL_CTX *ctx, struct slice chain_pem)
{
	BIO *chain = open_pem(chain_pem);
	const char *problem = NULL;

	ERR_clear_error();
	if (ctx == NULL || chain == NULL)
		problem = "cannot be loaded";
	else if (!use_chain(ctx, chain))
		problem = "fullchain.pem holds no usable certificate chain";
	BIO_free(chain);
	ERR_clear_error();
	return problem;
}

static const char *fill_key(SSL_CTX *ctx, struct slice key_pem)
{
	BIO *key = open_pem(key_pem);
	const char *problem = NULL;

	if (key == NULL || !use_key(ctx, key))
		problem = "privkey.pem holds no usable private key for it";
	else if (SSL_CTX_check_private_key(ctx) != 1)
		problem = "privkey.pem does not fit fullchain.pem";
	BIO_free(key);
	ERR_clear_error();
	return problem;
}

static const char *ask_for_key(SSL_CTX *ctx, struct key_provider *keys)
{
	EVP_PKEY *public_key = X509_get0_pubkey(SSL_CTX_get0_certificate(ctx));
	EVP_PKEY *key =
		public_key != NULL ? key_provider_key(keys, public_key) : NULL;
	bool ok = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok ? NULL : "its kind of key is not supported";
}

/* Takes ctx over. */
static int add(struct tls_server *server, SSL_CTX *ctx, const char *problem,
	       const char **ret_problem)
{
	struct certificate *c;

	if (problem != NULL) {
		SSL_CTX_free(ctx);
		*ret_problem = problem;
		return -EINVAL;
	}
	c = mem_new(sizeof(*c));
	c->ctx = ctx;
	TAILQ_INSERT_TAIL(&server->certificates, c, entry);
	server->count++;
	return 0;
}

int tls_server_add(struct tls_server *server, struct slice chain_pem,
		   struct slice key_pem, const char **ret_problem)
{
	SSL_CTX *ctx = make_context(server, NULL);
	const char *problem = fill_chain(ctx, chain_pem);

	if (problem == NULL)
		problem = fill_key(ctx, key_pem);
	return add(server, ctx, problem, ret_problem);
}

int tls_server_add_chain(struct tls_server *server, struct slice chain_pem,
			 struct key_provider *keys, const char **ret_problem)
{
	SSL_CTX *ctx = make_context(server, key_provider_library(keys));
	const char *problem = fill_chain(ctx, chain_pem);

	if (problem == NULL)
		problem = ask_for_key(ctx, keys);
	return add(server, ctx, problem, ret_problem);
}

SSL *tls_server_session(struct tls_server *server)
{
	struct certificate *first = TAILQ_FIRST(&server->certificates);
	SSL *ssl = first != NULL ? SSL_new(first->ctx) : NULL;

	if (ssl != NULL)
		SSL_set_accept_state(ssl);
	return ssl;
}
