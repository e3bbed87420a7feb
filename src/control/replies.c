/* What the other roles say, for the session that waits for it. */
#include "control/answer.h"
#include "control/control-private.h"

#include <event2/buffer.h>
#include <string.h>

enum { OUTPUT_OCTETS = 256 << 10 }; /* more waits for the client to read */

/* The session that waits for that answer from that peer, or NULL: it is gone,
 * or the answer came too late. */
static struct session *find(struct control *c, const struct link *from,
			    uint64_t id, enum request_command command)
{
	struct session *s;

	TAILQ_FOREACH(s, &c->sessions, entry)
		if (id != 0 && s->id == id && s->peer == from &&
		    s->request.command == command)
			break;
	return s;
}

static void take_entry(struct control *c, const struct link *from,
		       const struct msg_queue_entry *m)
{
	struct session *s = find(c, from, m->id, REQUEST_QUEUE_LIST);

	if (s == NULL)
		return;
	answer_entry(client_output(s->client), m);
}

static void take_header(struct control *c, const struct link *from,
			const struct msg_queue_header *m)
{
	struct session *s = find(c, from, m->id, REQUEST_QUEUE_LIST);

	if (s != NULL)
		answer_header(client_output(s->client), m);
}

/* The next page of a list, when there is room for it. */
static void go_on(struct session *s)
{
	(void)event_del(s->timer);
	if (evbuffer_get_length(client_output(s->client)) < OUTPUT_OCTETS)
		session_ask_page(s);
	else
		s->wants_page = true; /* on_sent() */
}

static void take_page_end(struct control *c, const struct link *from,
			  const struct msg_queue_list_end *m)
{
	struct session *s = find(c, from, m->id, REQUEST_QUEUE_LIST);

	if (s == NULL)
		return;
	s->after = m->after;
	if (m->is_last) {
		answer_total(client_output(s->client), m->total);
		session_finish(s);
		return;
	}
	go_on(s);
}

static void take_domain(struct control *c, const struct link *from,
			const struct msg_domain_tls_entry *m)
{
	struct session *s = find(c, from, m->id, REQUEST_DOMAIN_TLS_LIST);

	if (s == NULL)
		return;
	s->listed++;
	answer_domain_tls(client_output(s->client), m);
}

/* The end of a page of what is listed by name. */
static void take_names_end(struct session *s, uint32_t error,
			   struct slice after, bool is_last)
{
	if (s == NULL)
		return;
	if (error != 0) {
		session_fail(s, "the queue's database cannot be read now");
		return;
	}
	if (is_last || after.n > AFTER_OCTETS) {
		answer_listed(client_output(s->client), s->request.command,
			      s->listed);
		session_finish(s);
		return;
	}
	s->after_octets = after.n;
	if (after.n > 0)
		memcpy(s->after_name, after.p, after.n);
	go_on(s);
}

static void take_usage(struct control *c, const struct link *from,
		       const struct msg_usage_entry *m)
{
	struct session *s = find(c, from, m->id, REQUEST_USAGE_LIST);

	if (s == NULL)
		return;
	s->listed++;
	answer_usage(client_output(s->client), m);
}

static void take_report(struct control *c, const struct link *from,
			const struct msg_tls_report_entry *m)
{
	struct session *s = find(c, from, m->id, REQUEST_TLS_REPORT_LIST);

	if (s == NULL)
		return;
	s->listed++;
	answer_tls_report(client_output(s->client), m);
}

static void take_reports_end(struct session *s,
			     const struct msg_tls_report_end *m)
{
	if (s != NULL)
		s->after = m->after_day;
	take_names_end(s, m->error, m->after_domain, m->is_last);
}

static void take_forgotten(struct session *s, uint32_t error, uint64_t count)
{
	if (s == NULL)
		return;
	if (error != 0) {
		session_fail(s, "the queue's database cannot be changed now");
		return;
	}
	answer_forgotten(client_output(s->client), count);
	session_finish(s);
}

/* What is listed by name: the ends of pages, and what is forgotten. */
static void take_names(struct control *c, const struct link *from,
		       const struct message *m)
{
	const struct msg_domain_tls_end *domains = &m->domain_tls_end;
	const struct msg_usage_end *usage = &m->usage_end;

	if (m->type == MESSAGE_DOMAIN_TLS_END)
		take_names_end(
			find(c, from, domains->id, REQUEST_DOMAIN_TLS_LIST),
			domains->error, domains->after, domains->is_last);
	else if (m->type == MESSAGE_TLS_REPORT_END)
		take_reports_end(find(c, from, m->tls_report_end.id,
				      REQUEST_TLS_REPORT_LIST),
				 &m->tls_report_end);
	else if (m->type == MESSAGE_USAGE_END)
		take_names_end(find(c, from, usage->id, REQUEST_USAGE_LIST),
			       usage->error, usage->after, usage->is_last);
	else if (m->type == MESSAGE_DOMAIN_TLS_FORGOTTEN)
		take_forgotten(find(c, from, m->domain_tls_forgotten.id,
				    REQUEST_DOMAIN_TLS_FORGET),
			       m->domain_tls_forgotten.error,
			       m->domain_tls_forgotten.count);
	else
		take_forgotten(find(c, from, m->usage_forgotten.id,
				    REQUEST_USAGE_FORGET),
			       m->usage_forgotten.error,
			       m->usage_forgotten.count);
}

