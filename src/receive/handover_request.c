#include "receive/handover-private.h"
#include "receive/target_set.h"

#include <assert.h>

static struct handover_recipient *copy_recipients(
	struct arena *a, const struct handover_request *request)
{
	struct handover_recipient *r =
		arena_array(a, request->recipient_count, sizeof(*r));

	for (size_t i = 0; i < request->recipient_count; i++) {
		r[i].original = arena_copy(a, request->recipients[i].original);
		r[i].dsn = request->recipients[i].dsn;
		r[i].dsn.orcpt_type = arena_copy(a, r[i].dsn.orcpt_type);
		r[i].dsn.orcpt = arena_copy(a, r[i].dsn.orcpt);
	}
	return r;
}

void handover_copy_request(struct handover *h,
			   const struct handover_request *request)
{
	struct arena *a = h->arena;

	h->request = *request;
	h->request.trace = arena_copy(a, request->trace);
	h->request.reverse_path = arena_copy(a, request->reverse_path);
	h->request.mail.envid = arena_copy(a, request->mail.envid);
	h->request.login = arena_copy(a, request->login);
	h->request.hold = arena_copy(a, request->hold);
	h->request.recipients = copy_recipients(a, request);
	h->log = (struct log_ctx){ .key = "trace", .value = h->request.trace };
}

static struct target take_target(struct handover *h, struct target target)
{
	/* What goes to other servers goes there from the queue; the others of
	 * the same message wait for nobody there. */
	if (target.kind == TARGET_REMOTE)
		h->request.queue_only = true;
	target.is_forwarded &= !h->request.is_from_us;
	return target_copy(target, h->arena);
}

bool handover_collect(struct handover *h,
		      const struct handover_request *request)
{
	struct target_set all;
	size_t room = 0;

	for (size_t i = 0; i < request->recipient_count; i++)
		room += request->recipients[i].targets.count;
	assert(room > 0);
	h->targets = arena_array(h->arena, room < WIRE_LIST ? room : WIRE_LIST,
				 sizeof(*h->targets));
	target_set_init(&all, h->arena);
	for (size_t i = 0; i < request->recipient_count; i++) {
		struct targets of = request->recipients[i].targets;

		for (size_t j = 0; j < of.count; j++) {
			if (!target_set_add(&all, of.items[j]))
				continue;
			if (h->target_count == WIRE_LIST)
				return false;
			h->targets[h->target_count++] =
				(struct handover_target){
					.target = take_target(h, of.items[j]),
					.recipient = &h->request.recipients[i],
					.outcome.kind = OUTCOME_CANCELLED,
				};
		}
	}
	return true;
}
