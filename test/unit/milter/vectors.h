/* Octets written as hex digits with blanks. */
#ifndef TEST_MILTER_VECTORS_H
#define TEST_MILTER_VECTORS_H

#include "base/mem.h"
#include "base/slice.h"

#include <stdlib.h>
#include <string.h>

/* In *ret_room, which is the caller's to mem_free(). */
static inline struct slice octets_of(const char *hex, char **ret_room)
{
	size_t n = 0;

	*ret_room = mem_array(strlen(hex) / 2 + 1, 1);
	while (*hex != '\0') {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		(*ret_room)[n++] = (char)strtoul(
			(char[]){ hex[0], hex[1], '\0' }, NULL, 16);
		hex += 2;
	}
	return (struct slice){ *ret_room, n };
}

#endif
