#include "hook/hook.h"

#include "proc/role.h"

static void start(struct role_self *self, void *arg)
{
	(void)self;
	(void)arg;
}

int hook_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_HOOK,
		.start = start,
	};

	return role_main(&program, index, NULL);
}
