#include "queue/forward.h"

#include "smtp/address.h"

bool forward_is_rewritten(const struct store_entry *e)
{
	return e->recipient.target.kind == TARGET_REMOTE &&
	       e->recipient.target.is_forwarded &&
	       e->message.reverse_path.n > 0;
}

/* In the domain that it was sent to: the way back is there. */
struct slice forward_sender(const struct store_entry *e,
			    const struct srs_keys *keys, struct arena *arena)
{
	struct slice path = e->message.reverse_path;
	struct slice to = e->recipient.original;
	struct slice domain = slice_tail(to, slice_find_last(to, '@') + 1);
	struct address sender, ours = { .domain = domain };

	if (!forward_is_rewritten(e) || domain.n == 0 ||
	    address_parse(path, arena, &sender) != 0 || sender.domain.n == 0 ||
	    address_is_literal(&sender))
		return path;
	ours.local = srs_forward(keys, &sender, e->message.arrived, arena);
	to = address_format(&ours, arena);
	return to.n <= SRS_PATH_OCTETS ? to : path;
}
