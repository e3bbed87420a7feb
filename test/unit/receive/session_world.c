#include "session_world.h"

#include "filter_world.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/stream.h"
#include "receive/post_data.h"
#include "receive/queue_call.h"
#include "receive/rewrite.h"
#include "receive/verify.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_LIMIT = 16384 };

static struct world *world;

/* --- clocks --------------------------------------------------------------------- */

uint64_t clock_monotonic_ms(void)
{
	return world->now_ms;
}

int64_t clock_wall_s(void)
{
	return 1795255440; /* Sat, 21 Nov 2026 10:04:00 +0000 */
}

/* --- the stream -------------------------------------------------------------------- */

struct stream {
	struct evbuffer *input;
	struct evbuffer *output;
	const struct stream_callbacks *callbacks;
	void *arg;
	bool is_paused, is_tls, wants_tls, wants_flushed, has_news;
};

struct stream *stream_new(struct event_base *base, int fd,
			  const struct stream_callbacks *callbacks, void *arg)
{
	struct stream *s = mem_new(sizeof(*s));

	(void)base;
	(void)fd;
	s->input = evbuffer_new();
	s->output = evbuffer_new();
	s->callbacks = callbacks;
	s->arg = arg;
	world->stream = s;
	return s;
}

void stream_free(struct stream **stream)
{
	(void)evbuffer_add_buffer(world->output, (*stream)->output);
	evbuffer_free((*stream)->input);
	evbuffer_free((*stream)->output);
	mem_free(stream);
	world->stream = NULL;
}

struct evbuffer *stream_input(struct stream *s)
{
	return s->input;
}

void stream_set_input_limit(struct stream *s, size_t limit_octets)
{
	(void)s;
	(void)limit_octets;
}

void stream_pause(struct stream *s)
{
	s->is_paused = true;
}

void stream_resume(struct stream *s)
{
	s->is_paused = false;
	s->has_news = evbuffer_get_length(s->input) > 0;
}

void stream_send(struct stream *s, struct slice octets)
{
	(void)evbuffer_add(s->output, octets.p, octets.n);
	s->wants_flushed = true;
}

size_t stream_unsent(const struct stream *s)
{
	return evbuffer_get_length(s->output);
}

bool stream_is_flushed(const struct stream *s)
{
	return stream_unsent(s) == 0;
}

void stream_start_tls(struct stream *s, struct tls_server *tls)
{
	(void)tls;
	assert(evbuffer_get_length(s->input) == 0);
	s->wants_tls = true;
}

bool stream_is_tls(const struct stream *s)
{
	return s->is_tls;
}

struct slice stream_tls_version(const struct stream *s)
{
	return s->is_tls ? S("TLSv1.3") : (struct slice){ .n = 0 };
}

struct slice stream_tls_cipher(const struct stream *s)
{
	return s->is_tls ? S("TLS_AES_128_GCM_SHA256")
			 : (struct slice){ .n = 0 };
}

unsigned stream_tls_cipher_bits(const struct stream *s)
{
	return s->is_tls ? 128 : 0;
}

struct slice stream_tls_server_name(const struct stream *s)
{
	(void)s;
	return (struct slice){ .n = 0 };
}

bool stream_tls_binding(const struct stream *s, struct slice type,
			struct arena *arena, struct slice *ret_base64)
{
	(void)s;
	(void)arena;
	*ret_base64 = S("QklORA==");
	return slice_equal(type, S("tls-exporter"));
}

const char *stream_error(const struct stream *s)
{
	(void)s;
	return "broken";
}

size_t tls_server_count(const struct tls_server *server)
{
	(void)server;
	return world->has_tls;
}

/* --- who exists ------------------------------------------------------------------------ */

struct resolution {
	struct slice local;
	char octets[512];
	bool is_ours;
	resolve_on_answer *on_answer;
	void *arg;
};

bool domains_is_local(const struct domains *domains, struct slice domain)
{
	(void)domains;
	return slice_equal(domain, S("example.com"));
}

