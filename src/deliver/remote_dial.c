#include "deliver/remote_dial.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static int bind_to(int fd, int family, const char *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int r;

	if (family == AF_INET) {
		if (inet_pton(AF_INET, address, &v4.sin_addr) != 1)
			return -EINVAL;
		r = bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
	} else {
		if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
			return -EINVAL;
		r = bind(fd, (const struct sockaddr *)&v6, sizeof(v6));
	}
	return r < 0 ? -errno : 0;
}

int remote_dial(const struct sockaddr_storage *to, socklen_t to_octets,
		const char *from4, const char *from6, int *ret_fd)
{
	AUTO(fd_close)
	int fd = socket(to->ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const char *from = to->ss_family == AF_INET ? from4 : from6;
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && from[0] != '\0')
		r = bind_to(fd, to->ss_family, from);
	if (r == 0 && connect(fd, (const struct sockaddr *)to, to_octets) < 0 &&
	    errno != EINPROGRESS)
		r = -errno;
	if (r < 0)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

void remote_dial_own_address(int fd, char *ret_text)
{
	struct sockaddr_storage own = { .ss_family = AF_UNSPEC };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&own;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&own;
	socklen_t size = sizeof(own);

	ret_text[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		return;
	if (own.ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, ret_text,
				INET6_ADDRSTRLEN);
	else if (own.ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, ret_text,
				INET6_ADDRSTRLEN);
}
