#include "conf/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int read_whole(int fd, char *text, size_t size, size_t *ret_n)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, text + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	*ret_n = n;
	return 0;
}

int file_read(int dirfd, const char *name, size_t limit_octets,
	      struct slice *ret_text, struct stat *ret_stat)
{
	AUTO(fd_close)
	int fd = openat(dirfd, name,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO(mem_free_string) char *text = NULL;
	struct stat st;
	size_t size, n = 0;
	int r;

	if (fd < 0 || fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size < 0 || (uintmax_t)st.st_size > limit_octets)
		return -EFBIG;
	/* One octet more than there should be: a file that grows meanwhile is
	 * read again after the next change of its time stamp. */
	size = (size_t)st.st_size + 1;
	text = mem_new(size + 1);
	r = read_whole(fd, text, size, &n);
	if (r < 0)
		return r;
	if (n > limit_octets)
		return -EFBIG;
	*ret_text = (struct slice){ .p = text, .n = n };
	text = NULL; /* now the caller's */
	if (ret_stat != NULL)
		*ret_stat = st;
	return 0;
}

void file_forget(struct slice *text)
{
	void *writable;

	/* The text is ours, const only for those who are given it. */
	memcpy(&writable, &text->p, sizeof(writable));
	if (writable != NULL)
		explicit_bzero(writable, text->n);
	mem_free(&text->p);
	text->n = 0;
}
