#include "mail/fields.h"

#include "mail/header.h"

bool fields_split(struct slice message, struct arena *arena,
		  struct fields *ret_fields)
{
	struct slice rest = message;
	struct field f, *items;
	size_t count = 0;

	while (count <= HEADER_FIELDS && field_next(&rest, &f))
		count++;
	if (count > HEADER_FIELDS)
		return false;
	items = arena_array(arena, count + 1, sizeof(*items));
	rest = message;
	for (size_t i = 0; i < count; i++)
		(void)field_next(&rest, &items[i]);
	*ret_fields = (struct fields){
		.items = items,
		.count = count,
		.section = slice_head(message, message.n - rest.n),
		.body = slice_tail(rest, slice_starts(rest, S("\r\n")) ? 2 : 0),
	};
	return true;
}
