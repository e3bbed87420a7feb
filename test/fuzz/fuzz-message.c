/* What decodes is encoded to the same octets, and lies within them. */
#include "proc/message.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice whole;

static void check_u32(uint32_t v)
{
	(void)v;
}
static void check_u64(uint64_t v)
{
	(void)v;
}
static void check_bool(bool v)
{
	(void)v;
}
static void check_slice(struct slice v)
{
	assert(v.n == 0 ||
	       (v.p >= whole.p && v.n <= whole.n - (size_t)(v.p - whole.p)));
}
static void check_slices(struct slices v)
{
	assert(v.count <= WIRE_LIST);
	for (size_t i = 0; i < v.count; i++)
		check_slice(v.items[i]);
}
static void check_target(struct target v)
{
	assert(v.kind <= TARGET_REMOTE);
	check_slice(v.address);
	check_slice(v.via);
}
static void check_targets(struct targets v)
{
	assert(v.count <= WIRE_LIST);
	for (size_t i = 0; i < v.count; i++)
		check_target(v.items[i]);
}
static void check_hosts(struct hosts v)
{
	assert(v.count <= WIRE_LIST);
	for (size_t i = 0; i < v.count; i++) {
		check_slice(v.items[i].name);
		check_slices(v.items[i].addresses);
		check_slices(v.items[i].tlsa);
	}
}
static void check_sts(struct sts v)
{
	assert(v.mode <= STS_ENFORCE && v.max_age_s <= STS_MAX_AGE_S);
	assert(v.id.n <= STS_ID_OCTETS);
	assert(v.patterns.count <= STS_PATTERNS_MAX);
	check_slice(v.id);
	check_slices(v.patterns);
}
static void check_selector(struct selector v)
{
	check_slice(v.trace);
	check_slice(v.from);
	check_slice(v.to);
}
static void check_outcome(struct outcome v)
{
	assert(v.kind <= OUTCOME_CANCELLED && v.code <= 599);
	assert(v.text.n <= WIRE_TEXT_OCTETS);
	check_slice(v.text);
	assert(v.server.n <= WIRE_NAME_OCTETS);
	check_slice(v.server);
}
static void check_recipients(struct recipients v)
{
	assert(v.count <= WIRE_LIST);
	for (size_t i = 0; i < v.count; i++) {
		check_target(v.items[i].target);
		check_slice(v.items[i].orcpt_type);
		check_slice(v.items[i].orcpt);
		check_slice(v.items[i].original);
		check_outcome(v.items[i].last);
	}
}

#define MESSAGE(NAME, name, from, to, fd)                                      \
	static void check_##name(const struct msg_##name *m                    \
				 __attribute__((unused)))                      \
	{
#define FIELD(type, name) check_##type(m->name);
#define END(name)         }
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

static void check(const struct message *m)
{
	switch (m->type) {
	case MESSAGE_NONE:
	case MESSAGE_TYPE_COUNT:
		assert(false);
		break;
#define MESSAGE(NAME, name, from, to, fd)                                      \
	case MESSAGE_##NAME:                                                   \
		check_##name(&m->name);                                        \
		break;
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena *arena = arena_new(16 << 20);
	struct wire_writer w = { .bytes = NULL };
	struct message m;

	whole = (struct slice){ (const char *)data, size };
	if (message_decode(whole, arena, &m) == 0) {
		int r = message_encode(&m, &w);

		check(&m);
		assert(r == 0 && w.n == size);
		assert(memcmp(w.bytes, data, size) == 0);
	}
	mem_free(&w.bytes);
	return 0;
}
