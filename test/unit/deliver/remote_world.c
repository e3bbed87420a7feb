#include "remote_world.h"

#include "base/mem.h"
#include "deliver/remote_dial.h"
#include "net/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct world *the_world; /* for what has no arg */

static void copy(char to[WORLD_TEXT], struct slice s)
{
	(void)snprintf(to, WORLD_TEXT, "%.*s", (int)s.n, s.n > 0 ? s.p : "");
}

/* --- connections in place of smtp_conn.c and remote_dial.c ------------------------- */

static char dialled[WORLD_TEXT];

int remote_dial(const struct sockaddr_storage *to, socklen_t to_octets,
		const char *from4, const char *from6, int *ret_fd)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)to;

	(void)to_octets;
	(void)from4;
	(void)from6;
	if (to->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, dialled,
				sizeof(dialled));
	else
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, dialled,
				sizeof(dialled));
	if (the_world->undialled != NULL &&
	    strcmp(the_world->undialled, dialled) == 0)
		return -ENETUNREACH;
	*ret_fd = dup(STDERR_FILENO);
	return 0;
}

struct smtp_conn *smtp_conn_new(struct event_base *base, int fd,
				const struct smtp_conn_config *config,
				const struct smtp_conn_calls *calls, void *arg)
{
	struct smtp_conn *c = mem_new(sizeof(*c));

	(void)close(fd);
	c->base = base;
	copy(c->host, config->who.server_name);
	copy(c->address, slice_of(dialled));
	c->security = config->security;
	c->tlsa_count = config->who.tlsa_count;
	c->name_count = config->who.other_count;
	c->is_tls_first = config->is_tls_first;
	copy(c->user, config->login.user);
	copy(c->password, config->login.password);
	c->has_tls = the_world->has_tls;
	c->peer = the_world->peer;
	c->features.has_requiretls = the_world->has_requiretls;
	c->calls = calls;
	c->arg = arg;
	assert_true(the_world->conn_count < WORLD_MANY);
	the_world->conns[the_world->conn_count++] = c;
	the_world->open_count++;
	return c;
}

/* Kept until the end of the world, so that a test can look at it. */
void smtp_conn_free(struct smtp_conn **conn)
{
	if (*conn == NULL)
		return;
	assert_false((*conn)->is_free);
	(*conn)->is_free = true;
	*conn = NULL;
	the_world->open_count--;
}

void smtp_conn_begin(struct smtp_conn *conn, const struct smtp_message *message)
{
	assert_null(conn->message);
	conn->message = message;
	conn->messages++;
}

void smtp_conn_quit(struct smtp_conn *conn)
{
	assert_null(conn->message);
	conn->is_quitting = true;
}

const struct smtp_result *smtp_conn_result(const struct smtp_conn *conn,
					   size_t index)
{
	return &conn->results[index];
}

bool smtp_conn_is_tls(const struct smtp_conn *conn,
		      struct stream_tls_peer *ret_peer)
{
	*ret_peer = conn->peer;
	return conn->has_tls;
}

struct slice smtp_conn_tls_version(const struct smtp_conn *conn)
{
	(void)conn;
	return S("TLSv1.3");
}

const struct smtp_features *smtp_conn_features(const struct smtp_conn *conn)
{
	return &conn->features;
}

struct slice smtp_conn_own_address(const struct smtp_conn *conn)
{
	(void)conn;
	return S("192.0.2.99");
}

const struct outcome *smtp_conn_failure(const struct smtp_conn *conn)
{
	return &conn->failure;
}

struct smtp_conn *world_conn(struct world *w, unsigned i)
{
	assert_true(i < w->conn_count);
	return w->conns[i];
}

static struct smtp_conn *open_conn(struct world *w, unsigned i)
{
	struct smtp_conn *c = world_conn(w, i);

	assert_false(c->is_free);
	return c;
}

void conn_ready(struct world *w, unsigned i)
{
	struct smtp_conn *c = open_conn(w, i);

	c->calls->on_idle(c->arg);
	world_turn(w);
}

