#include "receive/receive.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proc/dkim_signer.h"
#include "proc/role.h"
#include "receive/clients.h"
#include "receive/dovecot.h"
#include "receive/filter_set.h"
#include "receive/generation.h"
#include "receive/hooks.h"
#include "receive/questions.h"
#include "receive/queue_call.h"
#include "receive/signer.h"
#include "receive/verify.h"

#include <assert.h>
#include <string.h>

enum {
	SCRATCH_OCTETS = 1 << 20, /* a tripwire */
	DRAIN_STEP_MS = 50,
	SIGN_MS = 1000,      /* for `keyring` to sign a handshake */
	STUCK_MS = 10000,    /* then it is started anew */
	LAST_WORDS_MS = 500, /* before the end of a drain's time */
};

struct receive {
	struct role_self *self;
	struct server server;
	struct clients *clients;
	struct questions *questions;
	struct dovecot *dovecot; /* from start() on */

	struct signer *signer;
	struct key_provider *keys; /* which ask the signer */
	struct domains *domains;   /* in use */
	struct tls_server *tls;
	struct generation *next; /* between BEGIN and COMMIT */

	struct event *drain;
	uint64_t drain_ms; /* the end of its time */
	bool is_shut;
};

static size_t sign(const struct key_question *question, char *room, size_t n,
		   void *arg)
{
	struct message m = { .type = MESSAGE_MISBEHAVED,
			     .misbehaved = { .role = ROLE_KEYRING } };
	const struct receive *r = arg;
	size_t octets = signer_sign(question, room, n, r->signer);

	if (signer_late_ms(r->signer) > STUCK_MS)
		link_send(role_parent(r->self), &m, -1);
	return octets;
}

/* What messages before start() need already. */
static struct receive *ready(struct role_self *self, void *arg)
{
	struct receive *r = arg;

	if (r->self != NULL)
		return r;
	r->self = self;
	r->server.base = role_base(self);
	r->server.scratch = arena_new(SCRATCH_OCTETS);
	r->server.has_room = true; /* until `queue` says otherwise */
	TAILQ_INIT(&r->server.sessions);
	r->server.spool = spooler_new(self);
	r->server.handovers = handovers_new(self);
	r->server.hooks = hooks_new(self);
	r->server.queue_calls = queue_calls_new(self);
	r->server.verifier = verifier_new(self);
	r->server.dkim = dkim_signer_new(self);
	r->server.filter_log = filter_log_new();
	r->clients = clients_new(&r->server);
	r->signer = signer_new(SIGN_MS);
	r->keys = key_provider_new(sign, r);
	assert(r->keys != NULL); /* memory was there */
	return r;
}

/* --- configuration ------------------------------------------------------------------ */

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	struct receive *r = ready(self, arg);

	dkim_signer_on_conf_part(r->server.dkim, m);
	if (m->type == MESSAGE_CONF_BEGIN) {
		generation_free(&r->next);
		r->next = generation_new();
	} else if (m->type == MESSAGE_CONF_HOOKS) {
		hooks_configure(r->server.hooks, &m->conf_hooks);
	} else if (r->next != NULL) {
		generation_add(r->next, m);
	}
}

static void use(struct receive *r, const struct conf *conf)
{
	r->server.conf = conf;
	r->server.domains = r->domains;
	r->server.tls = r->tls;
	if (r->server.resolver != NULL)
		resolver_use(r->server.resolver, conf, r->domains);
}

static void on_conf(struct role_self *self, void *arg)
{
	struct receive *r = ready(self, arg);
	struct domains *old_domains = NULL;
	struct tls_server *old_tls = NULL;
	struct domains *domains;
	struct tls_server *tls;

	if (r->next != NULL && generation_read(r->next, role_conf(self),
					       r->keys, &domains, &tls)) {
		old_domains = r->domains;
		old_tls = r->tls;
		r->domains = domains;
		r->tls = tls;
	}
	generation_free(&r->next);
	dkim_signer_on_conf(r->server.dkim);
	use(r, role_conf(self));
	r->server.filters =
		filter_set_new(self, role_conf(self), r->server.filters);
	r->server.filter_generation++;
	domains_free(&old_domains);
	tls_server_free(&old_tls);
}

/* --- other roles ----------------------------------------------------------------------- */

static void open_census(struct receive *r, struct message *m)
{
	int error;

	if (r->server.census != NULL || m->fd < 0)
		return; /* it comes again with each configuration */
	error = census_open(m->fd, m->census.rows, m->census.row,
			    m->census.hash_key, &r->server.census);
	if (error != 0)
		LOG(LOG_ERROR, NULL, "connections cannot be counted",
		    log_string("error", strerrordesc_np(-error)));
}

