/* How well a connection outside has to be protected. */
#ifndef DELIVER_SMTP_SECURITY_H
#define DELIVER_SMTP_SECURITY_H

#include "deliver/smtp_dialog.h"
#include "net/stream.h"

enum smtp_security {
	SMTP_PLAIN,         /* no TLS; as after a handshake that failed */
	SMTP_OPPORTUNISTIC, /* TLS if offered, with anybody */
	SMTP_ENCRYPTED, /* TLS, with anybody (RFC 7672 2.2: no usable TLSA) */
	SMTP_VERIFIED,  /* TLS, with a certificate for the name, by a root */
	SMTP_DANE,      /* TLS, with a certificate that TLSA demands */
};

enum smtp_tls smtp_security_tls(enum smtp_security security);
/* Whether this peer, once there is TLS with it, is good enough. */
bool smtp_security_is_met(enum smtp_security security,
			  const struct stream_tls_peer *peer);

#endif
