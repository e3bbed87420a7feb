#include "lookup/lookup.h"

#include "proc/role.h"

/* Nobody can be told a way yet. */
static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct message answer = { .type = MESSAGE_ROUTE, .fd = -1 };

	(void)self;
	(void)arg;
	if (m->type != MESSAGE_ROUTE_WANTED)
		return;
	answer.route.id = m->route_wanted.id;
	answer.route.result = ROUTE_TRY_LATER;
	answer.route.problem = S("DNS is not asked yet");
	link_send(from, &answer, -1);
}

static void start(struct role_self *self, void *arg)
{
	(void)self;
	(void)arg;
}

int lookup_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_LOOKUP,
		.start = start,
		.on_message = on_message,
	};

	return role_main(&program, index, NULL);
}
