/* How the queue's parts reach the other roles: the links of role.h, or a
 * test's. */
#ifndef QUEUE_PEERS_H
#define QUEUE_PEERS_H

#include "proc/role.h"

struct dkim_signer;

struct peers {
	/* As role_peers() and link_send(). */
	size_t (*list)(void *arg, enum role role,
		       struct link *ret_links[ROLE_INDEX_MAX]);
	void (*send)(void *arg, struct link *to, const struct message *m,
		     int fd);
	void *arg;
	struct dkim_signer *signer; /* NULL: nothing is signed */
};

static inline void peers_send(const struct peers *p, struct link *to,
			      const struct message *m, int fd)
{
	p->send(p->arg, to, m, fd);
}

#endif
