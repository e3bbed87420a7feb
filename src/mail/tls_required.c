#include "mail/tls_required.h"

static const struct slice name = SLICE("TLS-Required:");

void tls_required_watch_init(struct tls_required_watch *w)
{
	w->is_no = false;
	w->n = 0;
}

static bool says_no(const struct tls_required_watch *w)
{
	struct slice line = { w->line, w->n };

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return slice_starts_nocase(line, name) &&
	       slice_equal_nocase(slice_trim(slice_tail(line, name.n)),
				  S("No"));
}

void tls_required_watch_feed(struct tls_required_watch *w, struct slice in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n') {
			w->is_no |= says_no(w);
			w->n = 0;
		} else if (w->n < TLS_REQUIRED_OCTETS) {
			/* A longer line keeps its begin, and is none. */
			w->line[w->n++] = in.p[i];
		}
	}
}
