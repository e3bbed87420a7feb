/* Parts of files, read and written whole. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/slice.h"

#include <stdint.h>

/* Both return 0 or a negative errno; -EIO when the file ends before. */
int file_read_at(int fd, char *p, size_t octets, uint64_t at);
int file_write_at(int fd, struct slice octets, uint64_t at);

#endif
