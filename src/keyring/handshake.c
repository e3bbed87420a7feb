#include "keyring/handshake.h"

enum {
	PADDING_OCTETS = 64,
	RANDOMS_OCTETS = 64, /* the client's and the server's */
	PARAMETERS_OCTETS = 4,
	NAMED_CURVE = 3, /* RFC 8422 5.4 */
	UNCOMPRESSED = 4,
};

struct curve {
	unsigned id; /* NamedCurve, RFC 8422 5.1.1 */
	size_t point_octets;
	bool is_uncompressed; /* the point begins with UNCOMPRESSED */
};

static const struct curve curves[] = {
	{ 29, 32, false }, /* x25519 */
	{ 23, 65, true },  /* secp256r1 */
	{ 24, 97, true },  /* secp384r1 */
};

static uint8_t octet(struct slice s, size_t i)
{
	return (uint8_t)s.p[i];
}

static bool is_tls13(struct slice text)
{
	/* With the NUL at its end. */
	static const char context[] = "TLS 1.3, server CertificateVerify";
	const struct slice want = { context, sizeof(context) };
	size_t hash_octets;

	for (size_t i = 0; i < PADDING_OCTETS; i++)
		if (i >= text.n || text.p[i] != ' ')
			return false;
	text = slice_tail(text, PADDING_OCTETS);
	hash_octets = slice_tail(text, want.n).n;
	return slice_starts(text, want) &&
	       (hash_octets == 32 || hash_octets == 48);
}

static bool is_tls12(struct slice text)
{
	struct slice parameters = slice_tail(text, RANDOMS_OCTETS);
	struct slice point = slice_tail(parameters, PARAMETERS_OCTETS);
	unsigned id;

	if (point.n == 0 || octet(parameters, 0) != NAMED_CURVE)
		return false;
	id = (unsigned)octet(parameters, 1) << 8 | octet(parameters, 2);
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].id == id)
			return octet(parameters, 3) == curves[i].point_octets &&
			       point.n == curves[i].point_octets &&
			       (!curves[i].is_uncompressed ||
				octet(point, 0) == UNCOMPRESSED);
	return false;
}

enum handshake handshake_of(struct slice text)
{
	if (is_tls13(text))
		return HANDSHAKE_TLS13;
	return is_tls12(text) ? HANDSHAKE_TLS12 : HANDSHAKE_NONE;
}
