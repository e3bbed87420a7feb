#include "dns/record.h"

#include "smtp/name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
	NAME_OCTETS = 255, /* RFC 1035 2.3.4 */
	LABEL_OCTETS = 63,
	TLSA_OCTETS = 4096,
	SHA256_OCTETS = 32,
	SHA512_OCTETS = 64,
};

/* A name on the wire, as text without a last dot; text has room for it. No
 * octet of a label may be mistaken for a dot or an escape. */
static bool read_name(struct slice wire, char *text, size_t *ret_n)
{
	size_t n = 0;

	while (wire.n > 0 && wire.p[0] != 0) {
		size_t label = (unsigned char)wire.p[0];
		struct slice octets = slice_head(slice_tail(wire, 1), label);

		if (label > LABEL_OCTETS || octets.n < label ||
		    n + label + 1 > NAME_OCTETS ||
		    slice_find(octets, '.') < label)
			return false;
		if (n > 0)
			text[n++] = '.';
		memcpy(text + n, octets.p, label);
		n += label;
		wire = slice_tail(wire, 1 + label);
	}
	*ret_n = n;
	return wire.n == 1; /* the root's label, and nothing behind it */
}

bool record_mx(struct slice rdata, struct arena *arena,
	       uint16_t *ret_preference, struct slice *ret_name)
{
	char text[NAME_OCTETS];
	struct slice name = { .p = text };
	const unsigned char *preference;

	if (rdata.n < 3 || !read_name(slice_tail(rdata, 2), text, &name.n))
		return false;
	if (name.n > 0 &&
	    (slice_has_high(name) || name_domain(name, arena, ret_name) != 0))
		return false;
	if (name.n == 0)
		*ret_name = S("");
	preference = (const unsigned char *)rdata.p;
	*ret_preference = (uint16_t)(preference[0] << 8 | preference[1]);
	return true;
}

bool record_name(struct slice rdata, struct arena *arena,
		 struct slice *ret_name)
{
	char text[NAME_OCTETS];
	struct slice name = { .p = text };

	return read_name(rdata, text, &name.n) && name.n > 0 &&
	       !slice_has_high(name) && name_domain(name, arena, ret_name) == 0;
}

static bool is_ipv4_usable(const unsigned char *a)
{
	return a[0] != 0 && a[0] < 224; /* RFC 1122 3.2.1.3 */
}

static bool is_ipv6_usable(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_MULTICAST(a) &&
	       !IN6_IS_ADDR_V4MAPPED(a) && !IN6_IS_ADDR_LINKLOCAL(a);
}

bool record_address(struct slice rdata, struct arena *arena,
		    struct slice *ret_text)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char ipv4[4];
	struct in6_addr ipv6;
	const char *made = NULL;

	if (rdata.n == sizeof(ipv4)) {
		memcpy(ipv4, rdata.p, sizeof(ipv4));
		if (is_ipv4_usable(ipv4))
			made = inet_ntop(AF_INET, ipv4, text, sizeof(text));
	} else if (rdata.n == sizeof(ipv6)) {
		memcpy(&ipv6, rdata.p, sizeof(ipv6));
		if (is_ipv6_usable(&ipv6))
			made = inet_ntop(AF_INET6, &ipv6, text, sizeof(text));
	}
	if (made == NULL)
		return false;
	*ret_text = arena_copy(arena, slice_of(text));
	return true;
}

bool record_txt(struct slice rdata, size_t limit_octets, struct arena *arena,
		struct slice *ret_text)
{
	struct slice rest = rdata;
	size_t n = 0;
	char *text;

	while (rest.n > 0) {
		size_t octets = (unsigned char)rest.p[0];

		if (rest.n < 1 + octets)
			return false;
		n += octets;
		rest = slice_tail(rest, 1 + octets);
	}
	if (rdata.n == 0 || n > limit_octets)
		return false;
	text = arena_alloc(arena, n + 1);
	*ret_text = (struct slice){ .p = text, .n = n };
	for (rest = rdata; rest.n > 0;) {
		size_t octets = (unsigned char)rest.p[0];

		memcpy(text, rest.p + 1, octets);
		text += octets;
		rest = slice_tail(rest, 1 + octets);
	}
	return true;
}

bool record_is_usable_tlsa(struct slice rdata)
{
	size_t octets = rdata.n - 3;

	if (rdata.n <= 3 || rdata.n > TLSA_OCTETS)
		return false;
	/* PKIX-TA and PKIX-EE mean authorities that nobody agreed on: RFC 7672
	 * 3.1.3 */
	if (rdata.p[0] != 2 && rdata.p[0] != 3)
		return false;
	if (rdata.p[1] != 0 && rdata.p[1] != 1)
		return false;
	switch (rdata.p[2]) {
	case 0:
		return true;
	case 1:
		return octets == SHA256_OCTETS;
	case 2:
		return octets == SHA512_OCTETS;
	default: /* a number of theirs */
		return false;
	}
}
