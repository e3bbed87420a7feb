#include "base/file.h"

#include <errno.h>
#include <unistd.h>

int file_read_at(int fd, char *p, size_t octets, uint64_t at)
{
	while (octets > 0) {
		ssize_t n = pread(fd, p, octets, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		octets -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int file_write_at(int fd, struct slice octets, uint64_t at)
{
	while (octets.n > 0) {
		ssize_t n = pwrite(fd, octets.p, octets.n, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		octets = slice_tail(octets, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}
