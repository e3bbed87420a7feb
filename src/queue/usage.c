#include "queue/usage.h"

#include "base/mem.h"

#include <errno.h>

enum { ARENA_OCTETS = 4 << 20, TRIES = 3 };

int64_t usage_resets(int64_t day)
{
	return (day + 1) * USAGE_DAY_S;
}

static int forget_once(struct store *store, struct slice login, int64_t day,
		       uint64_t *ret_count)
{
	int r = store_begin(store);

	if (r == 0)
		r = store_forget_usage(store, login, day, ret_count);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

/* Another node may be in the way. */
int usage_forget(struct store *store, struct slice login, int64_t day,
		 uint64_t *ret_count)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = forget_once(store, login, day, ret_count);
	return r;
}

static bool is_blocked(const struct store_usage *u)
{
	return (u->message_limit > 0 && u->messages >= u->message_limit) ||
	       (u->recipient_limit > 0 && u->recipients >= u->recipient_limit);
}

static void send_entry(const struct peers *peers, struct link *to, uint64_t id,
		       const struct store_usage *u)
{
	struct message m = { .type = MESSAGE_USAGE_ENTRY };

	m.usage_entry = (struct msg_usage_entry){
		.id = id,
		.login = u->login,
		.messages = u->messages,
		.message_limit = u->message_limit,
		.recipients = u->recipients,
		.recipient_limit = u->recipient_limit,
		.is_blocked = is_blocked(u) || u->is_told,
		.resets = (uint64_t)usage_resets(u->day),
	};
	peers_send(peers, to, &m, -1);
}

static int load_page(struct store *store, const struct msg_usage_list *m,
		     int64_t day, struct store_usage_page *page)
{
	int r;

	if (m->login.n == 0)
		return store_list_usage(store, day, m->after, page);
	r = store_load_usage(store, m->login, day, page->arena, page->items);
	page->count = r == 0;
	return r == -ENOENT ? 0 : r;
}

void usage_list(struct store *store, const struct peers *peers,
		struct link *from, const struct msg_usage_list *m, int64_t day)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct store_usage *items =
		arena_array(arena, USAGE_PAGE, sizeof(*items));
	struct store_usage_page page = { .arena = arena,
					 .items = items,
					 .max = USAGE_PAGE };
	struct message end = { .type = MESSAGE_USAGE_END };
	int r = load_page(store, m, day, &page);

	for (size_t i = 0; i < page.count; i++)
		send_entry(peers, from, m->id, &items[i]);
	end.usage_end = (struct msg_usage_end){
		.id = m->id,
		.error = (uint32_t)-r,
		.after =
			page.count > 0 ? items[page.count - 1].login : m->after,
		.is_last = r < 0 || m->login.n > 0 || page.count < USAGE_PAGE,
	};
	peers_send(peers, from, &end, -1);
}
