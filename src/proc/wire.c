#include "proc/wire.h"

#include "base/mem.h"

#include <endian.h>
#include <string.h>

static void put(struct wire_writer *w, const void *p, size_t n)
{
	if (w->failed || n > WIRE_OCTETS - w->n) {
		w->failed = true;
		return;
	}
	if (w->room - w->n < n) {
		w->room = w->room * 2 + n + 256;
		w->bytes = mem_resize(w->bytes, w->room, 1);
	}
	if (n > 0)
		memcpy(w->bytes + w->n, p, n);
	w->n += n;
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	v = htole32(v);
	put(w, &v, sizeof(v));
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	v = htole64(v);
	put(w, &v, sizeof(v));
}

void wire_put_bool(struct wire_writer *w, bool v)
{
	uint8_t octet = v ? 1 : 0;

	put(w, &octet, sizeof(octet));
}

void wire_put_slice(struct wire_writer *w, struct slice v)
{
	if (v.n > WIRE_OCTETS) {
		w->failed = true;
		return;
	}
	wire_put_u32(w, (uint32_t)v.n);
	put(w, v.p, v.n);
}

static void put_count(struct wire_writer *w, size_t count)
{
	if (count > WIRE_LIST)
		w->failed = true;
	wire_put_u32(w, (uint32_t)count);
}

void wire_put_slices(struct wire_writer *w, struct slices v)
{
	put_count(w, v.count);
	for (size_t i = 0; i < v.count && !w->failed; i++)
		wire_put_slice(w, v.items[i]);
}

struct sts sts_copy(const struct sts *sts, struct arena *arena)
{
	struct slice *items =
		arena_array(arena, sts->patterns.count, sizeof(*items));
	struct sts copy = *sts;

	for (size_t i = 0; i < sts->patterns.count; i++)
		items[i] = arena_copy(arena, sts->patterns.items[i]);
	copy.id = arena_copy(arena, sts->id);
	copy.patterns.items = items;
	return copy;
}

bool target_is_same(struct target a, struct target b)
{
	return a.kind == b.kind && slice_equal(a.address, b.address) &&
	       slice_equal(a.via, b.via);
}

struct target target_copy(struct target target, struct arena *arena)
{
	target.address = arena_copy(arena, target.address);
	target.via = arena_copy(arena, target.via);
	return target;
}

struct outcome outcome_copy(const struct outcome *o, struct arena *arena)
{
	struct outcome copy = *o;

	copy.text = arena_copy(arena, slice_head(o->text, WIRE_TEXT_OCTETS));
	copy.server = arena_copy(arena, o->server);
	return copy;
}

void wire_put_target(struct wire_writer *w, struct target v)
{
	wire_put_u32(w, (uint32_t)v.kind);
	wire_put_slice(w, v.address);
	wire_put_slice(w, v.via);
	wire_put_bool(w, v.is_forwarded);
}

void wire_put_targets(struct wire_writer *w, struct targets v)
{
	put_count(w, v.count);
	for (size_t i = 0; i < v.count && !w->failed; i++)
		wire_put_target(w, v.items[i]);
}

void wire_put_outcome(struct wire_writer *w, struct outcome v)
{
	wire_put_u32(w, (uint32_t)v.kind);
	wire_put_u32(w, v.code);
	for (size_t i = 0; i < sizeof(v.status); i++)
		put(w, &v.status[i], 1);
	wire_put_slice(w, slice_head(v.text, WIRE_TEXT_OCTETS));
	wire_put_slice(w, slice_head(v.server, WIRE_NAME_OCTETS));
	wire_put_bool(w, v.is_dsn_taken_over);
}

void wire_put_recipients(struct wire_writer *w, struct recipients v)
{
	put_count(w, v.count);
	for (size_t i = 0; i < v.count && !w->failed; i++) {
		const struct recipient *r = &v.items[i];

		wire_put_target(w, r->target);
		wire_put_slice(w, r->orcpt_type);
		wire_put_slice(w, r->orcpt);
		wire_put_slice(w, r->original);
		wire_put_u32(w, r->notify);
		wire_put_bool(w, r->is_in_delivery);
		wire_put_outcome(w, r->last);
	}
}

