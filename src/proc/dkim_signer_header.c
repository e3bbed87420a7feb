#include "proc/dkim_signer_header.h"

#include "base/file.h"
#include "proc/dkim_signer.h"

enum { FIRST_OCTETS = 16 << 10 }; /* most headers are in it */

/* Whether text goes on after the header section. */
static bool is_over(const struct fields *fields, struct slice text)
{
	return slice_starts(slice_tail(text, fields->section.n), S("\r\n"));
}

const char *dkim_signer_header_read(int fd, uint64_t octets,
				    struct arena *arena,
				    struct fields *ret_fields,
				    uint64_t *ret_body)
{
	for (size_t n = FIRST_OCTETS; n <= DKIM_SIGNER_HEADER_OCTETS; n *= 4) {
		size_t some = octets < n ? (size_t)octets : n;
		char *text = arena_alloc(arena, some + 1);
		struct slice read = { text, some };

		if (file_read_at(fd, text, some, 0) != 0)
			return "the message cannot be read";
		if (!fields_split(read, arena, ret_fields))
			return "the header has too many fields";
		if (some == octets || is_over(ret_fields, read)) {
			*ret_body = some - ret_fields->body.n;
			return NULL;
		}
	}
	return "the header is too big";
}
