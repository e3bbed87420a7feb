#include "keyring/keyring.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "keyring/request.h"
#include "proc/role.h"
#include "proc/wiping.h"

#include <openssl/crypto.h>
#include <string.h>

enum {
	/* Of OpenSSL: some ten thousand keys of RSA, twice. */
	SECURE_OCTETS = 64 << 20,
	SECURE_OCTETS_MIN = 32,
	/* Handshakes that began with the certificate before are finished. */
	PREVIOUS_S = 60,
	REFUSALS_LOGGED = 20, /* in one interval; who is broken into may ask */
	REFUSALS_MS = 10000,  /* for more than a log can take */
};

struct keyring {
	struct role_self *self;
	struct keys *keys;
	struct keys *previous; /* of the configuration before, for a while */
	struct keys *next;     /* between BEGIN and COMMIT */
	struct event *on_forget;
	struct link *waiting[ROLE_INDEX_MAX]; /* of `receive` */
	bool is_locked;                       /* keys are not swapped out */
	unsigned refusals;
	uint64_t refusals_ms; /* when they were counted from */
};

/* --- signing -------------------------------------------------------------------- */

static const struct owned_key *find_key(const struct keyring *k,
					const struct msg_sign *m)
{
	enum signing signing =
		m->signing == SIGN_HEADER ? SIGN_HEADER : SIGN_HANDSHAKE;
	const struct keys *const sets[] = { k->keys, k->next, k->previous };
	const struct owned_key *key = NULL;

	for (size_t i = 0; key == NULL && i < sizeof(sets) / sizeof(sets[0]);
	     i++)
		key = keys_find(sets[i], signing, m->key);
	return key;
}

static void log_refusal(struct keyring *k, const struct link *from,
			const struct msg_sign *m, const char *problem)
{
	const struct owned_key *key = find_key(k, m);
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - k->refusals_ms >= REFUSALS_MS) {
		k->refusals = 0;
		k->refusals_ms = now_ms;
	}
	if (k->refusals++ >= REFUSALS_LOGGED)
		return;
	LOG(LOG_ERROR, NULL, "not signed",
	    log_string("role", role_name(link_peer(from))),
	    log_number("index", link_peer_index(from)),
	    log_string("what",
		       m->signing == SIGN_HEADER ? "header" : "handshake"),
	    log_string("domain", key != NULL ? key->domain : "?"),
	    log_number("scheme", m->scheme), log_number("octets", m->text.n),
	    log_string("problem", problem));
}

/* A key that its asker knows of was sent here before: look for it. Returns
 * whether the asker is still there. */
static bool catch_up(const struct keyring *k, const struct link *from)
{
	enum role role = link_peer(from);
	unsigned index = link_peer_index(from);

	link_drain(role_parent(k->self));
	return role_peer(k->self, role, index) == from ||
	       k->waiting[index] == from;
}

static void sign(struct keyring *k, struct link *from, const struct msg_sign *m)
{
	struct message answer = { .type = MESSAGE_SIGNATURE,
				  .fd = -1,
				  .signature = { .id = m->id } };
	const struct owned_key *key = find_key(k, m);
	char room[KEY_SIGNATURE_OCTETS];
	const char *problem;

	if (key == NULL) {
		if (!catch_up(k, from))
			return;
		key = find_key(k, m);
	}
	problem = request_sign(link_peer(from), m, key, room,
			       &answer.signature.octets);
	if (problem != NULL) {
		log_refusal(k, from, m, problem);
		answer.signature.problem = slice_of(problem);
	}
	link_send(from, &answer, -1);
}

/* --- links ---------------------------------------------------------------------- */

static void on_waiting_message(struct link *link, struct message *m, void *arg)
{
	if (m->type == MESSAGE_SIGN)
		sign(arg, link, &m->sign);
}

static void on_waiting_closed(struct link *link, enum link_end end, void *arg)
{
	struct message m = { .type = MESSAGE_MISBEHAVED,
			     .misbehaved = { .role = link_peer(link),
					     .index = link_peer_index(link) } };
	struct keyring *k = arg;

	if (end == LINK_MISBEHAVED)
		link_send(role_parent(k->self), &m, -1);
	link_free(&k->waiting[m.misbehaved.index]);
}

static void take_waiting(struct keyring *k, struct message *m)
{
	uint32_t index = m->waiting_link.index;
	struct link **slot;

	if (m->waiting_link.role != ROLE_RECEIVE || index >= ROLE_INDEX_MAX ||
	    m->fd < 0)
		return;
	slot = &k->waiting[index];
	link_free(slot);
	*slot = link_new(role_base(k->self), message_take_fd(m), ROLE_KEYRING,
			 ROLE_RECEIVE, index, on_waiting_message,
			 on_waiting_closed, k);
}

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct keyring *k = arg;

	k->self = self;
	if (m->type == MESSAGE_SIGN)
		sign(k, from, &m->sign);
	else if (m->type == MESSAGE_WAITING_LINK &&
		 link_peer(from) == ROLE_PARENT)
		take_waiting(k, m);
}

/* --- configuration ---------------------------------------------------------------- */

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	struct keyring *k = arg;

	k->self = self;
	if (m->type == MESSAGE_CONF_BEGIN) {
		keys_free(&k->next);
		k->next = keys_new();
	} else if (m->type == MESSAGE_CONF_KEY && k->next != NULL &&
		   !keys_add(k->next, &m->conf_key)) {
		LOG(LOG_ERROR, NULL, "a key cannot be used",
		    log_text("domain", m->conf_key.domain),
		    log_text("selector", m->conf_key.selector));
	}
}

static void on_forget(int fd, short what, void *arg)
{
	struct keyring *k = arg;

	(void)fd;
	(void)what;
	keys_free(&k->previous);
}

static void on_conf(struct role_self *self, void *arg)
{
	struct keyring *k = arg;

	if (k->next == NULL)
		return;
	keys_free(&k->previous);
	k->previous = k->keys;
	k->keys = k->next;
	k->next = NULL;
	if (k->on_forget == NULL)
		k->on_forget = evtimer_new(role_base(self), on_forget, k);
	(void)event_add(k->on_forget,
			&(struct timeval){ .tv_sec = PREVIOUS_S });
}

static void start(struct role_self *self, void *arg)
{
	struct keyring *k = arg;

	k->self = self;
	if (!k->is_locked)
		log_plain(LOG_DEBUG, NULL,
			  "keys cannot be locked in memory: RLIMIT_MEMLOCK");
	LOG(LOG_DEBUG, NULL, "keys", log_number("count", keys_count(k->keys)));
}

/* --- life --------------------------------------------------------------------------- */

int keyring_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_KEYRING,
		.start = start,
		.on_message = on_message,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
	};
	struct keyring *k = mem_new(sizeof(*k));
	int status;

	wiping_start();
	/* Reads openssl.cnf: before the process is caged. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	/* Keys lie in no core file and, if so much may be locked, in no swap. */
	k->is_locked = CRYPTO_secure_malloc_init(SECURE_OCTETS,
						 SECURE_OCTETS_MIN) == 1;
	status = role_main(&program, index, k);
	for (size_t i = 0; i < ROLE_INDEX_MAX; i++)
		link_free(&k->waiting[i]);
	if (k->on_forget != NULL)
		event_free(k->on_forget);
	keys_free(&k->keys);
	keys_free(&k->previous);
	keys_free(&k->next);
	mem_free(&k);
	return status;
}