/* What we have asked for. */
static void on_answer(struct receive *r, struct message *m)
{
	switch ((int)m->type) {
	case MESSAGE_SPOOL:
		spooler_on_spool(r->server.spool, m);
		break;
	case MESSAGE_DELIVER_RESULT:
	case MESSAGE_ENQUEUED:
		handovers_on_message(r->server.handovers, m);
		break;
	case MESSAGE_SPENT:
	case MESSAGE_SENDER_TLS:
		queue_calls_on_message(r->server.queue_calls, m);
		break;
	case MESSAGE_POST_DATA_RESULT:
	case MESSAGE_ALIAS_RESOLVED:
		hooks_on_message(r->server.hooks, m);
		break;
	case MESSAGE_SPF:
	case MESSAGE_VERIFIED:
		verifier_on_message(r->server.verifier, m);
		break;
	case MESSAGE_SIGNATURE:
		dkim_signer_on_message(r->server.dkim, m);
		break;
	default: /* what link.c lets through is listed here or below */
		break;
	}
}

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct receive *r = ready(self, arg);

	switch ((int)m->type) {
	case MESSAGE_LISTENER:
		if (m->fd >= 0)
			clients_listen(
				r->clients,
				(enum listener_service)m->listener.service,
				message_take_fd(m), m->listener.is_first);
		break;
	case MESSAGE_WAITING_LINK:
		signer_use(r->signer, message_take_fd(m));
		break;
	case MESSAGE_CENSUS:
		open_census(r, m);
		break;
	case MESSAGE_ROOM:
		r->server.has_room = m->room.has_room;
		break;
	case MESSAGE_SRS_KEYS:
		(void)srs_keyring_set(&r->server.srs, m->srs_keys.current,
				      m->srs_keys.previous);
		break;
	case MESSAGE_LMTP_FEATURES:
		r->server.has_lmtp_smtputf8 = m->lmtp_features.has_smtputf8;
		break;
	case MESSAGE_MILTER_LIST:
		filter_set_list(r->server.filters, from, m->milter_list.id);
		break;
	case MESSAGE_EXPLAIN:
	case MESSAGE_RESOLVE:
		if (r->questions != NULL)
			questions_ask(r->questions, from, m);
		break;
	default:
		on_answer(r, m);
		break;
	}
}

static void on_peer(struct role_self *self, struct link *peer, void *arg)
{
	struct receive *r = ready(self, arg);

	if (link_peer(peer) == ROLE_VERIFY)
		verifier_on_peer(r->server.verifier);
	if (link_peer(peer) == ROLE_KEYRING)
		dkim_signer_on_keyring(r->server.dkim);
}

static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	struct receive *r = ready(self, arg);

	if (r->questions != NULL)
		questions_on_peer_gone(r->questions, peer);
	if (link_peer(peer) == ROLE_HOOK)
		hooks_on_hook_gone(r->server.hooks);
	if (link_peer(peer) == ROLE_VERIFY)
		verifier_on_peer_gone(r->server.verifier);
	if (link_peer(peer) == ROLE_KEYRING)
		dkim_signer_on_keyring_gone(r->server.dkim);
	if (link_peer(peer) == ROLE_DELIVER) {
		handovers_on_deliver_gone(r->server.handovers);
	} else if (link_peer(peer) == ROLE_QUEUE) {
		spooler_on_queue_gone(r->server.spool);
		handovers_on_queue_gone(r->server.handovers);
		queue_calls_on_queue_gone(r->server.queue_calls);
	}
}

/* --- the end ------------------------------------------------------------------------------ */

static bool is_drained(const struct receive *r)
{
	return r->server.session_count == 0 &&
	       handovers_waiting(r->server.handovers) == 0 &&
	       handovers_detached(r->server.handovers) == 0;
}

static void on_drain_step(evutil_socket_t fd, short what, void *arg)
{
	struct receive *r = arg;
	uint64_t now_ms = clock_monotonic_ms();

	(void)fd;
	(void)what;
	if (is_drained(r) || now_ms >= r->drain_ms) {
		role_exit(r->self);
	} else if (!r->is_shut && now_ms + LAST_WORDS_MS >= r->drain_ms) {
		r->is_shut = true;
		clients_shut(r->clients);
	}
}

static void on_drain(struct role_self *self, unsigned timeout_ms, void *arg)
{
	const struct timeval step = { .tv_usec = DRAIN_STEP_MS * 1000L };
	struct receive *r = arg;

	if (r->drain != NULL)
		return;
	r->drain_ms = clock_monotonic_ms() + timeout_ms;
	r->drain = event_new(role_base(self), -1, EV_PERSIST, on_drain_step, r);
	(void)event_add(r->drain, &step);
	clients_drain(r->clients);
}

/* --- the beginning ------------------------------------------------------------------------- */

static void start(struct role_self *self, void *arg)
{
	struct receive *r = arg;
	struct server *s = &r->server;

	r->dovecot = dovecot_new(self);
	s->logins = dovecot_logins(r->dovecot);
	s->resolver = resolver_new(s->base, dovecot_users(r->dovecot), s->hooks,
				   &s->srs.keys);
	r->questions = questions_new(self, s->resolver);
	use(r, role_conf(self));
	clients_start(r->clients);
}

static void receive_done(struct receive *r)
{
	if (r->self == NULL)
		return;
	clients_free(&r->clients);
	questions_free(&r->questions);
	resolver_free(&r->server.resolver);
	handovers_free(&r->server.handovers);
	hooks_free(&r->server.hooks);
	queue_calls_free(&r->server.queue_calls);
	verifier_free(&r->server.verifier);
	dkim_signer_free(&r->server.dkim);
	milter_set_release(&r->server.filters);
	filter_log_free(&r->server.filter_log);
	spooler_free(&r->server.spool);
	dovecot_free(&r->dovecot);
	generation_free(&r->next);
	domains_free(&r->domains);
	tls_server_free(&r->tls);
	key_provider_free(&r->keys);
	signer_free(&r->signer);
	census_free(&r->server.census);
	arena_free(&r->server.scratch);
	if (r->drain != NULL)
		event_free(r->drain);
}

int receive_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_RECEIVE,
		.start = start,
		.on_message = on_message,
		.on_peer = on_peer,
		.on_peer_gone = on_peer_gone,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
		.on_drain = on_drain,
	};
	struct receive *r = mem_new(sizeof(*r));
	int status = role_main(&program, index, r);

	receive_done(r);
	mem_free(&r);
	return status;
}
