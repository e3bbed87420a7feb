/* Files of the configuration, read whole and with a bound. */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "base/slice.h"

#include <sys/stat.h>

/*
 * Reads the plain file name, relative to the directory dirfd (or AT_FDCWD).
 * Links are followed; what is no plain file is never opened for long: a FIFO
 * does not hold us up. Returns 0, or -errno: -EISDIR or -EINVAL for what is
 * no file, -EFBIG beyond limit_octets. *ret_text is NUL-terminated beyond its
 * end and mem_free()d by the caller; ret_stat may be NULL.
 */
int file_read(int dirfd, const char *name, size_t limit_octets,
	      struct slice *ret_text, struct stat *ret_stat);

/* Frees what file_read() gave, and leaves none of its octets in memory. */
void file_forget(struct slice *text);

#endif
