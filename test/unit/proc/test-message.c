#include "proc/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"

/* A value of each type, none of them all zero. */
static const struct slice two_slices[] = { SLICE("one"), SLICE("") };
static const struct recipient two_recipients[] = {
	{ .target = { .kind = TARGET_COMMAND, .address = SLICE("a@b.example") },
	  .orcpt_type = SLICE("rfc822"),
	  .orcpt = SLICE("A@b.example"),
	  .original = SLICE("x@b.example"),
	  .notify = 5,
	  .is_in_delivery = true,
	  .last = { OUTCOME_DEFERRED,
		    450,
		    { 4, 2, 0 },
		    SLICE("wait"),
		    SLICE("mx.example"),
		    true } },
	{ .target = { .kind = TARGET_MAILBOX,
		      .address = SLICE("b@b.example") } },
};
static const struct target two_targets[] = {
	{ .kind = TARGET_MAILBOX, .address = SLICE("a@b.example") },
	{ .kind = TARGET_REMOTE,
	  .address = SLICE("a@b.example"),
	  .via = SLICE("c.example"),
	  .is_forwarded = true },
};
static const struct host two_hosts[] = {
	{ .name = SLICE("mx.example"),
	  .preference = 65535,
	  .addresses = { two_slices, 2 },
	  .is_secure = true,
	  .tlsa = { two_slices, 1 },
	  .has_tlsa = true },
	{ .name = SLICE("mx2.example"), .is_tlsa_bogus = true },
};

static uint32_t some_u32(void)
{
	return 0xfeedbeef;
}
static uint64_t some_u64(void)
{
	return 0xfeedbeef00c0ffee;
}
static bool some_bool(void)
{
	return true;
}
static struct slice some_slice(void)
{
	return S("octets\0\xff\n");
}
static struct slices some_slices(void)
{
	return (struct slices){ two_slices, 2 };
}
static struct target some_target(void)
{
	return two_targets[1];
}
static struct targets some_targets(void)
{
	return (struct targets){ two_targets, 2 };
}
static struct outcome some_outcome(void)
{
	return (struct outcome){ OUTCOME_CANCELLED,   599,
				 { 5, 1, 99 },        SLICE("no\nsuch user"),
				 SLICE("mx.example"), true };
}
static struct recipients some_recipients(void)
{
	return (struct recipients){ two_recipients, 2 };
}

static struct hosts some_hosts(void)
{
	return (struct hosts){ two_hosts, 2 };
}

static struct selector some_selector(void)
{
	return (struct selector){ .queue_id = 0xfeedbeef00c0ffee,
				  .trace = S("trace.1"),
				  .from = S("<>"),
				  .to = S("@b.example"),
				  .older_than_s = 1ULL << 40,
				  .is_held = true };
}

static struct sts some_sts(void)
{
	return (struct sts){ .id = S("id7"),
			     .mode = STS_ENFORCE,
			     .max_age_s = STS_MAX_AGE_S,
			     .patterns = { two_slices, 2 },
			     .fetched = 0xfeedbeef00c0ffee,
			     .tried = 1 };
}

/* --- comparing ----------------------------------------------------------------- */

static void same_u32(uint32_t a, uint32_t b)
{
	assert_int_equal(a, b);
}
static void same_u64(uint64_t a, uint64_t b)
{
	assert_true(a == b);
}
static void same_bool(bool a, bool b)
{
	assert_int_equal(a, b);
}
static void same_slice(struct slice a, struct slice b)
{
	assert_true(slice_equal(a, b));
}
static void same_slices(struct slices a, struct slices b)
{
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++)
		same_slice(a.items[i], b.items[i]);
}
static void same_target(struct target a, struct target b)
{
	assert_int_equal(a.kind, b.kind);
	same_slice(a.address, b.address);
	same_slice(a.via, b.via);
	same_bool(a.is_forwarded, b.is_forwarded);
}
static void same_targets(struct targets a, struct targets b)
{
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++)
		same_target(a.items[i], b.items[i]);
}
static void same_outcome(struct outcome a, struct outcome b)
{
	assert_int_equal(a.kind, b.kind);
	assert_int_equal(a.code, b.code);
	assert_memory_equal(a.status, b.status, sizeof(a.status));
	same_slice(a.text, b.text);
	same_slice(a.server, b.server);
	same_bool(a.is_dsn_taken_over, b.is_dsn_taken_over);
}
static void same_recipients(struct recipients a, struct recipients b)
{
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++) {
		const struct recipient *p = &a.items[i], *q = &b.items[i];

		same_target(p->target, q->target);
		same_slice(p->orcpt_type, q->orcpt_type);
		same_slice(p->orcpt, q->orcpt);
		same_slice(p->original, q->original);
		same_u32(p->notify, q->notify);
		same_bool(p->is_in_delivery, q->is_in_delivery);
		same_outcome(p->last, q->last);
	}
}

