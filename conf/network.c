#include "conf/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { V4_BITS = 96 }; /* before those of an IPv4 address */

static const uint8_t v4_prefix[V4_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static bool read_address(struct slice text, struct network *n,
			 unsigned *ret_first_bit)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(copy) ||
	    slice_find(text, '\0') < text.n)
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	*ret_first_bit = 0;
	if (inet_pton(AF_INET6, copy, n->octets) == 1)
		return true;
	*ret_first_bit = V4_BITS;
	memcpy(n->octets, v4_prefix, sizeof(v4_prefix));
	return inet_pton(AF_INET, copy, n->octets + sizeof(v4_prefix)) == 1;
}

bool network_parse(struct slice text, struct network *ret_network)
{
	struct network n = { .bits = 128 };
	struct slice address, prefix;
	bool has_prefix = slice_cut(text, '/', &address, &prefix);
	unsigned first = 0;
	uint64_t bits = 0;

	if (!read_address(address, &n, &first) ||
	    (has_prefix && !slice_to_u64(prefix, 128 - first, &bits)))
		return false;
	if (has_prefix)
		n.bits = first + (unsigned)bits;
	*ret_network = n;
	return true;
}

static bool octets_of(const struct sockaddr *address, uint8_t octets[16])
{
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;

		memcpy(&six, address, sizeof(six));
		memcpy(octets, &six.sin6_addr, 16);
		return true;
	}
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;

		memcpy(&four, address, sizeof(four));
		memcpy(octets, v4_prefix, sizeof(v4_prefix));
		memcpy(octets + sizeof(v4_prefix), &four.sin_addr, 4);
		return true;
	}
	return false;
}

bool network_has(const struct network *network, const struct sockaddr *address)
{
	const size_t whole = network->bits / 8;
	const unsigned rest = network->bits % 8;
	uint8_t octets[16];

	if (!octets_of(address, octets) ||
	    memcmp(octets, network->octets, whole) != 0)
		return false;
	return rest == 0 ||
	       ((octets[whole] ^ network->octets[whole]) >> (8 - rest)) == 0;
}
