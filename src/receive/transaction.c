#include "receive/transaction.h"

#include "base/mem.h"

#include <string.h>

/* A tripwire: recipients, errors and targets are bounded before. */
enum { TRANSACTION_ARENA_OCTETS = 128 << 20 };

struct transaction *transaction_new(struct slice trace, uint64_t now_ms)
{
	struct transaction *t = mem_new(sizeof(*t));

	t->arena = arena_new(TRANSACTION_ARENA_OCTETS);
	t->trace = arena_copy(t->arena, trace);
	t->log = (struct log_ctx){ .key = "trace", .value = t->trace };
	t->began_ms = now_ms;
	return t;
}

void transaction_free(struct transaction **transaction)
{
	struct transaction *t = *transaction;

	if (t == NULL)
		return;
	origin_cancel(&t->origin);
	resolve_cancel(&t->resolution);
	if (t->handover != NULL)
		handover_abandon(&t->handover);
	content_free(&t->content);
	if (t->held != NULL)
		evbuffer_free(t->held);
	if (t->line != NULL)
		evbuffer_free(t->line);
	arena_free(&t->arena);
	mem_free(transaction);
}

static void make_room(struct transaction *t)
{
	size_t room = t->recipient_room > 0 ? t->recipient_room * 2 : 1;
	struct handover_recipient *more;

	if (t->recipient_count < t->recipient_room)
		return;
	more = arena_array(t->arena, room, sizeof(*more));
	if (t->recipient_count > 0)
		memcpy(more, t->recipients, t->recipient_count * sizeof(*more));
	t->recipients = more;
	t->recipient_room = room;
}

bool transaction_add_recipient(struct transaction *t, struct targets targets)
{
	struct target *copies;

	if (targets.count > TRANSACTION_TARGETS - t->target_count)
		return false;
	copies = arena_array(t->arena, targets.count, sizeof(*copies));
	for (size_t i = 0; i < targets.count; i++)
		copies[i] = target_copy(targets.items[i], t->arena);
	t->pending.targets = (struct targets){ copies, targets.count };
	t->target_count += targets.count;
	make_room(t);
	t->recipients[t->recipient_count++] = t->pending;
	return true;
}

bool transaction_is_ascii(struct targets targets)
{
	for (size_t i = 0; i < targets.count; i++)
		if (targets.items[i].kind == TARGET_MAILBOX &&
		    slice_has_high(targets.items[i].address))
			return false;
	return true;
}

struct slice transaction_forwarder(const struct transaction *t)
{
	const struct handover_recipient *r = t->recipients;

	if (t->recipient_count != 1)
		return S("");
	for (size_t i = 0; i < r->targets.count; i++)
		if (r->targets.items[i].is_forwarded)
			return r->original;
	return S("");
}

struct slice transaction_sender_domain(const struct transaction *t)
{
	size_t at = slice_find_last(t->reverse_path, '@');

	return slice_tail(t->reverse_path, at + 1);
}

void transaction_drop_recipient(struct transaction *t)
{
	t->recipient_count--;
	t->target_count -= t->recipients[t->recipient_count].targets.count;
}