static void finish(struct smtp_conn *c, const struct smtp_result *result)
{
	assert_non_null(c->message);
	for (size_t i = 0; i < c->message->recipient_count; i++)
		c->results[i] = *result;
	c->message = NULL;
	c->calls->on_done(c->arg);
}

void conn_done(struct world *w, unsigned i, enum outcome_kind kind,
	       unsigned code)
{
	const struct smtp_result result = {
		.outcome = { .kind = kind,
			     .code = (uint16_t)code,
			     .text = S("said so") },
	};

	finish(open_conn(w, i), &result);
	conn_ready(w, i);
}

void conn_break(struct world *w, unsigned i, bool is_untouched)
{
	const struct smtp_result result = {
		.outcome = { .kind = OUTCOME_DEFERRED,
			     .status = { 4, 4, 2 },
			     .text = S("lost") },
		.is_untouched = is_untouched,
	};

	finish(open_conn(w, i), &result);
	conn_end(w, i, SMTP_END_LOST, 0, "lost");
}

void conn_end(struct world *w, unsigned i, enum smtp_end end, unsigned code,
	      const char *text)
{
	struct smtp_conn *c = open_conn(w, i);

	c->failure = (struct outcome){
		.kind = code >= 500 ? OUTCOME_REFUSED : OUTCOME_DEFERRED,
		.code = (uint16_t)code,
		.status = { code >= 500 ? 5 : 4, 4, 1 },
		.text = slice_of(text),
	};
	c->calls->on_ended(end, c->arg);
	world_turn(w);
}

/* --- lookup ------------------------------------------------------------------------ */

static void on_question(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;
	size_t used = 0;

	(void)link;
	assert_int_equal(m->type, MESSAGE_ROUTE_WANTED);
	w->asked++;
	w->asked_id = m->route_wanted.id;
	copy(w->asked_domain, m->route_wanted.domain);
	w->asked_hosts[0] = '\0';
	for (size_t i = 0; i < m->route_wanted.hosts.count; i++)
		used += (size_t)snprintf(w->asked_hosts + used,
					 WORLD_TEXT - used, "%.*s;",
					 (int)m->route_wanted.hosts.items[i].n,
					 m->route_wanted.hosts.items[i].p);
}

static void on_answer(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	(void)link;
	remote_on_route(w->remote, &m->route);
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	(void)arg;
}

void world_connect_lookup(struct world *w)
{
	int pair[2];

	link_free(&w->ours);
	link_free(&w->theirs);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	w->ours = link_new(w->base, pair[0], ROLE_DELIVER, ROLE_LOOKUP, 0,
			   on_answer, on_closed, w);
	w->theirs = link_new(w->base, pair[1], ROLE_LOOKUP, ROLE_DELIVER, 0,
			     on_question, on_closed, w);
	remote_use_lookup(w->remote, w->ours);
}

static void on_wanted(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	(void)link;
	assert_int_equal(m->type, MESSAGE_ATTEMPTS_WANTED);
	w->wanted_destination = m->attempts_wanted.destination;
	w->wanted += m->attempts_wanted.count;
}

static void connect_queue(struct world *w)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	w->to_queue = link_new(w->base, pair[0], ROLE_DELIVER, ROLE_QUEUE, 0,
			       on_answer, on_closed, w);
	w->of_queue = link_new(w->base, pair[1], ROLE_QUEUE, ROLE_DELIVER, 0,
			       on_wanted, on_closed, w);
	remote_use_queue(w->remote, w->to_queue);
}

/* "!" before a host: with DANE. */
static void parse_host(struct slice text, struct arena *arena,
		       struct host *host)
{
	static const struct slice tlsa = SLICE("\3\1\1xx");
	struct slice *addresses = arena_array(arena, 8, sizeof(*addresses));
	struct slice rest;

	if (slice_starts(text, S("!"))) {
		host->has_tlsa = host->is_secure = true;
		host->tlsa = (struct slices){ &tlsa, 1 };
		text = slice_tail(text, 1);
	}
	(void)slice_cut(text, '=', &host->name, &rest);
	host->addresses.items = addresses;
	while (rest.n > 0)
		(void)slice_cut(rest, ',', &addresses[host->addresses.count++],
				&rest);
}

