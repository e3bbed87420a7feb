#include "receive/verify.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>

enum {
	/* `verify` has time limits of its own; this is for one that does not
	 * answer at all. */
	ANSWER_MS = 25000,
	BIRTH_MS = 2000, /* that of a `verify` which is away */
	TRIES = 2,
	QUESTION_OCTETS = 64 << 10,
};

struct verify_call {
	TAILQ_ENTRY(verify_call) entry;
	struct verifier *verifier;
	uint64_t id;
	struct message question; /* its fd: the asker's, or -1 */
	struct arena *arena;     /* what the question points to */
	unsigned tries;
	bool is_asked; /* else it waits for `verify` */
	struct event *timer, *birth;
	verify_on_spf *on_spf; /* one of these two */
	verify_on_message *on_message;
	void *arg;
};

struct verifier {
	struct role_self *self;
	uint64_t last_id;
	TAILQ_HEAD(, verify_call) calls;
};

struct verifier *verifier_new(struct role_self *self)
{
	struct verifier *v = mem_new(sizeof(*v));

	v->self = self;
	TAILQ_INIT(&v->calls);
	return v;
}

static void call_free(struct verify_call **call)
{
	struct verify_call *c = *call;

	TAILQ_REMOVE(&c->verifier->calls, c, entry);
	event_free(c->timer);
	event_free(c->birth);
	arena_free(&c->arena);
	mem_free(call);
}

void verifier_free(struct verifier **verifier)
{
	struct verify_call *c;

	if (*verifier == NULL)
		return;
	while ((c = TAILQ_FIRST(&(*verifier)->calls)) != NULL)
		call_free(&c);
	mem_free(verifier);
}

/* --- answers ---------------------------------------------------------------------- */

/* The call is gone when its owner hears of the end. */
static void end_spf(struct verify_call *c, const struct msg_spf *answer)
{
	verify_on_spf *done = c->on_spf;
	void *arg = c->arg;

	call_free(&c);
	done(answer, arg);
}

static void end_message(struct verify_call *c,
			const struct msg_verified *answer)
{
	verify_on_message *done = c->on_message;
	void *arg = c->arg;

	call_free(&c);
	done(answer, arg);
}

static void fail(struct verify_call *c, const char *problem)
{
	const struct msg_spf spf = { .result = AUTHRES_TEMPERROR,
				     .problem = slice_of(problem) };
	const struct msg_verified verified = { .dmarc = AUTHRES_TEMPERROR,
					       .alignment = AUTHRES_TEMPERROR,
					       .problem = slice_of(problem) };

	if (c->on_spf != NULL)
		end_spf(c, &spf);
	else
		end_message(c, &verified);
}

static struct verify_call *find(const struct verifier *v, uint64_t id)
{
	struct verify_call *c;

	TAILQ_FOREACH(c, &v->calls, entry)
		if (c->id == id && c->is_asked)
			return c;
	return NULL; /* cancelled meanwhile */
}

void verifier_on_message(struct verifier *v, const struct message *m)
{
	struct verify_call *c = NULL;

	if (m->type == MESSAGE_SPF) {
		c = find(v, m->spf.id);
		if (c != NULL && c->on_spf != NULL)
			end_spf(c, &m->spf);
	} else if (m->type == MESSAGE_VERIFIED) {
		c = find(v, m->verified.id);
		if (c != NULL && c->on_message != NULL)
			end_message(c, &m->verified);
	}
}

/* --- questions -------------------------------------------------------------------- */

static void set_timer(struct event *timer, unsigned ms)
{
	(void)event_add(timer,
			&(struct timeval){ .tv_sec = ms / 1000,
					   .tv_usec = ms % 1000 * 1000L });
}

static void ask(struct verify_call *c)
{
	struct link *verify = role_peer(c->verifier->self, ROLE_VERIFY, 0);

	if (verify == NULL) {
		set_timer(c->birth, BIRTH_MS);
		return;
	}
	(void)event_del(c->birth);
	c->is_asked = true;
	c->tries++;
	link_send(verify, &c->question, c->question.fd);
}

/* `verify` need not go on. */
static void forget(const struct verify_call *c)
{
	struct link *verify = role_peer(c->verifier->self, ROLE_VERIFY, 0);
	const struct message m = { .type = MESSAGE_VERIFY_CANCEL,
				   .verify_cancel = { .id = c->id } };

	if (verify != NULL && c->is_asked)
		link_send(verify, &m, -1);
}

static void on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	forget(arg);
	fail(arg, "no answer in time");
}

static void on_birth(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg, "the process that checks senders is away");
}

void verifier_on_peer(struct verifier *v)
{
	struct verify_call *c;

	TAILQ_FOREACH(c, &v->calls, entry)
		if (!c->is_asked && c->tries < TRIES)
			ask(c);
}

void verifier_on_peer_gone(struct verifier *v)
{
	struct verify_call *c;

	TAILQ_FOREACH(c, &v->calls, entry) {
		if (!c->is_asked)
			continue;
		c->is_asked = false;
		set_timer(c->birth, c->tries < TRIES ? BIRTH_MS : 0);
	}
}

static struct verify_call *call_new(struct verifier *v, void *arg)
{
	struct verify_call *c = mem_new(sizeof(*c));

	c->verifier = v;
	c->id = ++v->last_id;
	c->arena = arena_new(QUESTION_OCTETS);
	c->arg = arg;
	c->timer = evtimer_new(role_base(v->self), on_timer, c);
	c->birth = evtimer_new(role_base(v->self), on_birth, c);
	assert(c->timer != NULL && c->birth != NULL);
	set_timer(c->timer, ANSWER_MS);
	TAILQ_INSERT_TAIL(&v->calls, c, entry);
	return c;
}

struct verify_call *verify_spf(struct verifier *v,
			       const struct msg_spf_wanted *question,
			       verify_on_spf *done, void *arg)
{
	struct verify_call *c = call_new(v, arg);
	struct msg_spf_wanted *q = &c->question.spf_wanted;

	c->on_spf = done;
	c->question.type = MESSAGE_SPF_WANTED;
	c->question.fd = -1;
	q->id = c->id;
	q->trace = arena_copy(c->arena, question->trace);
	q->client_address = arena_copy(c->arena, question->client_address);
	q->helo = arena_copy(c->arena, question->helo);
	q->reverse_path = arena_copy(c->arena, question->reverse_path);
	ask(c);
	return c;
}

struct verify_call *verify_message(struct verifier *v,
				   const struct msg_verify *message,
				   int content_fd, verify_on_message *done,
				   void *arg)
{
	struct verify_call *c = call_new(v, arg);
	struct msg_verify *q = &c->question.verify;

	c->on_message = done;
	c->question.type = MESSAGE_VERIFY;
	c->question.fd = content_fd;
	*q = *message;
	q->id = c->id;
	q->trace = arena_copy(c->arena, message->trace);
	q->spf_domain = arena_copy(c->arena, message->spf_domain);
	ask(c);
	return c;
}

void verify_call_cancel(struct verify_call **call)
{
	if (*call == NULL)
		return;
	forget(*call);
	call_free(call);
}