/* An answer of one message. */
static void take_answer(struct control *c, const struct link *from, uint64_t id,
			enum request_command command, const struct message *m)
{
	struct session *s = find(c, from, id, command);

	if (s == NULL)
		return;
	if (m->type == MESSAGE_QUEUE_CHANGED)
		answer_changed(client_output(s->client), s->request.change,
			       m->queue_changed.count);
	else if (m->type == MESSAGE_ROUTE)
		answer_route(client_output(s->client), &m->route,
			     session_smarthost(s));
	else if (m->type == MESSAGE_EXPLAINED)
		answer_explained(client_output(s->client), &m->explained);
	else
		answer_reloaded(client_output(s->client), &m->reloaded);
	session_finish(s);
}

/* The same for what several are asked. */
static struct session *find_list(struct control *c, const struct link *from,
				 uint64_t id)
{
	struct session *s;

	TAILQ_FOREACH(s, &c->sessions, entry)
		if (s->id == id && s->milters != NULL &&
		    milters_is_open(s->milters, from))
			break;
	return s;
}

static void end_milters(struct session *s, const struct link *from)
{
	struct evbuffer *out = client_output(s->client);

	if (!milters_end(s->milters, from))
		return;
	answer_milters(out, milters_answer(s->milters, out));
	session_finish(s);
}

static void take_milter(struct control *c, const struct link *from,
			const struct message *m)
{
	bool is_end = m->type == MESSAGE_MILTER_LIST_END;
	struct session *s = find_list(
		c, from, is_end ? m->milter_list_end.id : m->milter_state.id);

	if (s == NULL)
		return;
	if (is_end)
		end_milters(s, from);
	else
		milters_add(s->milters, &m->milter_state);
}

void replies_take(struct control *c, const struct link *from,
		  const struct message *m)
{
	/* The link has checked that such a message may come from there. */
	switch ((int)m->type) {
	case MESSAGE_QUEUE_ENTRY:
		take_entry(c, from, &m->queue_entry);
		break;
	case MESSAGE_QUEUE_HEADER:
		take_header(c, from, &m->queue_header);
		break;
	case MESSAGE_QUEUE_LIST_END:
		take_page_end(c, from, &m->queue_list_end);
		break;
	case MESSAGE_QUEUE_CHANGED:
		take_answer(c, from, m->queue_changed.id, REQUEST_QUEUE_CHANGE,
			    m);
		break;
	case MESSAGE_DOMAIN_TLS_ENTRY:
		take_domain(c, from, &m->domain_tls_entry);
		break;
	case MESSAGE_USAGE_ENTRY:
		take_usage(c, from, &m->usage_entry);
		break;
	case MESSAGE_TLS_REPORT_ENTRY:
		take_report(c, from, &m->tls_report_entry);
		break;
	case MESSAGE_TLS_REPORT_END:
	case MESSAGE_DOMAIN_TLS_END:
	case MESSAGE_DOMAIN_TLS_FORGOTTEN:
	case MESSAGE_USAGE_END:
	case MESSAGE_USAGE_FORGOTTEN:
		take_names(c, from, m);
		break;
	case MESSAGE_EXPLAINED:
		take_answer(c, from, m->explained.id, REQUEST_RESOLVE, m);
		break;
	case MESSAGE_ROUTE:
		take_answer(c, from, m->route.id, REQUEST_ROUTE, m);
		break;
	case MESSAGE_RELOADED:
		take_answer(c, from, m->reloaded.id, REQUEST_RELOAD, m);
		break;
	case MESSAGE_MILTER_STATE:
	case MESSAGE_MILTER_LIST_END:
		take_milter(c, from, m);
		break;
	default:
		break;
	}
}

void replies_end(struct control *c, const struct link *peer)
{
	struct session *s;

	TAILQ_FOREACH(s, &c->sessions, entry)
		if (s->milters != NULL && milters_is_open(s->milters, peer))
			end_milters(s, peer);
		else if (s->id != 0 && s->peer == peer)
			session_fail(s, "who was asked is gone; try again");
}