static const struct slice sts_pattern = SLICE("a");

void world_route(struct world *w, const char *hosts)
{
	AUTO(arena_free) struct arena *arena = arena_new(65536);
	struct host *items = arena_array(arena, 8, sizeof(*items));
	struct message m = { .type = MESSAGE_ROUTE, .fd = -1 };
	struct slice rest = slice_of(hosts), text;

	m.route.id = w->asked_id;
	m.route.result = ROUTE_HOSTS;
	m.route.uses_ipv6 = w->uses_ipv6;
	m.route.ipv6_reason = S("none is there");
	m.route.hosts.items = items;
	m.route.is_secure = !w->is_insecure;
	m.route.sts_failure = w->sts_failure;
	if (w->sts != STS_NONE)
		m.route.sts = (struct sts){ .id = S("1"),
					    .mode = w->sts,
					    .max_age_s = 86400,
					    .patterns = { &sts_pattern, 1 } };
	while (rest.n > 0) {
		(void)slice_cut(rest, ' ', &text, &rest);
		parse_host(text, arena, &items[m.route.hosts.count++]);
	}
	link_send(w->theirs, &m, -1);
	world_turn(w);
}

void world_no_route(struct world *w, enum route_result result)
{
	struct message m = { .type = MESSAGE_ROUTE, .fd = -1 };

	m.route.id = w->asked_id;
	m.route.result = result;
	m.route.problem = S("no way");
	link_send(w->theirs, &m, -1);
	world_turn(w);
}

/* --- mail -------------------------------------------------------------------------- */

static void on_end(const struct remote_end *end, void *arg)
{
	struct sent *s = arg;

	s->ends++;
	s->delivery = NULL;
	s->kind = end->outcome.kind;
	s->code = end->outcome.code;
	memcpy(s->status, end->outcome.status, sizeof(s->status));
	copy(s->text, end->outcome.text);
	copy(s->server, end->outcome.server);
	s->again_s = end->again_s;
	s->destination = end->destination;
	s->tls_level = end->tls_level;
	copy(s->tls_reason, end->tls_reason);
}

struct sent *world_send(struct world *w, uint64_t queue_id, const char *address,
			const char *via)
{
	struct sent *s = &w->sent[w->sent_count++];
	struct remote_request request = {
		.queue_id = queue_id,
		.trace = S("t"),
		.reverse_path = w->is_report ? S("") : S("a@here.example"),
		.content_fd = -1,
		.content_octets = 10,
		.via = slice_of(via),
		.tls_floor = w->tls_floor,
		.tls_demand = w->tls_demand,
		.smarthost = w->smarthost,
	};

	assert_true(w->sent_count <= WORLD_MANY);
	copy(s->address, slice_of(address));
	request.recipient.address = slice_of(s->address);
	s->delivery = remote_deliver(w->remote, &request, on_end, s);
	return s;
}

void world_turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* --- life -------------------------------------------------------------------------- */

void world_configure(struct world *w)
{
	remote_configure(w->remote, &w->config);
	world_turn(w);
}

int world_make(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	the_world = w;
	w->base = event_base_new();
	w->tls = tls_client_new(S(""));
	w->config = (struct remote_config){
		.hostname = "me",
		.address4 = "",
		.address6 = "",
		.port = 25,
		.connections = 100,
		.connections_per_destination = 4,
		.idle_ms = 5000,
		.rest_ms = 60000,
		.rest_max_ms = 600000,
	};
	w->remote = remote_new(w->base, &w->config, w->tls);
	world_connect_lookup(w);
	connect_queue(w);
	*state = w;
	return 0;
}

int world_end(void **state)
{
	struct world *w = *state;

	remote_free(&w->remote);
	assert_int_equal(w->open_count, 0);
	for (unsigned i = 0; i < w->conn_count; i++)
		mem_free(&w->conns[i]);
	link_free(&w->ours);
	link_free(&w->theirs);
	link_free(&w->to_queue);
	link_free(&w->of_queue);
	tls_client_free(&w->tls);
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}