void wire_put_selector(struct wire_writer *w, struct selector v)
{
	wire_put_u64(w, v.queue_id);
	wire_put_slice(w, v.trace);
	wire_put_slice(w, v.from);
	wire_put_slice(w, v.to);
	wire_put_u64(w, v.older_than_s);
	wire_put_bool(w, v.is_held);
}

void wire_put_sts(struct wire_writer *w, struct sts v)
{
	wire_put_slice(w, v.id);
	wire_put_u32(w, (uint32_t)v.mode);
	wire_put_u32(w, v.max_age_s);
	wire_put_slices(w, v.patterns);
	wire_put_u64(w, v.fetched);
	wire_put_u64(w, v.tried);
}

void wire_put_hosts(struct wire_writer *w, struct hosts v)
{
	put_count(w, v.count);
	for (size_t i = 0; i < v.count && !w->failed; i++) {
		const struct host *h = &v.items[i];

		wire_put_slice(w, h->name);
		wire_put_u32(w, h->preference);
		wire_put_slices(w, h->addresses);
		wire_put_bool(w, h->is_secure);
		wire_put_slices(w, h->tlsa);
		wire_put_bool(w, h->has_tlsa);
		wire_put_bool(w, h->is_tlsa_bogus);
	}
}

/* The next n octets, or NULL and the error. */
static const char *get(struct wire_reader *r, size_t n)
{
	const char *p = r->rest.p;

	if (r->failed || r->rest.n < n) {
		r->failed = true;
		return NULL;
	}
	r->rest = slice_tail(r->rest, n);
	return p;
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	uint32_t v = 0;
	const char *p = get(r, sizeof(v));

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	uint64_t v = 0;
	const char *p = get(r, sizeof(v));

	if (p != NULL)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

bool wire_get_bool(struct wire_reader *r)
{
	const char *p = get(r, 1);

	if (p != NULL && (unsigned char)*p > 1)
		r->failed = true;
	return p != NULL && *p == 1;
}

struct slice wire_get_slice(struct wire_reader *r)
{
	size_t n = wire_get_u32(r);
	const char *p = get(r, n);

	return (struct slice){ .p = p, .n = p != NULL ? n : 0 };
}

/* A list's length: bounded, and no longer than its octets allow. */
static size_t get_count(struct wire_reader *r, size_t least_octets)
{
	size_t count = wire_get_u32(r);

	if (count > WIRE_LIST || count > r->rest.n / least_octets)
		r->failed = true;
	return r->failed ? 0 : count;
}

struct slices wire_get_slices(struct wire_reader *r)
{
	size_t count = get_count(r, sizeof(uint32_t));
	struct slice *items;

	if (count == 0)
		return (struct slices){ NULL, 0 };
	items = arena_array(r->arena, count, sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = wire_get_slice(r);
	return (struct slices){ items, r->failed ? 0 : count };
}

struct target wire_get_target(struct wire_reader *r)
{
	uint32_t kind = wire_get_u32(r);
	struct target target = { .kind = TARGET_MAILBOX };

	target.address = wire_get_slice(r);
	target.via = wire_get_slice(r);
	target.is_forwarded = wire_get_bool(r);
	if (kind > TARGET_REMOTE)
		r->failed = true;
	if (r->failed)
		return (struct target){ .kind = TARGET_MAILBOX };
	target.kind = (enum target_kind)kind;
	return target;
}

struct targets wire_get_targets(struct wire_reader *r)
{
	/* kind, two lengths, bool */
	size_t count = get_count(r, 3 * sizeof(uint32_t) + 1);
	struct target *items;

	if (count == 0)
		return (struct targets){ NULL, 0 };
	items = arena_array(r->arena, count, sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = wire_get_target(r);
	return (struct targets){ items, r->failed ? 0 : count };
}

struct outcome wire_get_outcome(struct wire_reader *r)
{
	struct outcome v = { .kind = OUTCOME_DELIVERED };
	uint32_t kind = wire_get_u32(r);
	uint32_t code = wire_get_u32(r);
	const char *status = get(r, sizeof(v.status));

	v.text = wire_get_slice(r);
	v.server = wire_get_slice(r);
	v.is_dsn_taken_over = wire_get_bool(r);
	if (kind > OUTCOME_CANCELLED || code > 599 ||
	    v.text.n > WIRE_TEXT_OCTETS || v.server.n > WIRE_NAME_OCTETS)
		r->failed = true;
	if (r->failed || status == NULL)
		return (struct outcome){ .kind = OUTCOME_DEFERRED };
	v.kind = (enum outcome_kind)kind;
	v.code = (uint16_t)code;
	memcpy(v.status, status, sizeof(v.status));
	return v;
}

struct recipients wire_get_recipients(struct wire_reader *r)
{
	/* a target, three lengths, notify, bool, an outcome */
	size_t count = get_count(r, 13 + 3 * 4 + 4 + 1 + 20);
	struct recipient *items;

	if (count == 0)
		return (struct recipients){ NULL, 0 };
	items = arena_array(r->arena, count, sizeof(*items));
	for (size_t i = 0; i < count; i++) {
		items[i].target = wire_get_target(r);
		items[i].orcpt_type = wire_get_slice(r);
		items[i].orcpt = wire_get_slice(r);
		items[i].original = wire_get_slice(r);
		items[i].notify = wire_get_u32(r);
		items[i].is_in_delivery = wire_get_bool(r);
		items[i].last = wire_get_outcome(r);
	}
	return (struct recipients){ items, r->failed ? 0 : count };
}

struct hosts wire_get_hosts(struct wire_reader *r)
{
	/* name, preference, two lists, three bools */
	size_t count = get_count(r, 4 + 4 + 2 * 4 + 3);
	struct host *items;

	if (count == 0)
		return (struct hosts){ NULL, 0 };
	items = arena_array(r->arena, count, sizeof(*items));
	for (size_t i = 0; i < count; i++) {
		uint32_t preference;

		items[i].name = wire_get_slice(r);
		preference = wire_get_u32(r);
		if (preference > UINT16_MAX)
			r->failed = true;
		items[i].preference = (uint16_t)preference;
		items[i].addresses = wire_get_slices(r);
		items[i].is_secure = wire_get_bool(r);
		items[i].tlsa = wire_get_slices(r);
		items[i].has_tlsa = wire_get_bool(r);
		items[i].is_tlsa_bogus = wire_get_bool(r);
	}
	return (struct hosts){ items, r->failed ? 0 : count };
}

struct sts wire_get_sts(struct wire_reader *r)
{
	struct sts v = { .id = wire_get_slice(r) };
	uint32_t mode = wire_get_u32(r);

	v.max_age_s = wire_get_u32(r);
	v.patterns = wire_get_slices(r);
	v.fetched = wire_get_u64(r);
	v.tried = wire_get_u64(r);
	if (v.id.n > STS_ID_OCTETS || mode > STS_ENFORCE ||
	    v.max_age_s > STS_MAX_AGE_S || v.patterns.count > STS_PATTERNS_MAX)
		r->failed = true;
	if (r->failed)
		return (struct sts){ .mode = STS_NONE };
	v.mode = (enum sts_mode)mode;
	return v;
}

struct selector wire_get_selector(struct wire_reader *r)
{
	struct selector v = { .queue_id = wire_get_u64(r) };

	v.trace = wire_get_slice(r);
	v.from = wire_get_slice(r);
	v.to = wire_get_slice(r);
	v.older_than_s = wire_get_u64(r);
	v.is_held = wire_get_bool(r);
	return v;
}
