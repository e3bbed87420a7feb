/* A stream over a socketpair, its owner, and a client that speaks plain text
 * or, through OpenSSL, TLS. */
#ifndef TEST_STREAM_WORLD_H
#define TEST_STREAM_WORLD_H

#include "net/stream.h"

#include <openssl/ssl.h>

enum callback { ON_NONE, ON_INPUT, ON_FLUSHED, ON_TLS, ON_END };

struct world {
	struct event_base *base;
	struct stream *stream;
	struct tls_server *tls;
	int client;
	SSL_CTX *ctx;
	SSL *ssl; /* the client's */

	/* what the owner does */
	bool keeps_input;        /* leaves it; else takes it into got */
	bool echoes;             /* sends back what it takes */
	bool pauses;             /* after each input */
	enum callback frees_in;  /* frees the stream there */
	enum callback starts_in; /* starts TLS there */

	/* what it saw */
	unsigned input_count, flushed_count, tls_count;
	int end; /* enum stream_end, or -1 */
	struct evbuffer *got, *client_got;
	bool client_ended;
};

/* names: of the certificates, one each, ended by NULL; none: no TLS. */
void world_open(struct world *w, const char *const *names);
void world_close(struct world *w);
/* Both sides, until neither has anything to do. */
void world_run(struct world *w);
/* Runs up to ms milliseconds, until the stream ends. */
void world_wait_end(struct world *w, unsigned ms);

/* The client: plain text before world_client_tls(), TLS after it. */
void world_client_tls(struct world *w, int version, const char *server_name);
void world_client_send(struct world *w, struct slice octets);
/* What the client received so far is text, and so much. */
bool world_client_got(struct world *w, const char *text);
bool world_got(struct world *w, const char *text);

#endif