static void same_selector(struct selector a, struct selector b)
{
	same_u64(a.queue_id, b.queue_id);
	same_slice(a.trace, b.trace);
	same_slice(a.from, b.from);
	same_slice(a.to, b.to);
	same_u64(a.older_than_s, b.older_than_s);
	same_bool(a.is_held, b.is_held);
}

static void same_sts(struct sts a, struct sts b)
{
	same_slice(a.id, b.id);
	assert_int_equal(a.mode, b.mode);
	same_u32(a.max_age_s, b.max_age_s);
	same_slices(a.patterns, b.patterns);
	same_u64(a.fetched, b.fetched);
	same_u64(a.tried, b.tried);
}

static void same_hosts(struct hosts a, struct hosts b)
{
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++) {
		const struct host *p = &a.items[i], *q = &b.items[i];

		same_slice(p->name, q->name);
		assert_int_equal(p->preference, q->preference);
		same_slices(p->addresses, q->addresses);
		same_bool(p->is_secure, q->is_secure);
		same_slices(p->tlsa, q->tlsa);
		same_bool(p->has_tlsa, q->has_tlsa);
		same_bool(p->is_tlsa_bogus, q->is_tlsa_bogus);
	}
}

/* --- every message --------------------------------------------------------------- */

/* fill_deliver(), compare_deliver() ... */
#define UNUSED __attribute__((unused))
#define MESSAGE(NAME, name, from, to, fd)                                      \
	static void fill_##name(struct msg_##name *m UNUSED)                   \
	{
#define FIELD(type, name) m->name = some_##type();
#define END(name)         }
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(NAME, name, from, to, fd)                                      \
	static void compare_##name(const struct msg_##name *a UNUSED,          \
				   const struct msg_##name *b UNUSED)          \
	{
#define FIELD(type, name) same_##type(a->name, b->name);
#define END(name)         }
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

static void fill(struct message *m)
{
	switch (m->type) {
	case MESSAGE_NONE:
	case MESSAGE_TYPE_COUNT:
		break;
#define MESSAGE(NAME, name, from, to, fd)                                      \
	case MESSAGE_##NAME:                                                   \
		fill_##name(&m->name);                                         \
		break;
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
	}
}

static void compare(const struct message *a, const struct message *b)
{
	assert_int_equal(a->type, b->type);
	switch (a->type) {
	case MESSAGE_NONE:
	case MESSAGE_TYPE_COUNT:
		break;
#define MESSAGE(NAME, name, from, to, fd)                                      \
	case MESSAGE_##NAME:                                                   \
		compare_##name(&a->name, &b->name);                            \
		break;
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
	}
}

/* Exactly as many octets on the heap: reading beyond them is seen. */
static int decode_copy(struct slice in, struct arena *arena, struct message *m,
		       char **ret_copy)
{
	*ret_copy = mem_new(in.n + (in.n == 0));
	if (in.n > 0)
		memcpy(*ret_copy, in.p, in.n);
	return message_decode((struct slice){ *ret_copy, in.n }, arena, m);
}

static void expect_round_trip(const struct message *m)
{
	AUTO(arena_free) struct arena *arena = arena_new(1 << 20);
	struct wire_writer w = { .bytes = NULL };
	struct message got;
	char *copy;

	assert_int_equal(message_encode(m, &w), 0);
	assert_int_equal(
		decode_copy((struct slice){ w.bytes, w.n }, arena, &got, &copy),
		0);
	assert_int_equal(got.fd, -1);
	compare(m, &got);
	mem_free(&copy);
	for (size_t n = 0; n < w.n; n++) {
		assert_int_equal(decode_copy((struct slice){ w.bytes, n },
					     arena, &got, &copy),
				 -EBADMSG);
		mem_free(&copy);
	}
	wire_put_bool(&w, false);
	assert_int_equal(
		message_decode((struct slice){ w.bytes, w.n }, arena, &got),
		-EBADMSG);
	mem_free(&w.bytes);
}

static void test_round_trips(void **state)
{
	(void)state;
	for (int t = MESSAGE_NONE + 1; t < MESSAGE_TYPE_COUNT; t++) {
		struct message m = { .type = (enum message_type)t };

		print_message("  %s\n", message_name(m.type));
		expect_round_trip(&m); /* all empty */
		fill(&m);
		expect_round_trip(&m);
	}
}

/* --- bounds ------------------------------------------------------------------------ */

static void test_bounds(void **state)
{
	static struct slice items[WIRE_LIST + 1];
	static char text[WIRE_TEXT_OCTETS + 1];
	AUTO(arena_free) struct arena *arena = arena_new(1 << 20);
	struct message got, m = { .type = MESSAGE_RELOADED,
				  .reloaded.lines = { items, WIRE_LIST } };
	struct wire_writer w = { .bytes = NULL };

	(void)state;
	expect_round_trip(&(struct message){ .type = MESSAGE_START });
	assert_int_equal(message_encode(&m, &w), 0);
	assert_int_equal(
		message_decode((struct slice){ w.bytes, w.n }, arena, &got), 0);
	mem_free(&w.bytes);

	m.reloaded.lines.count++;
	w = (struct wire_writer){ .bytes = NULL };
	assert_int_equal(message_encode(&m, &w), -EMSGSIZE);
	mem_free(&w.bytes);

	/* an outcome's text is cut, not refused */
	memset(text, 'x', sizeof(text));
	m = (struct message){ .type = MESSAGE_ATTEMPT_RESULT };
	m.attempt_result.outcome.text = (struct slice){ text, sizeof(text) };
	w = (struct wire_writer){ .bytes = NULL };
	assert_int_equal(message_encode(&m, &w), 0);
	assert_int_equal(
		message_decode((struct slice){ w.bytes, w.n }, arena, &got), 0);
	assert_int_equal(got.attempt_result.outcome.text.n, WIRE_TEXT_OCTETS);
	mem_free(&w.bytes);
}

static void test_unknown_target(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(1 << 20);
	struct message got, m = { .type = MESSAGE_ATTEMPT,
				  .attempt.target.kind = TARGET_COMMAND };
	struct wire_writer w = { .bytes = NULL };

	(void)state;
	expect_round_trip(&m);
	m.attempt.target.kind = (enum target_kind)(TARGET_REMOTE + 1);
	assert_int_equal(message_encode(&m, &w), 0);
	assert_int_equal(
		message_decode((struct slice){ w.bytes, w.n }, arena, &got),
		-EBADMSG);
	mem_free(&w.bytes);
}

static const struct {
	const char *name;
	struct slice octets;
} broken[] = {
	{ "no type", SLICE("\0\0\0\0") },
	{ "an unknown type", SLICE("\xff\0\0\0") },
	{ "a huge type", SLICE("\xff\xff\xff\xff") },
};

static void test_broken(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(1 << 20);
	struct message got;

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(message_decode(broken[i].octets, arena, &got),
				 -EBADMSG);
	assert_string_equal(message_name(MESSAGE_NONE), "?");
	assert_string_equal(message_name(MESSAGE_TYPE_COUNT), "?");
	assert_string_equal(role_name(ROLE_COUNT), "?");
}

/* --- who may say what --------------------------------------------------------------- */

static const struct {
	enum message_type type;
	enum role from, to;
	bool is_allowed;
} rules[] = {
	{ MESSAGE_START, ROLE_PARENT, ROLE_CONTROL, true },
	{ MESSAGE_START, ROLE_PARENT, ROLE_PARENT, false },
	{ MESSAGE_START, ROLE_RECEIVE, ROLE_QUEUE, false },
	{ MESSAGE_READY, ROLE_DELIVER, ROLE_PARENT, true },
	{ MESSAGE_READY, ROLE_PARENT, ROLE_DELIVER, false },
	{ MESSAGE_READY, ROLE_DELIVER, ROLE_QUEUE, false },
	{ MESSAGE_CONF_CERTIFICATE, ROLE_PARENT, ROLE_RECEIVE, true },
	{ MESSAGE_CONF_CERTIFICATE, ROLE_PARENT, ROLE_QUEUE, false },
	{ MESSAGE_ENQUEUE, ROLE_RECEIVE, ROLE_QUEUE, true },
	{ MESSAGE_ENQUEUE, ROLE_QUEUE, ROLE_RECEIVE, false },
	{ MESSAGE_ENQUEUE, ROLE_DELIVER, ROLE_QUEUE, false },
	{ MESSAGE_PEER, ROLE_RECEIVE, ROLE_QUEUE, false },
	{ MESSAGE_RELOAD, ROLE_CONTROL, ROLE_PARENT, true },
	{ MESSAGE_RELOAD, ROLE_RECEIVE, ROLE_PARENT, false },
	{ MESSAGE_NONE, ROLE_PARENT, ROLE_QUEUE, false },
	{ MESSAGE_TYPE_COUNT, ROLE_PARENT, ROLE_QUEUE, false },
};

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		print_message("  %s\n", message_name(rules[i].type));
		assert_int_equal(message_is_allowed(rules[i].type,
						    rules[i].from, rules[i].to),
				 rules[i].is_allowed);
	}
	assert_true(message_has_fd(MESSAGE_ENQUEUE));
	assert_false(message_has_fd(MESSAGE_SETTLE));
	assert_false(message_has_fd(MESSAGE_TYPE_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unknown_target),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
