#include "proc/dkim_signer.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/mem.h"
#include "mail/dkim_draft.h"
#include "mail/dkim_hash.h"
#include "mail/from.h"
#include "proc/dkim_signer_header.h"
#include "proc/dkim_signer_keys.h"

#include <assert.h>

enum {
	RUN_OCTETS = 64 << 10,
	CALL_OCTETS = 32 << 20,
	TRIES = 2, /* `keyring` may have died of something else */
};

/* One signature on its way. */
struct wanted {
	uint64_t id;
	const struct dkim_signer_key *key;
	struct slice key_name;
	struct dkim_draft draft;
	struct slice field; /* finished; or empty */
	unsigned tries;
	bool is_asked;
};

struct dkim_sign_call {
	TAILQ_ENTRY(dkim_sign_call) entry;
	struct dkim_signer *signer;
	struct arena *arena;
	struct event *turn, *timer;
	int fd;
	uint64_t octets, at; /* at: what of the body is next */
	struct fields fields;
	struct dkim_hash *hash;
	char *run;
	struct wanted wanted[DKIM_SIGNER_KEYS_MAX];
	size_t count;
	dkim_sign_on_done *done;
	void *arg;
};

struct dkim_signer {
	struct role_self *self;
	struct dkim_signer_keys *keys, *next;
	uint64_t last_id;
	TAILQ_HEAD(, dkim_sign_call) calls;
};

/* --- ends ------------------------------------------------------------------------- */

static void call_free(struct dkim_sign_call **call)
{
	struct dkim_sign_call *c = *call;

	TAILQ_REMOVE(&c->signer->calls, c, entry);
	event_free(c->turn);
	event_free(c->timer);
	dkim_hash_free(&c->hash);
	mem_free(&c->run);
	arena_free(&c->arena);
	mem_free(call);
}

/* The callee may begin another one. */
static void end(struct dkim_sign_call *c, enum dkim_sign_result result,
		struct slice header, const char *problem)
{
	struct arena *arena = c->arena;
	dkim_sign_on_done *done = c->done;
	void *arg = c->arg;

	c->arena = NULL; /* header lives in it */
	call_free(&c);
	done(result, header, slice_of(problem), arg);
	arena_free(&arena);
}

static void fail(struct dkim_sign_call *c, const char *problem)
{
	end(c, DKIM_SIGN_FAILED, S(""), problem);
}

void dkim_sign_cancel(struct dkim_sign_call **call)
{
	if (*call != NULL)
		call_free(call);
}

/* --- the keys --------------------------------------------------------------------- */

static void want(struct dkim_sign_call *c, const struct dkim_signer_key *key)
{
	struct wanted *w = &c->wanted[c->count];

	if (c->count == DKIM_SIGNER_KEYS_MAX ||
	    dkim_draft_is_signed(&c->fields, key->domain, key->selector))
		return;
	w->id = ++c->signer->last_id;
	w->key = dkim_signer_key_copy(key, c->arena);
	w->key_name = dkim_key_name(key->selector, key->domain, c->arena);
	c->count++;
}

/* All keys of all authors that are ours. */
static void choose_keys(struct dkim_sign_call *c)
{
	struct from from;

	from_read(c->fields.section, S("From"), c->arena, &from);
	if (from.state != FROM_OK)
		return;
	for (size_t i = 0; i < from.domain_count; i++) {
		size_t count;
		const struct dkim_signer_key *keys = dkim_signer_keys_of(
			c->signer->keys, from.domains[i], &count);

		for (size_t k = 0; k < count; k++)
			want(c, &keys[k]);
	}
}

/* --- the signatures --------------------------------------------------------------- */

static void ask(struct dkim_sign_call *c, struct wanted *w)
{
	struct link *keyring = role_peer(c->signer->self, ROLE_KEYRING, 0);
	const struct message m = {
		.type = MESSAGE_SIGN,
		.fd = -1,
		.sign = { .id = w->id,
			  .signing = SIGN_HEADER,
			  .key = w->key_name,
			  .scheme = w->key->scheme,
			  .text = w->draft.text },
	};

	if (keyring == NULL || w->is_asked || w->tries == TRIES)
		return; /* it comes, or time runs out */
	w->is_asked = true;
	w->tries++;
	link_send(keyring, &m, -1);
}

