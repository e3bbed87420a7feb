/* A request's way to who knows, and its end: control-private.h. */
#include "base/mem.h"
#include "control/answer.h"
#include "control/control-private.h"

enum {
	PAGE = 500,            /* of the queue, at a time */
	ANSWER_TIMEOUT_S = 90, /* a look-up at Dovecot may take 60 */
};

/* --- the end of a request ---------------------------------------------------------- */

void session_finish(struct session *s)
{
	s->id = 0;
	s->peer = NULL;
	s->wants_page = false;
	milters_free(&s->milters);
	(void)event_del(s->timer);
	client_done(s->client);
}

void session_fail(struct session *s, const char *why)
{
	answer_error(client_output(s->client), why);
	session_finish(s);
}

void session_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_fail(arg, "no answer in time");
}

const struct conf_smarthost *session_smarthost(const struct session *s)
{
	return conf_smarthost_for(role_conf(s->control->self),
				  s->request.selector.from);
}

static void give_address(struct session *s, struct slice address)
{
	const struct host host = { .name = address,
				   .addresses = { &address, 1 } };
	const struct msg_route m = { .result = ROUTE_HOSTS,
				     .hosts = { &host, 1 },
				     .uses_ipv6 = true,
				     .ipv6_reason = S("the configuration has "
						      "that address") };

	answer_route(client_output(s->client), &m, session_smarthost(s));
	session_finish(s);
}

/* --- asking ---------------------------------------------------------------------------- */

static void ask(struct session *s, struct link *peer, struct message *m)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };

	s->peer = peer;
	(void)event_add(s->timer, &timeout);
	link_send(peer, m, -1);
}

static void tell_queue(struct session *s, struct message *m)
{
	struct link *queue = role_peer(s->control->self, ROLE_QUEUE, 0);

	if (queue == NULL)
		session_fail(s, "the queue is away; try again");
	else
		ask(s, queue, m);
}

static void ask_domains(struct session *s)
{
	struct message m = { .type = MESSAGE_DOMAIN_TLS_LIST, .fd = -1 };

	m.domain_tls_list = (struct msg_domain_tls_list){
		.id = s->id,
		.destination = s->request.address,
		.after = { s->after_name, s->after_octets },
	};
	tell_queue(s, &m);
}

static void ask_forget(struct session *s)
{
	struct message m = { .type = MESSAGE_DOMAIN_TLS_FORGET, .fd = -1 };

	m.domain_tls_forget = (struct msg_domain_tls_forget){
		.id = s->id,
		.destination = s->request.address,
	};
	tell_queue(s, &m);
}

static void ask_reports(struct session *s)
{
	struct message m = { .type = MESSAGE_TLS_REPORT_LIST, .fd = -1 };

	m.tls_report_list = (struct msg_tls_report_list){
		.id = s->id,
		.domain = s->request.address,
		.after_day = s->after,
		.after_domain = { s->after_name, s->after_octets },
	};
	tell_queue(s, &m);
}

static void ask_usage(struct session *s)
{
	struct message m = { .type = MESSAGE_USAGE_LIST, .fd = -1 };

	m.usage_list = (struct msg_usage_list){
		.id = s->id,
		.login = s->request.address,
		.after = { s->after_name, s->after_octets },
	};
	tell_queue(s, &m);
}

static void ask_usage_forget(struct session *s)
{
	struct message m = { .type = MESSAGE_USAGE_FORGET, .fd = -1 };

	m.usage_forget =
		(struct msg_usage_forget){ .id = s->id,
					   .login = s->request.address };
	tell_queue(s, &m);
}

static void ask_queue(struct session *s)
{
	struct message m = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };

	m.queue_list = (struct msg_queue_list){
		.id = s->id,
		.after = s->after,
		.limit = PAGE,
		.selector = s->request.selector,
		.with_header = s->request.with_header,
	};
	tell_queue(s, &m);
}

