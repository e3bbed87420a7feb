/*
 * The servers that send our mail on, by the senders' domain: what the
 * configuration says of them, with their passwords. Which one mail takes is
 * conf_smarthost_for()'s to say.
 */
#ifndef DELIVER_SMARTHOSTS_H
#define DELIVER_SMARTHOSTS_H

#include "conf/conf.h"
#include "deliver/smtp_login.h"
#include "proc/message.h"

#include <stdint.h>

/* One of them. Immutable and counted: a session may use it longer than the
 * configuration has it. */
struct smarthost {
	unsigned refs;
	/* What tells it from others as a destination: host, port and user, as
	 * one text. Never a domain. */
	struct slice name;
	struct slice
		host; /* a canonical name, or an address without brackets */
	bool is_address;
	unsigned port;
	bool is_tls_first; /* RFC 8314 3 */
	struct smtp_login login;
};

struct smarthost *smarthost_ref(struct smarthost *s);
/* Wipes the password after the last one. */
void smarthost_free(struct smarthost **s);
/* Whether both are the same in every respect. */
bool smarthost_equal(const struct smarthost *a, const struct smarthost *b);

struct smarthosts;

/* What the parent sends before a configuration is committed: CONF_BEGIN makes
 * a new one in place of *next, passwords are added to it. */
void smarthosts_on_conf_part(struct smarthosts **next, const struct message *m);
/* Then comes the configuration itself, of which nothing is kept. */
void smarthosts_complete(struct smarthosts *all, const struct conf *conf);
void smarthosts_free(struct smarthosts **all);

/* The one for that sender, or NULL: by MX. It is all's. conf: the one it was
 * completed with. */
struct smarthost *smarthosts_for(const struct smarthosts *all,
				 const struct conf *conf,
				 struct slice reverse_path);

#endif
