/* role.c and link.c for tests: what is sent is kept, peers come and go as the
 * test says. Link it instead of them. */
#ifndef TEST_RECEIVE_FAKE_ROLE_H
#define TEST_RECEIVE_FAKE_ROLE_H

#include "proc/role.h"

struct role_self {
	struct event_base *base;
	struct conf conf;
	bool has_queue;
	bool has_deliver;
	bool has_hook;
	bool has_verify;
	size_t backlog[ROLE_COUNT]; /* of the link to that role */
	struct sent {
		enum role to;
		struct message m; /* m.fd: a descriptor of its own, or -1 */
	} sent[64];
	size_t sent_count;
	struct arena *arena; /* of what was sent */
};

void fake_role_init(struct role_self *self);
void fake_role_done(struct role_self *self);
/* Runs what is ready in the event loop. */
void fake_role_turn(struct role_self *self);

/* The n-th message sent of that type, from 0; NULL when there were fewer. */
const struct message *fake_role_sent(const struct role_self *self,
				     enum message_type type, size_t n);
size_t fake_role_count(const struct role_self *self, enum message_type type);

#endif
