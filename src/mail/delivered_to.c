#include "mail/delivered_to.h"

static const struct slice name = SLICE("Delivered-To:");

void delivered_watch_init(struct delivered_watch *w, struct slice address)
{
	w->is_found = false;
	w->address = address;
	w->n = 0;
}

static bool is_it(const struct delivered_watch *w)
{
	struct slice line = { w->line, w->n };

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return slice_starts_nocase(line, name) &&
	       slice_equal_nocase(slice_trim(slice_tail(line, name.n)),
				  w->address);
}

void delivered_watch_feed(struct delivered_watch *w, struct slice in)
{
	if (w->address.n == 0)
		return;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n') {
			w->is_found |= is_it(w);
			w->n = 0;
		} else if (w->n < DELIVERED_TO_OCTETS) {
			/* A longer line keeps its begin, and is none. */
			w->line[w->n++] = in.p[i];
		}
	}
}

struct slice delivered_to_format(struct slice address, struct arena *arena)
{
	const struct slice parts[] = { name, S(" "), address, S("\r\n") };

	return arena_join(arena, parts, 4);
}
