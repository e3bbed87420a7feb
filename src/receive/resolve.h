/*
 * Where mail for an address goes: our domains, their aliases, and Dovecot's
 * word on who exists. Order (design section 4): exact mailbox, exact alias,
 * the same without detail and drop characters, catch-all. A catch-all never
 * shadows a mailbox; an alias is followed to depth 10 and 1,000 results,
 * cycles end it; one whose local target does not exist is no such user.
 * Wherever an alias is looked for, hooks/alias-resolve is asked, too, if there
 * is one, and what it answers is added. An alias that runs a command exists
 * without Dovecot. Where one leads outside is sent there (TARGET_REMOTE), and so
 * is an address outside for who may relay. What SRS made of a sender (mail/srs.h)
 * leads back to him, reports only. `user+detail` reaches Dovecot whole. Bare <postmaster> is
 * postmaster of hostname's domain if that is local, else of the first domain,
 * else what /etc/aliases says.
 *
 * Mail of this machine to a name at mailname, hostname or localhost goes where
 * /etc/aliases says. What is not there is a local domain's as ever, or, if
 * mailname is none, a mailbox that Dovecot knows by that address.
 */
#ifndef RECEIVE_RESOLVE_H
#define RECEIVE_RESOLVE_H

#include "auth/userdb.h"
#include "conf/aliases.h"
#include "conf/conf.h"
#include "mail/srs.h"
#include "proc/message.h"
#include "receive/hooks.h"
#include "smtp/address.h"

#include <event2/event.h>

struct domains; /* the local domains and their aliases: one generation */

struct domains *domains_new(void);
void domains_free(struct domains **domains);
/* Takes aliases over. domain is canonical. */
void domains_add(struct domains *domains, struct slice domain,
		 struct aliases *aliases);
bool domains_is_local(const struct domains *domains, struct slice domain);
size_t domains_count(const struct domains *domains);
/* The aliases of a local domain; NULL when it has none or is not local. */
const struct aliases *domains_aliases(const struct domains *domains,
				      struct slice domain);
/* The domain that was added first; empty when there is none. */
struct slice domains_first(const struct domains *domains);

/* The aliases of this machine itself, taken over; NULL: none. */
void domains_set_host(struct domains *domains, struct aliases *aliases);
const struct aliases *domains_host(const struct domains *domains);

struct resolver;
struct resolution;

/* users, hooks, which may be NULL, and keys outlive the resolver; conf and domains
 * too, or they are replaced first. */
struct resolver *resolver_new(struct event_base *base,
			      struct userdb_client *users, struct hooks *hooks,
			      const struct srs_keys *keys);
/* All resolutions have ended or were cancelled before. */
void resolver_free(struct resolver **resolver);
/* Call it before the first resolution and on each reload: what was remembered
 * of Dovecot is forgotten, running resolutions start again. */
void resolver_use(struct resolver *resolver, const struct conf *conf,
		  const struct domains *domains);

/* Whether domain (canonical) is a local one, or names this machine. */
bool resolver_is_ours(const struct resolver *resolver, struct slice domain);

struct resolve_answer {
	enum resolve_result result;
	struct targets targets; /* RESOLVE_TARGETS: at least one, none twice,
	                           as address_format() writes them */
	struct slice problem;   /* else: why, for the log */
	struct slices steps;    /* each step in words, when asked for */
	struct slices users;    /* whose mailboxes these are, when asked for */
};

/* The answer lives during the call. Called once, never from within
 * resolve_start(). */
typedef void resolve_on_answer(const struct resolve_answer *answer, void *arg);

/* For whom, and how. */
enum {
	RESOLVE_FOR_ALL = 0,
	RESOLVE_WITH_STEPS = 1,
	RESOLVE_FOR_HOST = 2,    /* mail of this machine */
	RESOLVE_MAY_RELAY = 4,   /* an address outside leads there */
	RESOLVE_NULL_SENDER = 8, /* an address of SRS leads back */
	RESOLVE_WITH_USERS = 16,
};

struct resolution *resolve_start(struct resolver *resolver,
				 const struct address *address, unsigned flags,
				 resolve_on_answer *on_answer, void *arg);
void resolve_cancel(struct resolution **resolution);

#endif
