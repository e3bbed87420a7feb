#include "queue/tls_memory.h"

#include "base/mem.h"
#include "smtp/name.h"

#include <errno.h>
#include <string.h>

enum {
	EXPIRE_S = 3600, /* between two removals */
	NEWS_S = 86400,  /* what was seen so long ago is worth writing anew */
	NEW_SENDERS_S = 86400,
	TRIES = 3, /* another node may be in the way */
	ARENA_OCTETS = 4 << 20,
};

static const struct slice via = SLICE("via:"), from = SLICE("from:");

static bool is_on(const struct queue_settings *settings)
{
	return settings->tls_memory_s > 0;
}

/* What was not seen since then counts no more. */
static int64_t expired_at(const struct queue_settings *settings, int64_t now)
{
	return now - (int64_t)settings->tls_memory_s;
}

/* --- names ------------------------------------------------------------------------- */

static struct slice domain_name(struct slice domain, struct arena *arena)
{
	struct slice canonical;

	return name_domain(domain, arena, &canonical) == 0
		       ? canonical
		       : arena_copy(arena, domain);
}

/* Hosts are compared as the alias has them, but for their letters' case. */
static struct slice via_name(struct slice hosts, struct arena *arena)
{
	char *p = arena_alloc(arena, via.n + hosts.n);

	memcpy(p, via.p, via.n);
	for (size_t i = 0; i < hosts.n; i++) {
		p[via.n + i] = hosts.p[i];
		if (hosts.p[i] >= 'A' && hosts.p[i] <= 'Z')
			p[via.n + i] = (char)(hosts.p[i] | 0x20);
	}
	return (struct slice){ p, via.n + hosts.n };
}

struct slice tls_memory_name(const struct target *target, struct arena *arena)
{
	struct slice address = target->address;

	if (target->via.n > 0)
		return via_name(target->via, arena);
	return domain_name(
		slice_tail(address, slice_find_last(address, '@') + 1), arena);
}

static struct slice sender_name(struct slice domain, struct arena *arena)
{
	const struct slice parts[] = { from, domain_name(domain, arena) };

	return arena_join(arena, parts, 2);
}

/* As an operator writes it. */
static struct slice name_of(struct slice text, struct arena *arena)
{
	if (slice_starts(text, via))
		return via_name(slice_tail(text, via.n), arena);
	if (slice_starts(text, from))
		return sender_name(slice_tail(text, from.n), arena);
	return domain_name(text, arena);
}

/* Both directions of a domain. Returns how many names that are. */
static size_t names_of(struct slice text, struct arena *arena,
		       struct slice ret_names[2])
{
	ret_names[0] = name_of(text, arena);
	if (slice_starts(text, via) || slice_starts(text, from))
		return 1;
	ret_names[1] = sender_name(text, arena);
	return 2;
}

/* --- what is known ----------------------------------------------------------------- */

int tls_memory_floor(struct tls_memory *t, struct slice destination,
		     int64_t now, enum tls_level *ret_floor)
{
	AUTO(arena_free) struct arena *arena = NULL;
	struct store_tls tls = { .level = TLS_LEVEL_NONE };
	int r;

	if (!is_on(t->settings)) {
		*ret_floor = TLS_LEVEL_NONE;
		return 0;
	}
	arena = arena_new(ARENA_OCTETS);
	r = store_load_tls(t->store, destination, arena, &tls);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_floor = r == 0 && tls.seen > expired_at(t->settings, now)
			     ? tls.level
			     : TLS_LEVEL_NONE;
	return 0;
}

int tls_memory_keep(struct turn *t, const struct target *target,
		    enum tls_level level, struct slice reason)
{
	const struct store_tls tls = {
		.destination = tls_memory_name(target, t->arena),
		.level = level,
		.seen = t->now,
		.reason = reason,
	};

	if (!is_on(t->settings))
		return 0;
	return store_keep_tls(t->store, &tls, expired_at(t->settings, t->now));
}

/* --- senders ----------------------------------------------------------------------- */

void tls_memory_sender(struct tls_memory *t, const struct peers *peers,
		       struct link *asker,
		       const struct msg_sender_tls_wanted *m, int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct message answer = { .type = MESSAGE_SENDER_TLS };
	enum tls_level floor = TLS_LEVEL_NONE;
	int r = tls_memory_floor(t, sender_name(m->domain, arena), now, &floor);

	answer.sender_tls = (struct msg_sender_tls){ .id = m->id,
						     .error = (uint32_t)-r,
						     .level = floor };
	peers_send(peers, asker, &answer, -1);
}

static bool has_room_for_sender(struct tls_memory *t, int64_t now)
{
	if (now < t->new_since || now - t->new_since >= NEW_SENDERS_S) {
		t->new_since = now;
		t->new_senders = 0;
	}
	if (t->new_senders >= TLS_MEMORY_NEW_SENDERS)
		return false;
	t->new_senders++;
	return true;
}

