#include "queue/list.h"

#include "base/mem.h"
#include "queue/selector.h"

#include <errno.h>

enum { PAGE_OCTETS = 16 << 20, HEADER_OCTETS = 65536 };

struct listing {
	struct store *store;
	const struct peers *peers;
	struct link *to;
	const struct msg_queue_list *m;
	int64_t now;
};

static enum queue_state state_of(const struct store_recipient *r)
{
	if (r->holder != 0)
		return QUEUE_STATE_IN_SESSION;
	switch (r->line) {
	case STORE_NEW:
	case STORE_LINES:
		break;
	case STORE_DEFERRED:
		return QUEUE_STATE_DEFERRED;
	case STORE_REPORT:
		return QUEUE_STATE_REPORT;
	case STORE_HELD:
		return QUEUE_STATE_HELD;
	}
	return QUEUE_STATE_NEW;
}

static void send_entry(const struct listing *l, const struct store_entry *e)
{
	const struct store_recipient *r = &e->recipient;
	bool is_held = r->line == STORE_HELD;
	struct message m = { .type = MESSAGE_QUEUE_ENTRY };

	m.queue_entry = (struct msg_queue_entry){
		.id = l->m->id,
		.queue_id = e->message.queue_id,
		.trace = e->message.trace,
		.reverse_path = e->message.reverse_path,
		.login = e->message.login,
		.envid = e->message.envid,
		.target = r->target,
		.original = r->original,
		.content_octets = e->message.content_octets,
		.arrived = (uint64_t)e->message.arrived,
		.state = state_of(r),
		.next_try = is_held ? 0 : (uint64_t)r->due,
		.last_try = (uint64_t)r->last_try,
		.attempts = r->attempts,
		.hold = is_held ? e->message.hold : S(""),
		.code = r->last.code,
		.reason = r->holder != 0 ? S("being delivered") : r->last.text,
		.tls_demand = r->tls_demand,
	};
	peers_send(l->peers, l->to, &m, -1);
}

static int send_header(const struct listing *l, uint64_t queue_id)
{
	AUTO(arena_free) struct arena *arena = arena_new(4 * HEADER_OCTETS);
	struct message m = { .type = MESSAGE_QUEUE_HEADER };
	struct slice text = S("");
	size_t end;
	int r = store_read_content(l->store, queue_id, HEADER_OCTETS, arena,
				   &text);

	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	end = slice_find_slice(text, S("\r\n\r\n"));
	m.queue_header = (struct msg_queue_header){
		.id = l->m->id,
		.queue_id = queue_id,
		.header = end < text.n ? slice_head(text, end + 2) : text,
	};
	peers_send(l->peers, l->to, &m, -1);
	return 0;
}

/* Their entries follow each other: they came in one transaction. */
static int send_page(const struct listing *l, const struct store_page *page)
{
	uint64_t shown = 0; /* the message of the last entry */
	int r = 0;

	for (size_t i = 0; i < page->count && r == 0; i++) {
		const struct store_entry *e = &page->entries[i];

		if (!selector_fits(&l->m->selector, e, l->now))
			continue;
		if (l->m->with_header && shown != 0 &&
		    shown != e->message.queue_id)
			r = send_header(l, shown);
		shown = e->message.queue_id;
		send_entry(l, e);
	}
	if (r == 0 && l->m->with_header && shown != 0)
		r = send_header(l, shown);
	return r;
}

int list_answer(struct store *store, const struct peers *peers,
		struct link *from, const struct msg_queue_list *m, int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(PAGE_OCTETS);
	const struct listing l = { store, peers, from, m, now };
	struct store_page page = {
		.arena = arena,
		.max = m->limit < LIST_PAGE ? m->limit : LIST_PAGE,
	};
	struct message end = { .type = MESSAGE_QUEUE_LIST_END };
	int r;

	page.entries = arena_array(arena, LIST_PAGE, sizeof(*page.entries));
	r = store_list(store, m->selector.queue_id, m->after, &page);
	end.queue_list_end = (struct msg_queue_list_end){
		.id = m->id,
		.after = page.count > 0
				 ? page.entries[page.count - 1].recipient.row
				 : m->after,
		.is_last = r < 0 || page.count < page.max || page.max == 0,
	};
	if (r == 0)
		r = send_page(&l, &page);
	if (r == 0 && end.queue_list_end.is_last)
		r = store_count(store, &end.queue_list_end.total);
	peers_send(peers, from, &end, -1);
	return r;
}