void session_ask_page(struct session *s)
{
	s->wants_page = false;
	if (s->request.command == REQUEST_DOMAIN_TLS_LIST)
		ask_domains(s);
	else if (s->request.command == REQUEST_TLS_REPORT_LIST)
		ask_reports(s);
	else if (s->request.command == REQUEST_USAGE_LIST)
		ask_usage(s);
	else
		ask_queue(s);
}

static void ask_change(struct session *s)
{
	struct message m = { .type = MESSAGE_QUEUE_CHANGE, .fd = -1 };

	m.queue_change = (struct msg_queue_change){
		.id = s->id,
		.change = s->request.change,
		.selector = s->request.selector,
		.is_all = s->request.is_all,
		.reason = s->request.reason,
	};
	tell_queue(s, &m);
}

static void ask_explain(struct session *s)
{
	struct control *c = s->control;
	struct link *links[ROLE_INDEX_MAX];
	size_t count = role_peers(c->self, ROLE_RECEIVE, links);
	struct message m = { .type = MESSAGE_EXPLAIN, .fd = -1 };

	m.explain = (struct msg_explain){ .id = s->id,
					  .address = s->request.address };
	if (count == 0)
		session_fail(s,
			     "nobody is there to resolve addresses; try again");
	else
		ask(s, links[c->next_receive++ % count], &m);
}

/* The same as `deliver` asks for mail of that sender. */
static void ask_route(struct session *s)
{
	AUTO(arena_free) struct arena *arena = arena_new(65536);
	struct link *lookup = role_peer(s->control->self, ROLE_LOOKUP, 0);
	const struct conf_smarthost *smarthost = session_smarthost(s);
	struct message m = { .type = MESSAGE_ROUTE_WANTED, .fd = -1 };
	struct slice host = S("");
	bool is_address = false;

	if (smarthost != NULL)
		host = conf_smarthost_host(smarthost, arena, &is_address);
	m.route_wanted = (struct msg_route_wanted){
		.id = s->id,
		.domain = s->request.address,
		.hosts = { &host, host.n > 0 ? 1 : 0 },
	};
	if (is_address)
		give_address(s, host);
	else if (lookup == NULL)
		session_fail(s, "nobody is there to ask DNS; try again");
	else
		ask(s, lookup, &m);
}

static void ask_reload(struct session *s)
{
	struct message m = { .type = MESSAGE_RELOAD,
			     .fd = -1,
			     .reload = { .id = s->id } };

	ask(s, role_parent(s->control->self), &m);
}

static void ask_milters(struct session *s)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	struct link *links[ROLE_INDEX_MAX];
	size_t count = role_peers(s->control->self, ROLE_RECEIVE, links);
	const struct message m = { .type = MESSAGE_MILTER_LIST,
				   .fd = -1,
				   .milter_list = { .id = s->id } };

	if (count == 0) {
		session_fail(s, "nobody is there to ask; try again");
		return;
	}
	s->milters = milters_new(links, count);
	(void)event_add(s->timer, &timeout);
	for (size_t i = 0; i < count; i++)
		link_send(links[i], &m, -1);
}

void session_begin(struct session *s)
{
	s->id = ++s->control->last_id;
	s->after = s->after_octets = s->listed = 0;
	switch (s->request.command) {
	case REQUEST_QUEUE_LIST:
	case REQUEST_DOMAIN_TLS_LIST:
	case REQUEST_TLS_REPORT_LIST:
	case REQUEST_USAGE_LIST:
		session_ask_page(s);
		break;
	case REQUEST_QUEUE_CHANGE:
		ask_change(s);
		break;
	case REQUEST_RESOLVE:
		ask_explain(s);
		break;
	case REQUEST_ROUTE:
		ask_route(s);
		break;
	case REQUEST_RELOAD:
		ask_reload(s);
		break;
	case REQUEST_MILTER_LIST:
		ask_milters(s);
		break;
	case REQUEST_DOMAIN_TLS_FORGET:
		ask_forget(s);
		break;
	case REQUEST_USAGE_FORGET:
		ask_usage_forget(s);
		break;
	}
}
