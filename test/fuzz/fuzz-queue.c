/*
 * What the other roles may send to the queue, in any order and with any
 * fields. Each ENQUEUE is answered exactly once; what was taken can be
 * delivered whole; when all is delivered nothing is left, no row and no file.
 *
 * Input: records of a flag octet, two octets of length, and a message as on a
 * link. Flags: 0..1 who sends, 2 content comes along, 3 the turn ends.
 */
#include "../unit/queue/fixture.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_MOST = 1 << 20, RECIPIENTS_MOST = 64 };

static struct fixture *fixture;

static void tear_down(void)
{
	fixture_free(&fixture);
}

static struct fixture *get_fixture(void)
{
	if (fixture == NULL) {
		fixture = fixture_new();
		(void)atexit(tear_down);
	}
	return fixture;
}

static struct link *sender(uint8_t flags)
{
	switch (flags & 3) {
	case 0:
		return fixture_receive();
	case 1:
		return fixture_other_receive();
	case 2:
		return fixture_deliver();
	default:
		return fixture_control();
	}
}

static enum role role_of(uint8_t flags)
{
	static const enum role roles[] = { ROLE_RECEIVE, ROLE_RECEIVE,
					   ROLE_DELIVER, ROLE_CONTROL };

	return roles[flags & 3];
}

/* Ids of spool files are random: 1 is the last one that was handed out. */
static uint64_t last_spool_id(struct fixture *f)
{
	size_t count = fixture_count(f, MESSAGE_SPOOL);

	return count > 0 ? fixture_find(f, MESSAGE_SPOOL, count - 1)->row : 1;
}

/* Returns whether it was a message the queue may be sent. */
static bool send_one(struct fixture *f, uint8_t flags, struct slice octets)
{
	AUTO(arena_free) struct arena *arena = arena_new(16 << 20);
	static char content[CONTENT_MOST];
	struct message m;

	if (message_decode(octets, arena, &m) < 0 ||
	    !message_is_allowed(m.type, role_of(flags), ROLE_QUEUE))
		return false;
	if (m.type == MESSAGE_ENQUEUE) {
		if (m.enqueue.recipients.count > RECIPIENTS_MOST)
			return false;
		if (m.enqueue.spool_id == 1)
			m.enqueue.spool_id = last_spool_id(f);
	}
	if (m.type == MESSAGE_SPOOL_DROP)
		m.spool_drop.spool_id = last_spool_id(f);
	if ((flags & 4) != 0 && message_has_fd(m.type)) {
		uint64_t most = sizeof(content);
		uint64_t n = m.enqueue.content_octets;

		m.fd = fixture_memfd(content, n < most ? n : most);
	}
	engine_on_message(f->engine, sender(flags), &m);
	fd_close(&m.fd);
	return m.type == MESSAGE_ENQUEUE;
}

static void deliver_all(struct fixture *f, enum message_type type)
{
	struct message m = { .fd = -1 };

	for (size_t i = 0; i < f->sent_count; i++) {
		const struct sent *s = &f->sent[i];

		if (s->type != type)
			continue;
		if (type == MESSAGE_ATTEMPT) {
			m.type = MESSAGE_ATTEMPT_RESULT;
			m.attempt_result = (struct msg_attempt_result){
				.id = s->id, .outcome = { .code = 250 }
			};
		} else {
			m.type = MESSAGE_RESOLVED;
			m.resolved = (struct msg_resolved){
				.id = s->id, .result = RESOLVE_NO_USER
			};
		}
		engine_on_message(f->engine, s->to, &m);
	}
}

/* All that is in the queue leaves it. */
static void drain(struct fixture *f)
{
	engine_on_peer_gone(f->engine, fixture_receive());
	engine_on_peer_gone(f->engine, fixture_other_receive());
	engine_on_peer_gone(f->engine, fixture_deliver());
	fixture_restart(f); /* nobody rests after a loss */
	for (int i = 0; i < 100 && fixture_total(f) > 0; i++) {
		fixture_change(f, QUEUE_CHANGE_RELEASE, 0, "");
		fixture_hurry(f);
		deliver_all(f, MESSAGE_ATTEMPT);
		deliver_all(f, MESSAGE_RESOLVE);
		fixture_clear(f);
		fixture_run(f);
	}
	engine_tick(f->engine);
	assert(fixture_total(f) == 0);
	assert(fixture_spool_files(f->dir) == 0);
	fixture_clear(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fixture *f = get_fixture();
	size_t enqueues = 0, records = 0;

	while (size >= 3 && records++ < 100) {
		uint8_t flags = data[0];
		size_t n = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		enqueues += send_one(f, flags,
				     (struct slice){ (const char *)data, n });
		data += n;
		size -= n;
		if ((flags & 8) != 0)
			fixture_run(f);
	}
	fixture_run(f);
	assert(fixture_count(f, MESSAGE_ENQUEUED) == enqueues);
	drain(f);
	return 0;
}
