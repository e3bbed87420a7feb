#include "deliver/smtp_security.h"

enum smtp_tls smtp_security_tls(enum smtp_security security)
{
	switch (security) {
	case SMTP_PLAIN:
		return SMTP_TLS_NEVER;
	case SMTP_OPPORTUNISTIC:
		return SMTP_TLS_IF_OFFERED;
	case SMTP_ENCRYPTED:
	case SMTP_VERIFIED:
	case SMTP_DANE:
		break;
	}
	return SMTP_TLS_DEMANDED;
}

bool smtp_security_is_met(enum smtp_security security,
			  const struct stream_tls_peer *peer)
{
	switch (security) {
	case SMTP_PLAIN:
	case SMTP_OPPORTUNISTIC:
	case SMTP_ENCRYPTED:
		return true;
	case SMTP_VERIFIED:
		return peer->is_verified_pkix;
	case SMTP_DANE:
		return peer->is_verified_dane;
	}
	return false;
}
