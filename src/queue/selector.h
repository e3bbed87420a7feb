/* Which recipients an operator means: struct selector of proc/wire.h. */
#ifndef QUEUE_SELECTOR_H
#define QUEUE_SELECTOR_H

#include "queue/store.h"

/* It leaves nothing out. */
bool selector_is_empty(const struct selector *s);
/* now: wall-clock seconds. */
bool selector_fits(const struct selector *s, const struct store_entry *e,
		   int64_t now);
struct selector selector_copy(const struct selector *s, struct arena *arena);

#endif