bool resolver_is_ours(const struct resolver *resolver, struct slice domain)
{
	(void)resolver;
	return domains_is_local(NULL, domain);
}

struct resolution *resolve_start(struct resolver *resolver,
				 const struct address *address, unsigned flags,
				 resolve_on_answer *on_answer, void *arg)
{
	struct resolution *r = mem_new(sizeof(*r));

	(void)resolver;
	(void)flags;
	assert(address->local.n < sizeof(r->octets));
	memcpy(r->octets, address->local.p, address->local.n);
	r->local = (struct slice){ r->octets, address->local.n };
	r->is_ours = address->domain.n == 0 ||
		     domains_is_local(NULL, address->domain);
	r->on_answer = on_answer;
	r->arg = arg;
	assert(world->resolution == NULL);
	world->resolution = r;
	return r;
}

void resolve_cancel(struct resolution **resolution)
{
	if (*resolution == NULL)
		return;
	world->resolution = NULL;
	mem_free(resolution);
}

static void answer_resolution(struct resolution *r)
{
	static const struct target boxes[] = {
		{ .kind = TARGET_MAILBOX,
		  .address = SLICE("alice@example.com") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("bob@example.com") },
		{ .kind = TARGET_MAILBOX,
		  .address = SLICE("carol@example.com") },
		{ .kind = TARGET_MAILBOX,
		  .address = SLICE("m\xc3\xbcller@example.com") },
	};
	struct resolve_answer a = { .result = RESOLVE_TARGETS,
				    .targets = { boxes, 1 } };

	world->resolution = NULL;
	if (!r->is_ours)
		a.result = RESOLVE_NOT_LOCAL;
	else if (slice_equal(r->local, S("later")))
		a.result = RESOLVE_TRY_LATER;
	else if (slice_equal(r->local, S("list")))
		a.targets.count = 3;
	else if (slice_equal(r->local, S("m\xc3\xbcller")))
		a.targets.items = &boxes[3];
	else if (!slice_equal(r->local, S("alice")) &&
		 !slice_equal(r->local, S("bob")))
		a.result = RESOLVE_NO_USER;
	r->on_answer(&a, r->arg);
	mem_free(&r);
}

/* --- logins ---------------------------------------------------------------------------- */

struct login {
	enum login_verdict verdict;
	bool is_asked; /* the session's turn */
	login_on_result *on_result;
	void *arg;
};

bool login_client_is_ready(const struct login_client *client)
{
	(void)client;
	return true;
}

struct slice login_client_mechanisms(const struct login_client *client,
				     bool is_tls)
{
	(void)client;
	assert(is_tls);
	return S("PLAIN BIND BOGUS");
}

bool login_client_offers(const struct login_client *client,
			 struct slice mechanism, bool is_tls)
{
	(void)client;
	(void)is_tls;
	return slice_equal_nocase(mechanism, S("PLAIN")) ||
	       slice_equal(mechanism, S("BIND")) ||
	       slice_equal(mechanism, S("BOGUS"));
}

static enum login_verdict judge(struct slice answer)
{
	if (slice_equal(answer, S("R09PRA==")))
		return LOGIN_OK;
	if (slice_equal(answer, S("TEVHQUw=")))
		return LOGIN_DISABLED;
	return slice_equal(answer, S("TEFURVI=")) ? LOGIN_UNAVAILABLE
						  : LOGIN_FAILED;
}

struct login *login_start(struct login_client *client,
			  const struct login_params *params,
			  login_on_result *on_result, void *arg)
{
	struct login *l = mem_new(sizeof(*l));

	(void)client;
	assert(params->is_tls && params->remote_ip.n > 0);
	l->verdict =
		params->has_initial ? judge(params->initial) : LOGIN_CONTINUE;
	if (slice_equal(params->mechanism, S("BIND")) ||
	    slice_equal(params->mechanism, S("BOGUS")))
		l->verdict = LOGIN_CONTINUE;
	l->is_asked = slice_equal(params->mechanism, S("BOGUS"));
	l->on_result = on_result;
	l->arg = arg;
	world->login = l;
	return l;
}

