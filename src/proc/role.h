/*
 * What every role has in common: its birth from the parent, its links, its
 * configuration, its end. A role is a program of callbacks around role_run().
 */
#ifndef PROC_ROLE_H
#define PROC_ROLE_H

#include "conf/conf.h"
#include "proc/link.h"

#include <event2/event.h>

enum { ROLE_PARENT_FD = 3 }; /* where a new process finds its parent */
enum { ROLE_INDEX_MAX = 64 };

struct role_self; /* the process' own state */

/* A role's program. Any member may be NULL, but not start. */
struct role_program {
	enum role role;
	/*
	 * All configuration, links and listeners have come and the cage is
	 * shut. Called once. arg is what role_main() was given.
	 */
	void (*start)(struct role_self *self, void *arg);
	/* A message from a peer or from the parent that role.c does not handle
	 * itself (it handles LOG_SINK, CONF_*, PEER, START). */
	void (*on_message)(struct role_self *self, struct link *from,
			   struct message *m, void *arg);
	/* A peer has come or come back; before start() too. */
	void (*on_peer)(struct role_self *self, struct link *peer, void *arg);
	/* A peer is gone; the link is freed when this returns. */
	void (*on_peer_gone)(struct role_self *self, struct link *peer,
			     void *arg);
	/* A configuration was committed; role_conf() gives the new one. Before
	 * start() too. The old one is freed when this returns. */
	void (*on_conf)(struct role_self *self, void *arg);
	/* Parts of a new configuration, between BEGIN and COMMIT; the role
	 * keeps them aside until on_conf. m->conf_domain, m->conf_hooks,
	 * m->conf_trust_anchor, m->conf_roots, m->conf_certificate,
	 * m->conf_key, m->conf_dkim_key or m->conf_smarthost_password;
	 * CONF_BEGIN itself comes here as well. */
	void (*on_conf_part)(struct role_self *self, struct message *m,
			     void *arg);
	/* DRAIN: take nothing new and call role_exit() when done. */
	void (*on_drain)(struct role_self *self, unsigned timeout_ms,
			 void *arg);
};

/* Runs the program until role_exit() or the parent's end; returns the exit
 * status. index: which of several of the same role this is. */
int role_main(const struct role_program *program, unsigned index, void *arg);

/* Leaves role_main() with status 0 after the current callback; what waits in
 * links is flushed first. */
void role_exit(struct role_self *self);

struct event_base *role_base(const struct role_self *self);
/* Valid until the next on_conf. */
const struct conf *role_conf(const struct role_self *self);
unsigned role_index(const struct role_self *self);
struct link *role_parent(const struct role_self *self);
/* The link to a peer, or NULL while it is away. */
struct link *role_peer(const struct role_self *self, enum role role,
		       unsigned index);
/* The number of peers of that role now there; *ret_links gets them. */
size_t role_peers(const struct role_self *self, enum role role,
		  struct link *ret_links[ROLE_INDEX_MAX]);

/*
 * Asks the parent for a connected socket (TCP may still be connecting); done
 * is called later, never at once, with a descriptor it then owns, or -1 and a
 * negative errno: -EAGAIN means that a unix socket's backlog is full. name:
 * of the filter, for SOCKET_MILTER; else empty. has_more: there is another
 * address, for attempt + 1; the first attempt is 0. where: for the log.
 */
typedef void role_on_socket(int fd, int error, bool has_more,
			    struct slice where, void *arg);
/* NOLINTNEXTLINE(readability-function-size): what, and whom to tell */
void role_want_socket(struct role_self *self, enum socket_kind kind,
		      struct slice name, unsigned attempt, role_on_socket *done,
		      void *arg);
/* Forgets every request with this arg. */
void role_forget_socket(struct role_self *self, void *arg);

#endif