static void make_drafts(struct dkim_sign_call *c)
{
	static const struct timeval patience = {
		.tv_sec = DKIM_SIGNER_ANSWER_MS / 1000,
		.tv_usec = DKIM_SIGNER_ANSWER_MS % 1000 * 1000L,
	};
	unsigned char digest[DKIM_HASH_OCTETS];
	struct dkim_draft_request request = { .fields = &c->fields,
					      .body_hash = digest,
					      .now = clock_wall_s() };
	uint64_t octets;

	dkim_hash_end(c->hash, digest, &octets);
	for (size_t i = 0; i < c->count; i++) {
		struct wanted *w = &c->wanted[i];

		request.domain = w->key->domain;
		request.selector = w->key->selector;
		request.algorithm = w->key->scheme == TLS_ED25519
					    ? DKIM_ED25519_SHA256
					    : DKIM_RSA_SHA256;
		dkim_draft_make(&request, c->arena, &w->draft);
	}
	(void)event_add(c->timer, &patience);
	for (size_t i = 0; i < c->count; i++)
		ask(c, &c->wanted[i]);
}

static void finish_if_all(struct dkim_sign_call *c)
{
	struct slice parts[DKIM_SIGNER_KEYS_MAX];

	for (size_t i = 0; i < c->count; i++) {
		if (c->wanted[i].field.n == 0)
			return;
		parts[i] = c->wanted[i].field;
	}
	end(c, DKIM_SIGN_DONE, arena_join(c->arena, parts, c->count), "");
}

/* The one that waits for this answer, or NULL. */
static struct wanted *find_in(struct dkim_sign_call *c, uint64_t id)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->wanted[i].id == id && c->wanted[i].is_asked &&
		    c->wanted[i].field.n == 0)
			return &c->wanted[i];
	return NULL;
}

static struct wanted *find(const struct dkim_signer *signer, uint64_t id,
			   struct dkim_sign_call **ret_call)
{
	struct dkim_sign_call *c;

	TAILQ_FOREACH(c, &signer->calls, entry) {
		struct wanted *w = find_in(c, id);

		if (w != NULL) {
			*ret_call = c;
			return w;
		}
	}
	return NULL; /* cancelled meanwhile */
}

void dkim_signer_on_message(struct dkim_signer *signer, const struct message *m)
{
	struct dkim_sign_call *c;
	struct wanted *w;

	if (m->type != MESSAGE_SIGNATURE)
		return;
	w = find(signer, m->signature.id, &c);
	if (w == NULL)
		return;
	if (m->signature.octets.n == 0) {
		fail(c, arena_string(c->arena, m->signature.problem));
		return;
	}
	w->field = dkim_draft_finish(&w->draft, m->signature.octets, c->arena);
	finish_if_all(c);
}

void dkim_signer_on_keyring(struct dkim_signer *signer)
{
	struct dkim_sign_call *c;

	TAILQ_FOREACH(c, &signer->calls, entry)
		for (size_t i = 0; i < c->count; i++)
			if (c->wanted[i].draft.text.n > 0)
				ask(c, &c->wanted[i]);
}

void dkim_signer_on_keyring_gone(struct dkim_signer *signer)
{
	struct dkim_sign_call *c;

	TAILQ_FOREACH(c, &signer->calls, entry)
		for (size_t i = 0; i < c->count; i++)
			if (c->wanted[i].field.n == 0)
				c->wanted[i].is_asked = false;
}

/* --- the body --------------------------------------------------------------------- */