void login_continue(struct login *login, struct slice answer,
		    struct slice binding)
{
	(void)binding;
	login->verdict = judge(answer);
	login->is_asked = false;
	world->login = login;
}

void login_cancel(struct login **login)
{
	world->login = NULL;
	mem_free(login);
}

static void answer_login(struct login *l)
{
	struct login_result r = { .verdict = l->verdict,
				  .user = S("alice@example.com") };

	world->login = NULL;
	if (l->verdict == LOGIN_CONTINUE && l->is_asked)
		r.channel_binding = S("bogus");
	l->on_result(&r, l->arg);
	if (r.verdict != LOGIN_CONTINUE)
		mem_free(&l);
}

/* --- content ------------------------------------------------------------------------------ */

struct content {
	struct evbuffer *octets;
	enum content_state state;
	bool has_waited;
	void (*on_ready)(void *arg);
	void *arg;
};

struct content *content_new(struct spooler *spool, void (*on_ready)(void *arg),
			    void *arg)
{
	struct content *c = mem_new(sizeof(*c));

	(void)spool;
	c->octets = evbuffer_new();
	c->on_ready = on_ready;
	c->arg = arg;
	return c;
}

void content_free(struct content **content)
{
	if (*content == NULL)
		return;
	if (world->waiting == *content)
		world->waiting = NULL;
	evbuffer_free((*content)->octets);
	mem_free(content);
}

void content_write(struct content *content, struct slice octets)
{
	assert(content->state != CONTENT_WAITING);
	(void)evbuffer_add(content->octets, octets.p, octets.n);
	if (world->spool_waits && !content->has_waited) {
		content->has_waited = true;
		content->state = CONTENT_WAITING;
		world->waiting = content;
	}
}

enum content_state content_state(const struct content *content)
{
	return content->state;
}

enum content_state content_finish(struct content *content)
{
	world->finished = content;
	if (world->content_fails)
		content->state = CONTENT_NO_ROOM;
	return content->state;
}

int content_fd(const struct content *content)
{
	(void)content;
	return -1;
}

int content_read(const struct content *content, char *p, size_t octets,
		 uint64_t at)
{
	struct evbuffer_ptr begin;

	if (evbuffer_ptr_set(content->octets, &begin, at, EVBUFFER_PTR_SET) < 0)
		return -EIO;
	assert(evbuffer_copyout_from(content->octets, &begin, p, octets) ==
	       (ssize_t)octets);
	return 0;
}

uint64_t content_octets(const struct content *content)
{
	return evbuffer_get_length(content->octets);
}

static void content_is_ready(struct content *c)
{
	world->waiting = NULL;
	c->state = CONTENT_OPEN;
	c->on_ready(c->arg);
}

/* --- a new content ------------------------------------------------------------------------ */

struct rewrite {
	struct content *content;
	rewrite_on_done *on_done;
	void *arg;
};

/* The body is taken to be the end of the old content. */
struct rewrite *rewrite_start(struct event_base *base, struct spooler *spool,
			      const struct rewrite_parts *parts,
			      rewrite_on_done *on_done, void *arg)
{
	struct rewrite *r = mem_new(sizeof(*r));
	struct evbuffer *old = world->finished->octets;

	(void)base;
	assert(world->rewrite == NULL);
	assert(parts->body.offset + parts->body.octets ==
	       evbuffer_get_length(old));
	r->content = content_new(spool, NULL, NULL);
	(void)evbuffer_add(r->content->octets, parts->prefix.p,
			   parts->prefix.n);
	(void)evbuffer_add(r->content->octets, parts->header.p,
			   parts->header.n);
	(void)evbuffer_add(r->content->octets,
			   evbuffer_pullup(old, -1) + parts->body.offset,
			   parts->body.octets);
	r->on_done = on_done;
	r->arg = arg;
	world->rewrite = r;
	return r;
}

