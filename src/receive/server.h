/*
 * What all sessions of this process share: the configuration in use, the
 * clients of Dovecot, the ways a message can leave. Owned by receive.c;
 * sessions only read it, but for their place in the list.
 */
#ifndef RECEIVE_SERVER_H
#define RECEIVE_SERVER_H

#include "auth/login.h"
#include "base/list.h"
#include "mail/srs.h"
#include "milter/filter.h"
#include "net/tls.h"
#include "proc/census.h"
#include "receive/content.h"
#include "receive/filter_log.h"
#include "receive/handover.h"
#include "receive/resolve.h"
#include "smtp/command.h"

struct dkim_signer;
struct hooks;
struct verifier;
struct session;
struct queue_calls;
TAILQ_HEAD(session_list, session);

struct server {
	struct event_base *base;
	const struct conf *conf; /* the newest */
	const struct domains *domains;
	struct tls_server *tls; /* without certificate: no STARTTLS */
	struct login_client *logins;
	struct resolver *resolver;
	struct spooler *spool;
	struct handovers *handovers;
	struct hooks *hooks;
	struct queue_calls *queue_calls;
	struct verifier *verifier;
	struct dkim_signer *dkim;   /* NULL: nobody signs */
	struct milter_set *filters; /* NULL: none is set */
	unsigned filter_generation; /* counts the sets */
	struct filter_log *filter_log;
	struct census *census; /* NULL: nobody counts */

	struct srs_keyring srs; /* as `queue` says */
	bool has_room;          /* `queue` says so */
	bool has_lmtp_smtputf8; /* `deliver` says so */
	bool is_draining;

	struct session_list sessions;
	size_t session_count;

	/* For the step at hand only: a session that waits keeps nothing here. */
	struct arena *scratch;
	char line[COMMAND_AUTH_LINE_OCTETS];
};

#endif
