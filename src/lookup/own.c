#include "lookup/own.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool parse(const char *text, union address *ret_address)
{
	int size = sizeof(*ret_address);

	return evutil_parse_sockaddr_port(text, &ret_address->any, &size) == 0;
}

static bool parse_slice(struct slice text, union address *ret_address)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return parse(copy, ret_address);
}

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static unsigned port_of(const union address *a)
{
	return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port
						 : a->v6.sin6_port);
}

static bool is_wildcard(const union address *a)
{
	return a->any.sa_family == AF_INET
		       ? a->v4.sin_addr.s_addr == htonl(INADDR_ANY)
		       : IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

static bool is_same(const union address *a, const union address *b)
{
	return a->any.sa_family == AF_INET
		       ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
		       : IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

/* Only this machine's addresses can be bound to. */
static bool is_of_this_machine(union address a)
{
	AUTO(fd_close)
	int fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (a.any.sa_family == AF_INET)
		a.v4.sin_port = 0;
	else
		a.v6.sin6_port = 0;
	return fd >= 0 && bind(fd, &a.any, size_of(&a)) == 0;
}

bool own_is(const char *const *listening, size_t count, unsigned port,
	    struct slice address)
{
	union address a, l;

	if (!parse_slice(address, &a))
		return false;
	for (size_t i = 0; i < count; i++)
		if (parse(listening[i], &l) && port_of(&l) == port &&
		    l.any.sa_family == a.any.sa_family &&
		    (is_wildcard(&l) ? is_of_this_machine(a) : is_same(&l, &a)))
			return true;
	return false;
}
