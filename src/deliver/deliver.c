#include "deliver/deliver.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver/deliver_config.h"
#include "deliver/jobs.h"
#include "deliver/smarthosts.h"
#include "net/tls_client.h"
#include "proc/role.h"

#include <assert.h>
#include <string.h>
#include <sys/resource.h>

enum {
	WAITING_MAX = 4096, /* deliveries without a connection */
	FDS_RESERVED = 128, /* for links, connections and what is on its way */
};

struct deliver {
	struct role_self *self;
	unsigned waiting_max;
	struct lmtp_pool *pool; /* these four from start() on */
	struct commands *commands;
	struct remote *remote;
	struct jobs *jobs;
	bool knows_features, has_smtputf8;
	bool is_unreachable;      /* said so already */
	char *roots, *next_roots; /* PEM; the latter until on_conf() */
	/* The latter from CONF_BEGIN to on_conf(). */
	struct smarthosts *smarthosts, *next_smarthosts;
	struct event *on_drained; /* not NULL while draining */
};

/* --- Dovecot --------------------------------------------------------------------- */

static void on_socket(int fd, int error, bool has_more, struct slice where,
		      void *arg)
{
	struct deliver *d = arg;

	(void)has_more;
	if (fd < 0 && !d->is_unreachable)
		LOG(LOG_WARNING, NULL, "cannot connect to Dovecot's LMTP",
		    log_text("socket", where),
		    log_string("error", strerrordesc_np(-error)));
	d->is_unreachable = fd < 0;
	lmtp_pool_connected(d->pool, fd, error);
}

static void want_socket(void *arg)
{
	struct deliver *d = arg;

	role_want_socket(d->self, SOCKET_LMTP, S(""), 0, on_socket, d);
}

static void tell_features(const struct deliver *d, struct link *receive)
{
	const struct message m = { .type = MESSAGE_LMTP_FEATURES,
				   .fd = -1,
				   .lmtp_features = {
					   .has_smtputf8 = d->has_smtputf8 } };

	link_send(receive, &m, -1);
}

static void on_features(bool has_smtputf8, void *arg)
{
	struct deliver *d = arg;
	struct link *receives[ROLE_INDEX_MAX];
	size_t count = role_peers(d->self, ROLE_RECEIVE, receives);

	d->knows_features = true;
	d->has_smtputf8 = has_smtputf8;
	for (size_t i = 0; i < count; i++)
		tell_features(d, receives[i]);
}

/* --- outside --------------------------------------------------------------------- */

/* For the domain's report: what is lost is a number less in it. */
static void on_tls(struct slice domain, const struct tlsrpt_fact *f, void *arg)
{
	const struct deliver *d = arg;
	struct link *queue = role_peer(d->self, ROLE_QUEUE, 0);
	struct message m = { .type = MESSAGE_TLS_SEEN, .fd = -1 };

	if (queue == NULL || !role_conf(d->self)->tls_reports)
		return;
	m.tls_seen = (struct msg_tls_seen){
		.domain = domain,
		.policy = f->policy,
		.policy_lines = f->policy_lines,
		.mx_patterns = f->mx_patterns,
		.result = f->result,
		.mx = f->mx,
		.address = f->address,
		.own_address = f->own_address,
		.reason = f->reason,
	};
	link_send(queue, &m, -1);
}

/* --- the end --------------------------------------------------------------------- */

/* Sessions that still end may still bring mail: `receive` goes first. */
static void leave_if_drained(struct deliver *d)
{
	struct link *receives[ROLE_INDEX_MAX];

	if (d->on_drained != NULL && jobs_is_empty(d->jobs) &&
	    role_peers(d->self, ROLE_RECEIVE, receives) == 0)
		role_exit(d->self);
}

static void on_empty(void *arg)
{
	leave_if_drained(arg);
}

static void on_drain_timeout(int fd, short what, void *arg)
{
	struct deliver *d = arg;

	(void)fd;
	(void)what;
	role_exit(d->self);
}