void rewrite_cancel(struct rewrite **rewrite)
{
	if (*rewrite == NULL)
		return;
	content_free(&(*rewrite)->content);
	world->rewrite = NULL;
	mem_free(rewrite);
}

static void end_rewrite(struct rewrite *r)
{
	world->rewrite = NULL;
	world->finished = r->content;
	r->on_done(CONTENT_OPEN, &r->content, r->arg);
	assert(r->content == NULL);
	mem_free(&r);
}

/* --- `verify` ----------------------------------------------------------------------------- */

struct verify_call {
	verify_on_spf *on_spf;
	verify_on_message *on_message;
	void *arg;
};

static struct verify_call *verify_begin(void *arg)
{
	struct verify_call *c = mem_new(sizeof(*c));

	assert(world->verify == NULL && world->is_outside);
	c->arg = arg;
	world->verify = c;
	return c;
}

struct verify_call *verify_spf(struct verifier *v,
			       const struct msg_spf_wanted *question,
			       verify_on_spf *done, void *arg)
{
	struct verify_call *c = verify_begin(arg);

	(void)v;
	assert(slice_equal(question->client_address, S("192.0.2.9")));
	c->on_spf = done;
	return c;
}

struct verify_call *verify_message(struct verifier *v,
				   const struct msg_verify *message,
				   int content_fd, verify_on_message *done,
				   void *arg)
{
	struct verify_call *c = verify_begin(arg);

	(void)v;
	(void)content_fd;
	assert(message->own_octets < message->content_octets);
	c->on_message = done;
	return c;
}

void verify_call_cancel(struct verify_call **call)
{
	if (*call == NULL)
		return;
	world->verify = NULL;
	mem_free(call);
}

static void answer_verify(struct verify_call *c)
{
	struct verify_call call = *c;

	world->verify = NULL;
	mem_free(&c);
	if (call.on_spf != NULL)
		call.on_spf(&world->spf, call.arg);
	else
		call.on_message(&world->verified, call.arg);
}

/* --- `queue` ------------------------------------------------------------------------------ */

struct queue_call {
	int nothing;
};

struct queue_call *queue_call_spend(struct queue_calls *calls,
				    const struct msg_spend *message,
				    queue_call_on_spent *on_spent, void *arg)
{
	(void)calls;
	(void)message;
	(void)on_spent;
	(void)arg;
	abort(); /* no settings of the world's ask for it */
}

struct queue_call *queue_call_sender_tls(struct queue_calls *calls,
					 struct slice domain,
					 queue_call_on_tls *on_tls, void *arg)
{
	(void)calls;
	(void)domain;
	(void)on_tls;
	(void)arg;
	abort();
}

void queue_call_cancel(struct queue_call **call)
{
	assert(*call == NULL);
}

void queue_calls_tls_seen(struct queue_calls *calls, struct slice domain,
			  struct slice reason)
{
	(void)calls;
	(void)domain;
	(void)reason;
	abort();
}

void queue_calls_dmarc_seen(struct queue_calls *calls,
			    const struct msg_dmarc_seen *seen)
{
	(void)calls;
	(void)snprintf(world->dmarc_seen, sizeof(world->dmarc_seen),
		       "%.*s: %.*s", (int)seen->domain.n, seen->domain.p,
		       (int)seen->fact.n, seen->fact.p);
}

/* --- hooks/post-data ---------------------------------------------------------------------- */

struct post_data {
	post_data_on_end *done;
	void *arg;
};

bool post_data_is_wanted(const struct session *s)
{
	(void)s;
	return world->hook_header.n > 0 || world->hook_refusal != NULL;
}

struct post_data *post_data_start(struct session *s, post_data_on_end *done,
				  void *arg)
{
	struct post_data *p = mem_new(sizeof(*p));

	(void)s;
	p->done = done;
	p->arg = arg;
	world->post_data = p;
	return p;
}

