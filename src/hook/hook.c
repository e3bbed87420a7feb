#include "hook/hook.h"

#include "base/mem.h"
#include "hook/errands.h"
#include "proc/role.h"

#include <signal.h>

struct hook {
	struct catalog *next;    /* between BEGIN and COMMIT */
	struct catalog *kept;    /* committed before start() */
	struct errands *errands; /* from start() on */
};

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	struct hook *h = arg;

	(void)self;
	if (m->type == MESSAGE_CONF_BEGIN) {
		catalog_free(&h->next);
		h->next = catalog_new();
	} else if (h->next == NULL) {
		return;
	} else if (m->type == MESSAGE_CONF_DOMAIN) {
		catalog_add_domain(h->next, &m->conf_domain);
	} else if (m->type == MESSAGE_CONF_HOOKS) {
		catalog_add_hooks(h->next, &m->conf_hooks);
	}
}

static void on_conf(struct role_self *self, void *arg)
{
	struct hook *h = arg;

	if (h->next == NULL ||
	    !catalog_read(h->next, role_conf(self)->drop_characters)) {
		catalog_free(&h->next);
	} else if (h->errands != NULL) {
		errands_use(h->errands, &h->next);
	} else {
		catalog_free(&h->kept);
		h->kept = h->next;
		h->next = NULL;
	}
}

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct hook *h = arg;

	(void)self;
	if (h->errands != NULL) /* nobody may ask before START */
		errands_on_message(h->errands, from, m);
}

static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	struct hook *h = arg;

	(void)self;
	if (h->errands != NULL)
		errands_forget(h->errands, peer);
}

static void start(struct role_self *self, void *arg)
{
	struct hook *h = arg;

	h->errands = errands_new(role_base(self));
	if (h->kept != NULL)
		errands_use(h->errands, &h->kept);
}

int hook_main(unsigned index)
{
	/* Without on_drain: when the parent says so, nobody waits any more. */
	static const struct role_program program = {
		.role = ROLE_HOOK,
		.start = start,
		.on_message = on_message,
		.on_peer_gone = on_peer_gone,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
	};
	struct hook h = { .next = NULL };
	int status;

	(void)signal(SIGCHLD, SIG_DFL); /* ignored, it would reap for us */
	status = role_main(&program, index, &h);
	errands_free(&h.errands);
	catalog_free(&h.kept);
	catalog_free(&h.next);
	return status;
}