static void on_drain(struct role_self *self, unsigned timeout_ms, void *arg)
{
	struct deliver *d = arg;
	const struct timeval tv = { .tv_sec = timeout_ms / 1000,
				    .tv_usec = timeout_ms % 1000 * 1000 };

	if (d->on_drained != NULL)
		return;
	if (d->jobs == NULL) { /* not even started */
		role_exit(self);
		return;
	}
	d->on_drained = evtimer_new(role_base(self), on_drain_timeout, d);
	assert(d->on_drained != NULL);
	(void)event_add(d->on_drained, &tv);
	remote_drain(d->remote);
	leave_if_drained(d);
}

/* --- the links ------------------------------------------------------------------- */

static void on_deliver(struct deliver *d, struct link *from, struct message *m)
{
	const struct msg_deliver *in = &m->deliver;
	const struct job_request request = {
		.from = from,
		.id = in->id,
		.trace = in->trace,
		.reverse_path = in->reverse_path,
		.targets = in->targets,
		.content_octets = in->content_octets,
		.is_8bit = in->is_8bit,
	};

	jobs_start(d->jobs, &request, message_take_fd(m));
}

static void on_attempt(struct deliver *d, struct link *from, struct message *m)
{
	const struct msg_attempt *in = &m->attempt;
	const struct job_request request = {
		.from = from,
		.is_attempt = true,
		.id = in->id,
		.trace = in->trace,
		.reverse_path = in->reverse_path,
		.targets = { &in->target, 1 },
		.content_octets = in->content_octets,
		.is_8bit = in->is_8bit,
		.queue_id = in->queue_id,
		.is_smtputf8 = in->is_smtputf8,
		.envid = in->envid,
		.ret = in->ret,
		.notify = in->notify,
		.orcpt_type = in->orcpt_type,
		.orcpt = in->orcpt,
		.tls_floor = in->tls_floor,
		.tls_demand = in->tls_demand,
		.smarthost = smarthosts_for(d->smarthosts, role_conf(d->self),
					    in->reverse_path),
	};

	/* While we end it is left unanswered: once we are gone it was not
	 * tried. An answer would bring the next, for all of the queue. */
	if (d->on_drained == NULL)
		jobs_start(d->jobs, &request, message_take_fd(m));
}

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct deliver *d = arg;

	(void)self;
	if (d->jobs == NULL)
		return; /* nobody may ask before START */
	if (m->type == MESSAGE_DELIVER)
		on_deliver(d, from, m);
	else if (m->type == MESSAGE_DELIVER_CANCEL)
		jobs_cancel(d->jobs, from, m->deliver_cancel.id);
	else if (m->type == MESSAGE_ATTEMPT)
		on_attempt(d, from, m);
	else if (m->type == MESSAGE_COMMAND_RESULT)
		commands_on_result(d->commands, &m->command_result);
	else if (m->type == MESSAGE_ROUTE)
		remote_on_route(d->remote, &m->route);
}

static void use_queue(struct deliver *d, struct link *queue)
{
	remote_use_queue(d->remote, queue);
	jobs_use_queue(d->jobs, queue);
}

static void on_peer(struct role_self *self, struct link *peer, void *arg)
{
	struct deliver *d = arg;

	(void)self;
	if (link_peer(peer) == ROLE_RECEIVE && d->knows_features)
		tell_features(d, peer);
	else if (link_peer(peer) == ROLE_HOOK && d->commands != NULL)
		commands_use_hook(d->commands, peer);
	else if (link_peer(peer) == ROLE_LOOKUP && d->remote != NULL)
		remote_use_lookup(d->remote, peer);
	else if (link_peer(peer) == ROLE_QUEUE && d->remote != NULL)
		use_queue(d, peer);
}

static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	struct deliver *d = arg;

	(void)self;
	if (d->jobs == NULL)
		return;
	if (link_peer(peer) == ROLE_HOOK)
		commands_use_hook(d->commands, NULL);
	if (link_peer(peer) == ROLE_LOOKUP)
		remote_use_lookup(d->remote, NULL);
	if (link_peer(peer) == ROLE_QUEUE)
		remote_use_queue(d->remote, NULL);
	jobs_forget(d->jobs, peer);
	leave_if_drained(d);
}

