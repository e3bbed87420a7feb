/* What a stream's TLS session is: facts for the trace, bindings for SASL. */
#include "net/stream-private.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

bool stream_is_tls(const struct stream *s)
{
	return s->ssl != NULL && SSL_is_init_finished(s->ssl);
}

struct slice stream_tls_version(const struct stream *s)
{
	return slice_of(stream_is_tls(s) ? SSL_get_version(s->ssl) : NULL);
}

struct slice stream_tls_cipher(const struct stream *s)
{
	const SSL_CIPHER *c =
		stream_is_tls(s) ? SSL_get_current_cipher(s->ssl) : NULL;

	return slice_of(c != NULL ? SSL_CIPHER_standard_name(c) : NULL);
}

unsigned stream_tls_cipher_bits(const struct stream *s)
{
	const SSL_CIPHER *c =
		stream_is_tls(s) ? SSL_get_current_cipher(s->ssl) : NULL;

	return c != NULL ? (unsigned)SSL_CIPHER_get_bits(c, NULL) : 0;
}

static bool is_host_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

struct slice stream_tls_server_name(const struct stream *s)
{
	const char *text =
		s->ssl != NULL
			? SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name)
			: NULL;
	struct slice name = slice_of(text);

	for (size_t i = 0; i < name.n; i++)
		if (!is_host_octet(name.p[i]))
			return (struct slice){ NULL, 0 };
	return slice_head(name, name.n <= 253 ? name.n : 0);
}

static const char *problem_of(const SSL *ssl, long result)
{
	if (result != X509_V_OK)
		return X509_verify_cert_error_string(result);
	return SSL_get0_peer_certificate(ssl) == NULL
		       ? "there is no certificate"
		       : "no TLSA record matches";
}

/* By DANE the records decide, and none of them is this certificate's. */
static enum stream_tls_fault fault_of(long result, bool is_dane)
{
	switch (result) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return STREAM_TLS_OTHER_HOST;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return STREAM_TLS_EXPIRED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_CERT_REVOKED:
		return is_dane ? STREAM_TLS_FAULTY : STREAM_TLS_UNTRUSTED;
	default: /* OpenSSL has many more */
		return STREAM_TLS_FAULTY;
	}
}

void stream_tls_peer(const struct stream *s, struct stream_tls_peer *ret_peer)
{
	struct stream_tls_peer peer = { .problem = "there is no TLS",
					.fault = STREAM_TLS_FAULTY };
	bool is_good;
	long result;

	*ret_peer = peer;
	if (!stream_is_tls(s))
		return;
	result = SSL_get_verify_result(s->ssl);
	is_good = result == X509_V_OK &&
		  SSL_get0_peer_certificate(s->ssl) != NULL;
	peer.is_dane = s->is_dane;
	/* Without a usable record OpenSSL has asked the roots. */
	peer.is_verified_dane =
		is_good && peer.is_dane &&
		SSL_get0_dane_authority(s->ssl, NULL, NULL) >= 0;
	peer.is_verified_pkix = is_good && !peer.is_dane;
	peer.problem = peer.is_verified_dane || peer.is_verified_pkix
			       ? ""
			       : problem_of(s->ssl, result);
	peer.fault = peer.is_verified_dane || peer.is_verified_pkix
			     ? STREAM_TLS_GOOD
			     : fault_of(result, peer.is_dane);
	*ret_peer = peer;
}

/* Each gives the octets' number, 0 for none. */

/* RFC 9266 2 */
static size_t exporter(SSL *ssl, unsigned char *octets)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(ssl) < TLS1_3_VERSION ||
	    SSL_export_keying_material(ssl, octets, 32, label,
				       sizeof(label) - 1, NULL, 0, 0) != 1)
		return 0;
	return 32;
}

/* RFC 5929 3: the first Finished, which is the client's where no session is
 * resumed, and we resume none. */
static size_t unique(SSL *ssl, unsigned char *octets)
{
	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return 0;
	return SSL_get_peer_finished(ssl, octets, EVP_MAX_MD_SIZE);
}

/* RFC 5929 4.1: the certificate's hash by its own algorithm, SHA-256 for
 * older ones. */
static size_t end_point(SSL *ssl, unsigned char *octets)
{
	X509 *x = SSL_get_certificate(ssl);
	const EVP_MD *md;
	unsigned n = 0;
	int nid;

	if (x == NULL ||
	    X509_get_signature_info(x, &nid, NULL, NULL, NULL) != 1)
		return 0;
	md = EVP_get_digestbynid(nid);
	if (md == NULL || nid == NID_md5 || nid == NID_sha1)
		md = EVP_sha256();
	return X509_digest(x, md, octets, &n) == 1 ? n : 0;
}

bool stream_tls_binding(const struct stream *s, struct slice type,
			struct arena *arena, struct slice *ret_base64)
{
	unsigned char octets[EVP_MAX_MD_SIZE];
	size_t n = 0;
	char *text;

	if (!stream_is_tls(s))
		return false;
	if (slice_equal(type, S("tls-exporter")))
		n = exporter(s->ssl, octets);
	else if (slice_equal(type, S("tls-unique")))
		n = unique(s->ssl, octets);
	else if (slice_equal(type, S("tls-server-end-point")))
		n = end_point(s->ssl, octets);
	if (n == 0)
		return false;
	text = arena_alloc(arena, sizeof(octets) * 2);
	n = (size_t)EVP_EncodeBlock((unsigned char *)text, octets, (int)n);
	*ret_base64 = (struct slice){ text, n };
	return true;
}
