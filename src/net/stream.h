/*
 * A byte stream to a client or server: a non-blocking socket with an input and
 * an output evbuffer, in plain text or TLS. TLS reads from the socket itself,
 * never from octets that arrived before it.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/arena.h"
#include "base/slice.h"
#include "net/tls.h"
#include "net/tls_client.h"

#include <event2/buffer.h>
#include <event2/event.h>

struct stream;

enum stream_end {
	STREAM_CLOSED, /* the peer closed, in order or not */
	STREAM_FAILED, /* the socket or TLS broke; stream_error() says how */
	STREAM_IDLE,   /* no octet either way for the idle time */
};

/* None is called from within a stream_*() function; each may free the stream. */
struct stream_callbacks {
	void (*on_input)(void *arg);   /* there is more in stream_input() */
	void (*on_flushed)(void *arg); /* all output has been sent */
	void (*on_tls)(void *arg);     /* the handshake is done */
	void (*on_end)(enum stream_end end, void *arg); /* once; then nothing */
};

/* Takes fd over and makes it non-blocking. callbacks lives as long. */
struct stream *stream_new(struct event_base *base, int fd,
			  const struct stream_callbacks *callbacks, void *arg);
/* Closes at once; what is not sent is lost. */
void stream_free(struct stream **stream);

/* What has arrived; drain it. Nothing is read while it holds limit octets or
 * more (16 KiB at first). */
struct evbuffer *stream_input(struct stream *s);
void stream_set_input_limit(struct stream *s, size_t limit_octets);
/* While paused nothing is read and on_input is not called; after resuming it
 * is called (later) if there is input. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Copies octets into the output; they go out after the current callback, or
 * with stream_flush(). */
void stream_send(struct stream *s, struct slice octets);
/* Octets not yet taken by the kernel. */
size_t stream_unsent(const struct stream *s);
bool stream_is_flushed(const struct stream *s);

/* Ends the stream when neither side sent for so long. 0: never. */
void stream_set_idle(struct stream *s, unsigned idle_ms);

/*
 * Begins TLS as server; input must be empty (the caller refuses what was
 * pipelined behind STARTTLS) and all output sent before goes out first in
 * plain text. on_tls or on_end follows.
 */
void stream_start_tls(struct stream *s, struct tls_server *tls);
/* The same as client: input must be empty (the caller refuses what came behind
 * the reply to STARTTLS). request is not used after this call. */
void stream_start_tls_client(struct stream *s, struct tls_client *tls,
			     const struct tls_client_request *request);
bool stream_is_tls(const struct stream *s);
/* Facts of the session, empty without TLS: "TLSv1.3", the IANA cipher suite
 * name, the SNI name the client sent (checked to be a host name). */
struct slice stream_tls_version(const struct stream *s);
struct slice stream_tls_cipher(const struct stream *s);
unsigned stream_tls_cipher_bits(const struct stream *s); /* of its key */
struct slice stream_tls_server_name(const struct stream *s);

/* What is wrong with a certificate, as RFC 8460 4.3.2 sorts it. */
enum stream_tls_fault {
	STREAM_TLS_GOOD,
	STREAM_TLS_OTHER_HOST, /* it is for somebody else */
	STREAM_TLS_EXPIRED,
	STREAM_TLS_UNTRUSTED, /* by nobody we trust, or taken back */
	STREAM_TLS_FAULTY,    /* else */
};

/* As client: whether the server is who was wanted. */
struct stream_tls_peer {
	bool is_verified_pkix; /* by a root, for a name; never if is_dane */
	bool is_verified_dane; /* by a TLSA record */
	bool is_dane;          /* TLSA records were given */
	const char *problem;   /* a literal; "" if it is verified */
	enum stream_tls_fault fault;
};

/* Known from on_tls on. */
void stream_tls_peer(const struct stream *s, struct stream_tls_peer *ret_peer);

/*
 * Channel binding data of a type ("tls-exporter", "tls-server-end-point",
 * "tls-unique"; RFC 5929, RFC 9266) in base64, in arena; false for a type that
 * is unknown or not for this TLS version.
 */
bool stream_tls_binding(const struct stream *s, struct slice type,
			struct arena *arena, struct slice *ret_base64);
/* What broke, for the log; a literal or OpenSSL's text. */
const char *stream_error(const struct stream *s);

#endif
