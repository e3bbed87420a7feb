/* The members of a stream, for stream*.c. */
#ifndef NET_STREAM_PRIVATE_H
#define NET_STREAM_PRIVATE_H

#include "net/stream.h"

#include <openssl/ssl.h>

enum mode {
	MODE_PLAIN,
	MODE_TLS_WANTED, /* plain output goes out first; nothing is read */
	MODE_HANDSHAKE,
	MODE_TLS,
	MODE_ENDED, /* on_end was called */
};

/* What one turn of reading or writing came to. */
enum progress {
	PROGRESS_NONE,
	PROGRESS_SOME,
	PROGRESS_CLOSED,
	PROGRESS_FAILED
};

struct stream {
	enum mode mode;
	int fd;
	struct event *on_readable, *on_writable, *on_turn;
	struct evbuffer *input, *output;
	size_t input_limit;
	bool is_paused;
	bool wants_flushed; /* something was sent since the last on_flushed */
	SSL *ssl;
	struct tls_server *tls; /* NULL as client */
	bool is_dane;           /* as client: TLSA records decide */
	unsigned idle_ms;
	uint64_t last_ms; /* when an octet went either way */
	const char *error;
	/* TLS ended right behind octets that are to be shown first */
	enum progress late_end;
	const struct stream_callbacks *callbacks;
	void *arg;
};

/* Watches for an event, as long as the idle time says. */
void stream_arm(const struct stream *s, struct event *e);
/* Runs the stream's turn after the current callback. */
void stream_take_a_turn(struct stream *s);
/* What an OpenSSL call that returned r came to. */
enum progress stream_tls_progress(struct stream *s, int r);
/* Reads what the input has room for; writes what the kernel takes. */
enum progress stream_read(struct stream *s);
enum progress stream_write(struct stream *s);

#endif
