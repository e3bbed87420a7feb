#include "conf/value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

struct unit {
	char letter; /* NUL: none */
	uint64_t factor;
};

/* The biggest first. */
static const struct unit octet_units[] = {
	{ 'T', 1ULL << 40 }, { 'G', 1ULL << 30 }, { 'M', 1ULL << 20 },
	{ 'K', 1ULL << 10 }, { '\0', 1 },
};
static const struct unit second_units[] = {
	{ 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 }, { '\0', 1 },
};

static bool read_with_unit(struct slice text, const struct unit *units,
			   uint64_t *ret_value)
{
	struct slice digits = text;
	uint64_t value;

	if (text.n == 0)
		return false;
	while (units->letter != '\0' && units->letter != text.p[text.n - 1])
		units++;
	if (units->letter != '\0')
		digits.n--;
	if (!slice_to_u64(digits, UINT64_MAX / units->factor, &value))
		return false;
	*ret_value = value * units->factor;
	return true;
}

static const char *write_with_unit(uint64_t value, const struct unit *units,
				   struct arena *arena)
{
	while (units->factor > 1 &&
	       (value < units->factor || value % units->factor != 0))
		units++;
	if (units->letter == '\0')
		return arena_format(arena, "%" PRIu64, value).p;
	return arena_format(arena, "%" PRIu64 "%c", value / units->factor,
			    units->letter)
		.p;
}

bool value_number(struct slice text, uint64_t *ret_value)
{
	return slice_to_u64(text, UINT64_MAX, ret_value);
}

bool value_octets(struct slice text, uint64_t *ret_octets)
{
	return read_with_unit(text, octet_units, ret_octets);
}

bool value_seconds(struct slice text, uint64_t *ret_seconds)
{
	return read_with_unit(text, second_units, ret_seconds);
}

const char *value_write_octets(uint64_t octets, struct arena *arena)
{
	return write_with_unit(octets, octet_units, arena);
}

const char *value_write_seconds(uint64_t seconds, struct arena *arena)
{
	return write_with_unit(seconds, second_units, arena);
}

bool value_is_address(int family, struct slice text)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary; /* the bigger of the two */

	if (text.n == 0 || text.n >= sizeof(address) ||
	    slice_find(text, '\0') < text.n)
		return false;
	memcpy(address, text.p, text.n);
	address[text.n] = '\0';
	return inet_pton(family, address, &binary) == 1;
}

bool value_is_address_port(struct slice text)
{
	size_t colon = slice_find_last(text, ':');
	struct slice host = slice_head(text, colon);
	uint64_t port;

	if (colon == text.n ||
	    !slice_to_u64(slice_tail(text, colon + 1), 65535, &port) ||
	    port == 0)
		return false;
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		return value_is_address(
			AF_INET6,

			slice_tail(slice_head(host, host.n - 1), 1));
	return value_is_address(AF_INET, host);
}

bool value_is_path(struct slice text)
{
	return text.n > 0 && text.p[0] == '/' && !slice_has_control(text);
}