/* --- life ------------------------------------------------------------------------ */

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	struct deliver *d = arg;

	(void)self;
	smarthosts_on_conf_part(&d->next_smarthosts, m);
	if (m->type != MESSAGE_CONF_ROOTS)
		return;
	mem_free(&d->next_roots);
	d->next_roots = mem_new(m->conf_roots.text.n + 1);
	if (m->conf_roots.text.n > 0)
		memcpy(d->next_roots, m->conf_roots.text.p,
		       m->conf_roots.text.n);
}

static struct tls_client *new_tls(const struct deliver *d)
{
	return tls_client_new(d->roots != NULL ? slice_of(d->roots) : S(""));
}

/* Returns whether there are others now. */
static bool take_roots(struct deliver *d)
{
	if (d->next_roots == NULL ||
	    (d->roots != NULL && strcmp(d->roots, d->next_roots) == 0))
		return false;
	mem_free(&d->roots);
	d->roots = d->next_roots;
	d->next_roots = NULL;
	return true;
}

static void take_smarthosts(struct deliver *d, const struct conf *conf)
{
	smarthosts_free(&d->smarthosts);
	d->smarthosts = d->next_smarthosts;
	d->next_smarthosts = NULL;
	smarthosts_complete(d->smarthosts, conf);
}

static void on_conf(struct role_self *self, void *arg)
{
	AUTO(tls_client_free) struct tls_client *tls = NULL;
	struct deliver *d = arg;
	bool has_new_roots = take_roots(d);
	struct lmtp_pool_config inside = deliver_config_inside(role_conf(self));
	struct remote_config outside = deliver_config_outside(role_conf(self));

	take_smarthosts(d, role_conf(self));
	if (d->pool == NULL)
		return;
	lmtp_pool_configure(d->pool, &inside);
	remote_configure(d->remote, &outside);
	if (!has_new_roots)
		return;
	tls = new_tls(d);
	remote_use_tls(d->remote, tls);
}

static void start(struct role_self *self, void *arg)
{
	struct deliver *d = arg;
	struct lmtp_pool_config inside = deliver_config_inside(role_conf(self));
	struct remote_config outside = deliver_config_outside(role_conf(self));
	AUTO(tls_client_free) struct tls_client *tls = new_tls(d);

	d->self = self;
	d->pool = lmtp_pool_new(role_base(self), &inside, want_socket,
				on_features, d);
	d->commands = commands_new(role_base(self));
	commands_use_hook(d->commands, role_peer(self, ROLE_HOOK, 0));
	d->remote = remote_new(role_base(self), &outside, tls);
	remote_use_lookup(d->remote, role_peer(self, ROLE_LOOKUP, 0));
	remote_use_queue(d->remote, role_peer(self, ROLE_QUEUE, 0));
	remote_watch_tls(d->remote, on_tls, d);
	d->jobs = jobs_new(&(const struct jobs_ways){ .pool = d->pool,
						      .commands = d->commands,
						      .remote = d->remote },
			   d->waiting_max, on_empty, d);
}

/* Each job holds a descriptor; what the link cannot receive would be lost. */
static unsigned waiting_max(void)
{
	struct rlimit fds = { 0, 0 };

	if (getrlimit(RLIMIT_NOFILE, &fds) < 0)
		return FDS_RESERVED;
	fds.rlim_cur = fds.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &fds);
	if (fds.rlim_cur >= WAITING_MAX + FDS_RESERVED)
		return WAITING_MAX;
	return fds.rlim_cur > 2 * FDS_RESERVED
		       ? (unsigned)fds.rlim_cur - FDS_RESERVED
		       : FDS_RESERVED;
}

int deliver_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_DELIVER,
		.start = start,
		.on_message = on_message,
		.on_peer = on_peer,
		.on_peer_gone = on_peer_gone,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
		.on_drain = on_drain,
	};
	struct deliver d = { .waiting_max = waiting_max() };
	int status = role_main(&program, index, &d);

	lmtp_pool_free(&d.pool);
	commands_free(&d.commands);
	remote_free(&d.remote);
	jobs_free(&d.jobs);
	mem_free(&d.roots);
	mem_free(&d.next_roots);
	smarthosts_free(&d.smarthosts);
	smarthosts_free(&d.next_smarthosts);
	if (d.on_drained != NULL)
		event_free(d.on_drained);
	return status;
}
