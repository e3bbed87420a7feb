/*
 * TLS as a client: TLS 1.2 and 1.3, no renegotiation, no session is resumed.
 * Certificates are looked at and told of (stream_tls_peer()), never a reason
 * for the handshake to fail: what is good enough is the caller's to say.
 */
#ifndef NET_TLS_CLIENT_H
#define NET_TLS_CLIENT_H

#include "base/arena.h"
#include "base/slice.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_client; /* counted */

/* roots_pem: the certificates to trust, as /etc/ssl/certs/ca-certificates.crt
 * has them; those that cannot be read are left out. Empty: none are trusted. */
struct tls_client *tls_client_new(struct slice roots_pem);
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_free(struct tls_client **client);
/* How many roots there are. */
size_t tls_client_roots(const struct tls_client *client);
/* They themselves, for another library's TLS; the client's. NULL if there is
 * no TLS at all. */
X509_STORE *tls_client_store(const struct tls_client *client);

struct tls_client_request {
	/* Whom we want to reach: told to the server (RFC 6066 3; not if it is
	 * an IP address) and looked for in its certificate. Canonical, as
	 * name_domain() gives it. */
	struct slice server_name;
	/* Other names the certificate may have in its place. */
	const struct slice *other_names;
	size_t other_count;
	/* Only a subjectAltName tells for whom it is (RFC 8461 4.1); else, where
	 * there is none, the subject's common name. */
	bool ignores_common_name;
	/* Records of RFC 6698: usage, selector, matching type, an octet each,
	 * and the data. None: the roots decide. DANE-EE(3) holds whatever name
	 * and date the certificate has, DANE-TA(2) for the names above (RFC
	 * 7672 3.1); other usages match nothing. */
	const struct slice *tlsa;
	size_t tlsa_count;
};

/* With all it points to in arena. */
struct tls_client_request tls_client_request_copy(
	const struct tls_client_request *request, struct arena *arena);

/* For stream.c: a fresh SSL in connect state; NULL if the name is unusable. */
SSL *tls_client_session(struct tls_client *client,
			const struct tls_client_request *request);

#endif
