/* TLS as a server: certificates chosen by SNI (RFC 6066 3), TLS 1.2 and 1.3, no
 * renegotiation, no session tickets. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/slice.h"
#include "net/key_provider.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_server; /* counted: sessions keep the one they began with */

struct tls_server *tls_server_new(void);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_free(struct tls_server **server);

/*
 * Adds a chain and its key, PEM. The names come from the certificate's
 * subjectAltName, wildcards too. The first added is the one for clients that
 * send no name or an unknown one. Returns 0, or -EINVAL with a text in
 * *ret_problem (a literal).
 */
int tls_server_add(struct tls_server *server, struct slice chain_pem,
		   struct slice key_pem, const char **ret_problem);
/* The same for a chain whose key keys asks for; keys lives longer than all
 * servers and sessions. */
int tls_server_add_chain(struct tls_server *server, struct slice chain_pem,
			 struct key_provider *keys, const char **ret_problem);
size_t tls_server_count(const struct tls_server *server);

/* For stream.c: a fresh SSL in accept state, or NULL. */
SSL *tls_server_session(struct tls_server *server);

#endif
