#include "receive/post_data.h"

#include "base/log.h"
#include "base/mem.h"
#include "receive/hooks.h"
#include "receive/session-private.h"

#include <arpa/inet.h>

struct post_data {
	struct session *session;
	struct hook_call *call;
	post_data_on_end *done;
	void *arg;
};

static const struct reply rejected = {
	.code = 554,
	.status = { 5, 7, 1 },
	.text = SLICE("Message refused"),
};
static const struct reply deferred = {
	.code = 451,
	.status = { 4, 7, 1 },
	.text = SLICE("Message not taken now, try again later"),
};
static const struct reply broken = {
	.code = 451,
	.status = { 4, 3, 0 },
	.text = SLICE("Message cannot be checked now, try again later"),
};

bool post_data_is_wanted(const struct session *s)
{
	return hooks_has_post_data(s->server->hooks);
}

/* --- the answer ----------------------------------------------------------------- */

static struct reply reply_of(const struct msg_post_data_result *result)
{
	struct reply r = result->result == HOOK_REJECT ? rejected : deferred;

	if (result->result != HOOK_REJECT && result->problem.n > 0)
		return broken;
	if (result->text.n > 0)
		r.text = result->text;
	return r;
}

static void on_answer(const struct msg_post_data_result *result, void *arg)
{
	struct post_data *p = arg;
	const struct reply refusal = reply_of(result);
	bool is_accepted = result->result == HOOK_ACCEPT;
	post_data_on_end *done = p->done;
	void *done_arg = p->arg;

	if (result->problem.n > 0)
		LOG(LOG_WARNING, &p->session->tx->log, "hooks/post-data failed",
		    log_text("problem", result->problem));
	mem_free(&p);
	done(is_accepted ? result->header : S(""),
	     is_accepted ? NULL : &refusal, done_arg);
}

/* --- the question --------------------------------------------------------------- */

/* "192.0.2.1:25", "[2001:db8::1]:25": chasquid's form. */
static struct slice remote_addr(const struct session *s, struct arena *a)
{
	if (s->peer.any.sa_family == AF_INET6)
		return arena_format(a, "[%s]:%u", s->peer_ip,
				    ntohs(s->peer.in6.sin6_port));
	return arena_format(a, "%s:%u", s->peer_ip,
			    session_peer_port(&s->peer));
}

/* Programs do to a user of this machine what they do to a login. */
static struct slice who(const struct session *s, struct arena *a)
{
	return session_is_local(s) ? arena_format(a, "uid:%u", s->peer.user.uid)
				   : slice_of(s->login);
}

static struct slices recipients(const struct transaction *t, struct arena *a)
{
	struct slice *items =
		arena_array(a, t->recipient_count, sizeof(*items));

	for (size_t i = 0; i < t->recipient_count; i++)
		items[i] = t->recipients[i].original;
	return (struct slices){ items, t->recipient_count };
}

struct post_data *post_data_start(struct session *s, post_data_on_end *done,
				  void *arg)
{
	struct arena *a = s->server->scratch;
	const struct transaction *t = s->tx;
	struct post_data *p = mem_new(sizeof(*p));
	const struct msg_post_data m = {
		.trace = t->trace,
		.content_octets = content_octets(t->content),
		.remote_addr = remote_addr(s, a),
		.ehlo_domain = filters_hello_name(s),
		.mail_from = t->reverse_path,
		.rcpt_to = recipients(t, a),
		.auth_as = who(s, a),
		.on_tls = stream_tls_version(s->stream).n > 0,
		.is_from_local_domain = domains_is_local(
			s->server->domains, transaction_sender_domain(t)),
		.is_spf_pass =
			t->origin.has_spf && t->origin.spf == AUTHRES_PASS,
	};

	p->session = s;
	p->done = done;
	p->arg = arg;
	p->call = hooks_post_data(s->server->hooks, &m, content_fd(t->content),
				  on_answer, p);
	return p;
}

void post_data_cancel(struct post_data **post_data)
{
	if (*post_data == NULL)
		return;
	hook_call_cancel(&(*post_data)->call);
	mem_free(post_data);
}