void post_data_cancel(struct post_data **post_data)
{
	if (*post_data == NULL)
		return;
	world->post_data = NULL;
	mem_free(post_data);
}

static void end_post_data(struct post_data *p)
{
	world->post_data = NULL;
	p->done(world->hook_header, world->hook_refusal, p->arg);
	mem_free(&p);
}

/* --- the handover ------------------------------------------------------------------------ */

struct handover {
	const struct reply *reply;
	handover_on_reply *on_reply;
	void *arg;
};

static const struct reply *fate(struct slice reverse_path)
{
	static const struct reply delivered = {
		250, { 2, 0, 0 }, false, SLICE("OK: delivered")
	};
	static const struct reply queued = {
		250, { 2, 0, 0 }, false, SLICE("OK: queued")
	};
	static const struct reply refused = {
		552, { 5, 2, 2 }, false, SLICE("Quota\nexceeded")
	};

	if (slice_starts(reverse_path, S("refused@")))
		return &refused;
	return slice_starts(reverse_path, S("queue@")) ? &queued : &delivered;
}

struct handover *handover_start(struct handovers *handovers,
				const struct handover_request *request,
				struct content **content,
				handover_on_reply *on_reply, void *arg)
{
	struct handover *h = mem_new(sizeof(*h));

	(void)handovers;
	assert(request->recipient_count > 0);
	assert((*content)->state == CONTENT_OPEN);
	h->reply = fate(request->reverse_path);
	h->on_reply = on_reply;
	h->arg = arg;
	world->delivered++;
	memcpy(world->trace, request->trace.p, sizeof(world->trace) - 1);
	world->recipients = request->recipient_count;
	world->queue_only = request->queue_only;
	world->is_held = request->hold.n > 0;
	(void)evbuffer_drain(world->content,
			     evbuffer_get_length(world->content));
	(void)evbuffer_add_buffer(world->content, (*content)->octets);
	content_free(content);
	world->handover = h;
	return h;
}

void handover_abandon(struct handover **handover)
{
	world->handover = NULL;
	mem_free(handover);
}

static void answer_handover(struct handover *h)
{
	world->handover = NULL;
	h->on_reply(h->reply, h->arg);
	mem_free(&h);
}

/* --- the world ----------------------------------------------------------------------------- */

/* One thing happens in the stream; false if nothing does. */
static bool stream_turn(struct stream *s)
{
	if (s == NULL)
		return false;
	if (s->wants_flushed) {
		s->wants_flushed = false;
		(void)evbuffer_add_buffer(world->output, s->output);
		s->callbacks->on_flushed(s->arg);
		return true;
	}
	if (s->wants_tls) {
		s->wants_tls = false;
		s->is_tls = true;
		s->callbacks->on_tls(s->arg);
		return true;
	}
	if (s->has_news && !s->is_paused) {
		s->has_news = false;
		s->callbacks->on_input(s->arg);
		return true;
	}
	return false;
}

static void settle(void)
{
	bool is_busy = true;

	while (is_busy) {
		is_busy = true;
		if (world->resolution != NULL)
			answer_resolution(world->resolution);
		else if (world->login != NULL)
			answer_login(world->login);
		else if (world->waiting != NULL)
			content_is_ready(world->waiting);
		else if (world->handover != NULL)
			answer_handover(world->handover);
		else if (world->rewrite != NULL)
			end_rewrite(world->rewrite);
		else if (world->post_data != NULL)
			end_post_data(world->post_data);
		else if (world->verify != NULL)
			answer_verify(world->verify);
		else if (!filter_world_settle())
			is_busy = stream_turn(world->stream);
	}
}

struct world *world_new(enum listener_service service)
{
	struct world *w = mem_new(sizeof(*w));
	struct conf *conf = conf_new();

