#include "conf/endpoint.h"

#include "conf/value.h"

#include <string.h>
#include <sys/socket.h>

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* Underscores: names of containers have them. What ends in a number is a
 * mistaken address. */
static bool is_host_name(struct slice host)
{
	size_t last = slice_find_last(host, '.');
	struct slice label = last < host.n ? slice_tail(host, last + 1) : host;
	uint64_t number;

	if (host.n == 0 || host.n > ENDPOINT_HOST_OCTETS ||
	    !is_letter_or_digit(host.p[0]) ||
	    !is_letter_or_digit(host.p[host.n - 1]))
		return false;
	for (size_t i = 0; i < host.n; i++)
		if (!is_letter_or_digit(host.p[i]) && host.p[i] != '-' &&
		    host.p[i] != '_' &&
		    (host.p[i] != '.' || host.p[i - 1] == '.'))
			return false;
	return !slice_to_u64(label, UINT64_MAX, &number);
}

static const char *parse_host(struct slice host, bool may_be_bare,
			      struct endpoint *e, struct arena *arena)
{
	bool has_brackets =
		host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';

	if (has_brackets)
		host = slice_tail(slice_head(host, host.n - 1), 1);
	e->host = arena_string(arena, host);
	if ((has_brackets || may_be_bare) && value_is_address(AF_INET6, host))
		return NULL;
	if (has_brackets)
		return "has no IPv6 address in its brackets";
	if (value_is_address(AF_INET6, host))
		return "has an IPv6 address without brackets";
	if (value_is_address(AF_INET, host))
		return e->kind == ENDPOINT_INET
			       ? NULL
			       : "has an IPv4 address; write inet: before it";
	e->is_name = true;
	return is_host_name(host) ? NULL : "has no address and no host name";
}

static const char *parse_inet(struct slice text, struct endpoint *e,
			      struct arena *arena)
{
	struct slice port, host;
	bool is_port_first = slice_cut(text, '@', &port, &host);
	uint64_t number;

	if (!is_port_first) {
		size_t colon = slice_find_last(text, ':');

		host = slice_head(text, colon);
		port = slice_tail(text, colon + 1);
	}
	if (!slice_to_u64(port, 65535, &number) || number == 0)
		return "has no port; 1 to 65535";
	e->port = (uint16_t)number;
	return parse_host(host, is_port_first, e, arena);
}

static const char *parse_path(struct slice path, struct endpoint *e,
			      struct arena *arena)
{
	if (!value_is_path(path))
		return "has no path from the root; it begins with a /";
	if (path.n > ENDPOINT_PATH_OCTETS)
		return "has too long a path; at most 107 octets";
	e->path = arena_string(arena, path);
	return NULL;
}

const char *endpoint_parse(struct slice text, struct arena *arena,
			   struct endpoint *ret_endpoint)
{
	struct endpoint e = { .kind = ENDPOINT_UNIX };
	struct slice kind, rest;
	const char *problem;

	if (slice_has_control(text) || slice_has_high(text))
		return "is not plain text";
	(void)slice_cut(text, ':', &kind, &rest);
	if (text.n > 0 && text.p[0] == '/') {
		problem = parse_path(text, &e, arena);
	} else if (slice_equal(kind, S("unix")) ||
		   slice_equal(kind, S("local"))) {
		problem = parse_path(rest, &e, arena);
	} else if (slice_equal(kind, S("inet"))) {
		e.kind = ENDPOINT_INET;
		problem = parse_inet(rest, &e, arena);
	} else if (slice_equal(kind, S("inet6"))) {
		e.kind = ENDPOINT_INET6;
		problem = parse_inet(rest, &e, arena);
	} else {
		problem = "is neither a path from the root nor inet:HOST:PORT";
	}
	if (problem == NULL)
		*ret_endpoint = e;
	return problem;
}
