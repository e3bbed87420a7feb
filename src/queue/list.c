#include "queue/list.h"

#include "base/mem.h"

enum { PAGE_OCTETS = 16 << 20 };

static void send_entry(const struct peers *peers, struct link *to, uint64_t id,
		       const struct store_entry *e)
{
	const struct store_recipient *r = &e->recipient;
	struct message m = { .type = MESSAGE_QUEUE_ENTRY };

	m.queue_entry = (struct msg_queue_entry){
		.id = id,
		.row = r->row,
		.queue_id = e->message.queue_id,
		.trace = e->message.trace,
		.reverse_path = e->message.reverse_path,
		.target = r->target,
		.content_octets = e->message.content_octets,
		.arrived = (uint64_t)e->message.arrived,
		.next_try = e->message.hold.n > 0 ? 0 : (uint64_t)r->due,
		.hold = e->message.hold,
		.attempts = r->attempts,
		.reason = r->holder != 0 ? S("being delivered") : r->last.text,
	};
	peers_send(peers, to, &m, -1);
}

int list_answer(struct store *store, const struct peers *peers,
		struct link *from, const struct msg_queue_list *m)
{
	AUTO(arena_free) struct arena *arena = arena_new(PAGE_OCTETS);
	struct store_page page = {
		.arena = arena,
		.max = m->limit < LIST_PAGE ? m->limit : LIST_PAGE,
	};
	struct message end = { .type = MESSAGE_QUEUE_LIST_END };
	int r;

	page.entries = arena_array(arena, LIST_PAGE, sizeof(*page.entries));
	r = store_list(store, m->after, &page);
	end.queue_list_end.id = m->id;
	for (size_t i = 0; i < page.count; i++)
		send_entry(peers, from, m->id, &page.entries[i]);
	if (r == 0)
		r = store_count(store, &end.queue_list_end.total);
	peers_send(peers, from, &end, -1);
	return r;
}
