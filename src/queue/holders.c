#include "queue/holders.h"

#include "base/list.h"
#include "base/mem.h"
#include "queue/schedule.h"

struct holder {
	TAILQ_ENTRY(holder) entry;
	const struct link *link;
	uint64_t id;
};

struct holders {
	TAILQ_HEAD(, holder) all;
	uint64_t last_id;
};

struct holders *holders_new(void)
{
	struct holders *hs = mem_new(sizeof(*hs));

	TAILQ_INIT(&hs->all);
	hs->last_id = schedule_random();
	return hs;
}

static void forget(struct holders *hs, struct holder *h)
{
	TAILQ_REMOVE(&hs->all, h, entry);
	mem_free(&h);
}

void holders_free(struct holders **holders)
{
	struct holders *hs = *holders;

	if (hs == NULL)
		return;
	while (!TAILQ_EMPTY(&hs->all))
		forget(hs, TAILQ_FIRST(&hs->all));
	mem_free(holders);
}

static struct holder *find(struct holders *hs, const struct link *link)
{
	struct holder *h;

	TAILQ_FOREACH(h, &hs->all, entry)
		if (h->link == link)
			return h;
	return NULL;
}

uint64_t holders_id(struct holders *hs, const struct link *link)
{
	struct holder *h = find(hs, link);

	if (h == NULL) {
		h = mem_new(sizeof(*h));
		h->link = link;
		h->id = ++hs->last_id;
		TAILQ_INSERT_TAIL(&hs->all, h, entry);
	}
	return h->id;
}

bool holders_forget(struct holders *hs, const struct link *link,
		    uint64_t *ret_id)
{
	struct holder *h = find(hs, link);

	if (h == NULL)
		return false;
	*ret_id = h->id;
	forget(hs, h);
	return true;
}
