#include "deliver/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool is_sealed(int fd)
{
	const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return true; /* a file system without seals: a spool file */
	/* A file in a tmpfs can have no seals, which is F_SEAL_SEAL alone. */
	return seals == F_SEAL_SEAL || (seals & wanted) == wanted;
}

bool descriptor_is_fit(int fd, uint64_t content_octets)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size >= content_octets && is_sealed(fd);
}