	conf->hostname = "mx.test";
	conf->mailname = "host.test";
	conf->session_timeout = 300;
	conf->tls_memory = 0;
	conf->sender_check = "off";
	conf->login_message_limit = conf->login_recipient_limit = 0;
	world = w;
	w->server.conf = conf;
	w->server.scratch = arena_new(1 << 20);
	w->server.has_room = true;
	TAILQ_INIT(&w->server.sessions);
	w->output = evbuffer_new();
	w->content = evbuffer_new();
	w->has_tls = true;
	w->now_ms = 1000000;
	w->service = service;
	log_set_level(LOG_ERROR);
	return w;
}

void world_free(struct world **w)
{
	struct session *s = TAILQ_FIRST(&(*w)->server.sessions);
	struct conf *conf = (struct conf *)(uintptr_t)(*w)->server.conf;

	if (s != NULL)
		session_free(&s);
	evbuffer_free((*w)->output);
	evbuffer_free((*w)->content);
	arena_free(&(*w)->server.scratch);
	conf_free(&conf);
	mem_free(w);
	world = NULL;
}

void world_connect(struct world *w)
{
	struct sockaddr_storage peer = { .ss_family = AF_INET };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(12345) };

	(void)inet_pton(AF_INET, w->is_outside ? "192.0.2.9" : "127.0.0.1",
			&in.sin_addr);
	memcpy(&peer, &in, sizeof(in));
	session_new(&w->server, w->service, -1, &peer);
	settle();
}

void world_send(struct world *w, struct slice octets, size_t piece)
{
	while (octets.n > 0 && w->stream != NULL) {
		size_t have = evbuffer_get_length(w->stream->input);
		size_t n = INPUT_LIMIT - have;

		if (piece > 0 && n > piece)
			n = piece;
		if (n > octets.n)
			n = octets.n;
		if (n == 0)
			break; /* the session reads no more */
		(void)evbuffer_add(w->stream->input, octets.p, n);
		octets = slice_tail(octets, n);
		w->stream->has_news = true;
		settle();
	}
}

void world_wait(struct world *w, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		struct session *s = TAILQ_FIRST(&w->server.sessions);

		w->now_ms += 1000;
		if (s != NULL)
			session_tick(s, w->now_ms);
		settle();
	}
}

static const char *text_of(struct evbuffer *b)
{
	(void)evbuffer_add(b, "", 1);
	return (const char *)evbuffer_pullup(b, -1);
}

const char *world_said(struct world *w)
{
	const char *text = text_of(w->output);
	size_t n = evbuffer_get_length(w->output);

	assert(strlen(text) == n - 1);
	return text;
}

void world_heard(struct world *w, char *out, size_t room)
{
	const char *said = world_said(w);
	size_t n = 0;

	for (const char *at = said; *at != '\0';) {
		const char *end = strstr(at, "\r\n");
		unsigned a, b, c;
		bool has_status =
			sscanf(at + 4, "%1u.%2u.%2u ", &a, &b, &c) == 3;

		assert(end != NULL);
		if (at[3] == ' ') {
			n += (size_t)snprintf(out + n, room - n, "%s%.3s",
					      n > 0 ? ", " : "", at);
			if (has_status)
				n += (size_t)snprintf(out + n, room - n,
						      " %u.%u.%u", a, b, c);
		}
		at = end + 2;
	}
	if (w->stream == NULL)
		(void)snprintf(out + n, room - n, ", closed");
}

const char *world_content(struct world *w)
{
	char *text = (char *)(uintptr_t)text_of(w->content);
	size_t n = strlen(w->trace);

	for (char *at = n > 0 ? strstr(text, w->trace) : NULL; at != NULL;
	     at = strstr(at, w->trace))
		memset(at, 'x', n);
	return text;
}

void world_free_into(struct world **w, char **ret_said, char **ret_content)
{
	struct session *s = TAILQ_FIRST(&(*w)->server.sessions);

	if (s != NULL)
		session_free(&s);
	*ret_said = mem_string(world_said(*w));
	*ret_content = mem_string(world_content(*w));
	world_free(w);
}