/* Returns false if it cannot be read. */
static bool hash_turn(struct dkim_sign_call *c)
{
	uint64_t stop = c->octets - c->at < DKIM_SIGNER_TURN_OCTETS
				? c->octets
				: c->at + DKIM_SIGNER_TURN_OCTETS;

	while (c->at < stop) {
		size_t n = stop - c->at < RUN_OCTETS ? (size_t)(stop - c->at)
						     : RUN_OCTETS;

		if (file_read_at(c->fd, c->run, n, c->at) != 0)
			return false;
		dkim_hash_feed(c->hash, (struct slice){ c->run, n });
		c->at += n;
	}
	return true;
}

static void on_turn(int fd, short what, void *arg)
{
	static const struct timeval at_once = { .tv_sec = 0 };
	struct dkim_sign_call *c = arg;
	const char *problem = NULL;

	(void)fd;
	(void)what;
	if (c->hash == NULL) {
		problem = dkim_signer_header_read(c->fd, c->octets, c->arena,
						  &c->fields, &c->at);
		if (problem == NULL)
			choose_keys(c);
		if (problem != NULL || c->count == 0) {
			end(c,
			    problem != NULL ? DKIM_SIGN_FAILED
					    : DKIM_SIGN_NOT_WANTED,
			    S(""), problem);
			return;
		}
		c->hash = dkim_hash_new(DKIM_RELAXED, UINT64_MAX);
		c->run = mem_new(RUN_OCTETS);
	}
	if (!hash_turn(c))
		fail(c, "the message cannot be read");
	else if (c->at < c->octets)
		(void)event_add(c->turn, &at_once);
	else
		make_drafts(c);
}

static void on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg, "keyring does not answer");
}

struct dkim_sign_call *dkim_sign(struct dkim_signer *signer, int fd,
				 uint64_t octets, dkim_sign_on_done *done,
				 void *arg)
{
	static const struct timeval at_once = { .tv_sec = 0 };
	struct event_base *base = role_base(signer->self);
	struct dkim_sign_call *c = mem_new(sizeof(*c));

	c->signer = signer;
	c->arena = arena_new(CALL_OCTETS);
	c->fd = fd;
	c->octets = octets;
	c->done = done;
	c->arg = arg;
	c->turn = evtimer_new(base, on_turn, c);
	c->timer = evtimer_new(base, on_timer, c);
	assert(c->turn != NULL && c->timer != NULL);
	(void)event_add(c->turn, &at_once);
	TAILQ_INSERT_TAIL(&signer->calls, c, entry);
	return c;
}

/* --- life ------------------------------------------------------------------------- */

struct dkim_signer *dkim_signer_new(struct role_self *self)
{
	struct dkim_signer *signer = mem_new(sizeof(*signer));

	signer->self = self;
	signer->keys = dkim_signer_keys_new();
	TAILQ_INIT(&signer->calls);
	return signer;
}

void dkim_signer_free(struct dkim_signer **signer)
{
	struct dkim_signer *s = *signer;

	if (s == NULL)
		return;
	while (!TAILQ_EMPTY(&s->calls)) {
		struct dkim_sign_call *c = TAILQ_FIRST(&s->calls);

		call_free(&c);
	}
	dkim_signer_keys_free(&s->keys);
	dkim_signer_keys_free(&s->next);
	mem_free(signer);
}

void dkim_signer_on_conf_part(struct dkim_signer *signer,
			      const struct message *m)
{
	if (m->type == MESSAGE_CONF_BEGIN) {
		dkim_signer_keys_free(&signer->next);
		signer->next = dkim_signer_keys_new();
	} else if (m->type == MESSAGE_CONF_DKIM_KEY && signer->next != NULL) {
		dkim_signer_keys_add(signer->next, &m->conf_dkim_key);
	}
}

void dkim_signer_on_conf(struct dkim_signer *signer)
{
	if (signer->next == NULL)
		return;
	dkim_signer_keys_free(&signer->keys);
	signer->keys = signer->next;
	signer->next = NULL;
	dkim_signer_keys_sort(signer->keys);
}

bool dkim_signer_has_keys(const struct dkim_signer *signer)
{
	return dkim_signer_keys_count(signer->keys) > 0;
}
