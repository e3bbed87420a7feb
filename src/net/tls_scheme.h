/* How handshakes are signed: SignatureScheme of RFC 8446 4.2.3, which RFC 5246
 * 7.4.1.4.1 writes as hash and signature. */
#ifndef NET_TLS_SCHEME_H
#define NET_TLS_SCHEME_H

enum tls_scheme {
	TLS_RSA_PKCS1_SHA256 = 0x0401,
	TLS_RSA_PKCS1_SHA384 = 0x0501,
	TLS_RSA_PKCS1_SHA512 = 0x0601,
	TLS_ECDSA_SHA256 = 0x0403, /* in TLS 1.3 with P-256 only */
	TLS_ECDSA_SHA384 = 0x0503, /* with P-384 only */
	TLS_ECDSA_SHA512 = 0x0603, /* with P-521 only */
	TLS_RSA_PSS_SHA256 = 0x0804,
	TLS_RSA_PSS_SHA384 = 0x0805,
	TLS_RSA_PSS_SHA512 = 0x0806,
	TLS_ED25519 = 0x0807,
};

#endif