bool tls_memory_is_news(struct tls_memory *t, struct slice domain, int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	int64_t young_s = (int64_t)t->settings->tls_memory_s / 4;
	struct store_tls tls;
	int r;

	if (!is_on(t->settings))
		return false;
	r = store_load_tls(t->store, sender_name(domain, arena), arena, &tls);
	if (r == -ENOENT)
		return has_room_for_sender(t, now);
	if (young_s > NEWS_S)
		young_s = NEWS_S;
	return r != 0 || tls.level < TLS_LEVEL_TLS || tls.seen <= now - young_s;
}

int tls_memory_keep_sender(struct turn *t, struct slice domain,
			   struct slice reason)
{
	const struct store_tls tls = { .destination =
					       sender_name(domain, t->arena),
				       .level = TLS_LEVEL_TLS,
				       .seen = t->now,
				       .reason = reason };

	return store_keep_tls(t->store, &tls, expired_at(t->settings, t->now));
}

/* --- less of it -------------------------------------------------------------------- */

static int forget_once(struct store *store, struct slice destination,
		       int64_t expired, uint64_t *ret_count)
{
	int r = store_begin(store);

	if (r == 0)
		r = store_forget_tls(store, destination, expired, ret_count);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

static int forget(struct store *store, struct slice destination,
		  int64_t expired, uint64_t *ret_count)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = forget_once(store, destination, expired, ret_count);
	return r;
}

void tls_memory_tick(struct tls_memory *t, int64_t now)
{
	uint64_t count;

	if (now >= t->expired && now - t->expired < EXPIRE_S)
		return;
	t->expired = now;
	/* What is left counts for nothing: the next time will do. */
	if (is_on(t->settings))
		(void)forget(t->store, S(""), expired_at(t->settings, now),
			     &count);
}

/* --- control ----------------------------------------------------------------------- */

static void send_entry(const struct peers *peers, struct link *to, uint64_t id,
		       const struct store_tls *tls)
{
	struct message m = { .type = MESSAGE_DOMAIN_TLS_ENTRY };

	m.domain_tls_entry = (struct msg_domain_tls_entry){
		.id = id,
		.destination = tls->destination,
		.level = tls->level,
		.seen = (uint64_t)tls->seen,
		.reason = tls->reason,
	};
	peers_send(peers, to, &m, -1);
}

static int load_page(struct tls_memory *t, const struct msg_domain_tls_list *m,
		     struct store_tls_page *page)
{
	struct slice names[2];
	size_t count;

	if (m->destination.n == 0)
		return store_list_tls(t->store, m->after, page);
	count = names_of(m->destination, page->arena, names);
	for (size_t i = 0; i < count; i++) {
		int r = store_load_tls(t->store, names[i], page->arena,
				       &page->items[page->count]);

		if (r < 0 && r != -ENOENT)
			return r;
		page->count += r == 0;
	}
	return 0;
}

void tls_memory_list(struct tls_memory *t, const struct peers *peers,
		     struct link *asker, const struct msg_domain_tls_list *m,
		     int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct store_tls *items =
		arena_array(arena, TLS_MEMORY_PAGE, sizeof(*items));
	struct store_tls_page page = { .arena = arena,
				       .items = items,
				       .max = TLS_MEMORY_PAGE };
	struct message end = { .type = MESSAGE_DOMAIN_TLS_END };
	int r = load_page(t, m, &page);

	for (size_t i = 0; i < page.count; i++)
		if (items[i].seen > expired_at(t->settings, now))
			send_entry(peers, asker, m->id, &items[i]);
	end.domain_tls_end = (struct msg_domain_tls_end){
		.id = m->id,
		.error = (uint32_t)-r,
		.after = page.count > 0 ? items[page.count - 1].destination
					: m->after,
		.is_last = r < 0 || m->destination.n > 0 ||
			   page.count < TLS_MEMORY_PAGE,
	};
	peers_send(peers, asker, &end, -1);
}

void tls_memory_forget(struct tls_memory *t, const struct peers *peers,
		       struct link *asker,
		       const struct msg_domain_tls_forget *m)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct message answer = { .type = MESSAGE_DOMAIN_TLS_FORGOTTEN };
	struct slice names[2];
	size_t name_count = 0;
	uint64_t total = 0, count = 0;
	int r = 0;

	if (m->destination.n > 0)
		name_count = names_of(m->destination, arena, names);
	for (size_t i = 0; r == 0 && i < name_count; i++) {
		r = forget(t->store, names[i], 0, &count);
		total += r == 0 ? count : 0;
	}
	answer.domain_tls_forgotten = (struct msg_domain_tls_forgotten){
		.id = m->id, .error = (uint32_t)-r, .count = total
	};
	peers_send(peers, asker, &answer, -1);
}
