#include "queue/allowance.h"

#include "base/clock.h"
#include "base/mem.h"
#include "queue/id_set.h"
#include "queue/notice.h"
#include "queue/usage.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

enum { ARENA_OCTETS = 64 << 10 };

/* What a login has sent today. */
struct account {
	TAILQ_ENTRY(account) entry;
	struct store_usage usage; /* login is the octets behind the struct */
	int64_t loaded;           /* wall-clock seconds */
	/* Hashes of today's new correspondents, which the store may not have
	 * yet; as many as its limit lets in. */
	struct id_set newcomers;
};

struct allowances {
	struct store *store;
	const struct queue_settings *settings;
	TAILQ_HEAD(, account) accounts; /* who sent last comes first */
	int64_t expired;                /* the day it was last done */
};

struct allowances *allowances_new(struct store *store,
				  const struct queue_settings *settings)
{
	struct allowances *a = mem_new(sizeof(*a));

	a->store = store;
	a->settings = settings;
	TAILQ_INIT(&a->accounts);
	return a;
}

static void account_free(struct allowances *a, struct account *account)
{
	TAILQ_REMOVE(&a->accounts, account, entry);
	mem_free(&account->newcomers.ids);
	mem_free(&account);
}

void allowances_free(struct allowances **allowances)
{
	if (*allowances == NULL)
		return;
	while (!TAILQ_EMPTY(&(*allowances)->accounts))
		account_free(*allowances,
			     TAILQ_FIRST(&(*allowances)->accounts));
	mem_free(allowances);
}

static int64_t day_of(int64_t now)
{
	return now / USAGE_DAY_S;
}

/* --- accounts ---------------------------------------------------------------------- */

static struct account *find(struct allowances *a, struct slice login)
{
	struct account *account;

	TAILQ_FOREACH(account, &a->accounts, entry)
		if (slice_equal(account->usage.login, login))
			return account;
	return NULL;
}

static struct account *account_new(struct allowances *a, struct slice login)
{
	struct account *account = mem_new(sizeof(*account) + login.n);
	char *octets = (char *)(account + 1);

	memcpy(octets, login.p, login.n);
	account->usage.login = (struct slice){ octets, login.n };
	TAILQ_INSERT_HEAD(&a->accounts, account, entry);
	return account;
}

/* What this and other nodes have counted today. */
static int load(struct allowances *a, struct account *account, int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct slice login = account->usage.login;
	struct store_usage usage = { .day = day_of(now) };
	int r = store_load_usage(a->store, login, usage.day, arena, &usage);

	if (r < 0 && r != -ENOENT)
		return r;
	if (account->usage.day != usage.day)
		account->newcomers.count = 0;
	usage.login = login;
	account->usage = usage;
	account->loaded = now;
	return 0;
}

static int open_account(struct allowances *a, struct slice login, int64_t now,
			struct account **ret_account)
{
	struct account *account = find(a, login);
	int r = 0;

	if (account == NULL)
		account = account_new(a, login);
	if (account->usage.day != day_of(now) ||
	    now - account->loaded >= ALLOWANCE_RELOAD_S ||
	    now < account->loaded)
		r = load(a, account, now);
	if (r < 0) {
		account_free(a, account);
		return r;
	}
	TAILQ_REMOVE(&a->accounts, account, entry);
	TAILQ_INSERT_HEAD(&a->accounts, account, entry);
	*ret_account = account;
	return 0;
}

/* --- correspondents ------------------------------------------------------------------ */

/* Nobody learns from the database who has written to whom. */
static uint64_t hash_of(struct slice login, struct slice recipient)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	AUTO(arena_free)
	struct arena *arena = arena_new(login.n + recipient.n + 4096);
	const struct slice parts[] = { login, { "", 1 }, recipient };
	struct slice text = arena_join(arena, parts, 3);
	uint64_t hash = 0;

	(void)EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL);
	memcpy(&hash, digest, sizeof(hash));
	return hash;
}

/* Returns 0 or -errno. */
static int is_new(struct allowances *a, const struct account *account,
		  uint64_t hash, bool *ret_is_new)
{
	int64_t day;
	int r;

	*ret_is_new = false;
	if (id_set_has(&account->newcomers, hash))
		return 0;
	r = store_load_correspondent(a->store, account->usage.login, hash,
				     &day);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_is_new = r == -ENOENT || day < account->usage.day - ALLOWANCE_DAYS;
	return 0;
}

/* The new ones come first in *ret_hashes. */
static int count_new(struct allowances *a, const struct account *account,
		     struct slices recipients, uint64_t *hashes,
		     size_t *ret_new)
{
	size_t count = 0;

	for (size_t i = 0; i < recipients.count; i++) {
		bool is_newcomer;
		int r;

		hashes[i] = hash_of(account->usage.login, recipients.items[i]);
		r = is_new(a, account, hashes[i], &is_newcomer);
		if (r < 0)
			return r;
		if (is_newcomer) {
			uint64_t other = hashes[count];

			hashes[count++] = hashes[i];
			hashes[i] = other;
		}
	}
	*ret_new = count;
	return 0;
}

/* --- a message ------------------------------------------------------------------------ */

static enum allowance check(const struct account *account,
			    const struct msg_spend *m, size_t newcomers)
{
	const struct store_usage *u = &account->usage;

	if (m->message_limit > 0 && u->messages >= m->message_limit)
		return ALLOWANCE_MESSAGES;
	if (m->recipient_limit > 0 && newcomers > 0 &&
	    u->recipients + newcomers > m->recipient_limit)
		return ALLOWANCE_RECIPIENTS;
	return ALLOWANCE_LEFT;
}

static void keep_newcomers(struct account *account, const uint64_t *hashes,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		id_set_add(&account->newcomers, hashes[i]);
}

/* What is refused is counted nowhere, but that it was. */
static bool refuse(struct account *account, struct spending *s)
{
	s->count = 0;
	s->tells = !account->usage.is_told;
	s->usage.is_told = true;
	account->usage.is_told = true;
	return s->tells;
}

static void add_message(struct account *account, const struct msg_spend *m,
			size_t newcomers, struct spending *s)
{
	s->usage.messages = 1;
	s->usage.recipients = newcomers;
	account->usage.messages++;
	account->usage.recipients += newcomers;
	if (m->recipient_limit > 0)
		keep_newcomers(account, s->hashes, newcomers);
}

static int spend(struct allowances *a, const struct msg_spend *m,
		 struct arena *arena, struct msg_spent *answer,
		 struct spending *s)
{
	size_t recipients = m->recipients.count, newcomers = 0;
	uint64_t *hashes = arena_array(arena, recipients + 1, sizeof(*hashes));
	struct account *account;
	int r = open_account(a, m->login, clock_wall_s(), &account);

	if (r == 0 && m->recipient_limit > 0)
		r = count_new(a, account, m->recipients, hashes, &newcomers);
	if (r < 0)
		return r;
	account->usage.message_limit = m->message_limit;
	account->usage.recipient_limit = m->recipient_limit;
	*s = (struct spending){
		.usage = { .login = arena_copy(arena, m->login),
			   .day = account->usage.day,
			   .message_limit = m->message_limit,
			   .recipient_limit = m->recipient_limit },
		.hashes = hashes,
		.count = m->recipient_limit > 0 ? recipients : 0,
	};
	answer->exceeded = check(account, m, newcomers);
	answer->resets = (uint64_t)usage_resets(account->usage.day);
	if (answer->exceeded != ALLOWANCE_LEFT)
		return refuse(account, s);
	add_message(account, m, newcomers, s);
	return 1;
}

bool allowances_spend(struct allowances *a, const struct msg_spend *m,
		      struct arena *arena, struct msg_spent *ret_answer,
		      struct spending *ret_spending)
{
	int r = -EBADMSG;

	*ret_answer = (struct msg_spent){ .id = m->id };
	if (m->login.n > 0 && m->login.n <= ALLOWANCE_LOGIN_OCTETS)
		r = spend(a, m, arena, ret_answer, ret_spending);
	if (r < 0)
		ret_answer->error = (uint32_t)-r;
	return r > 0;
}

/* --- the store --------------------------------------------------------------------------- */

static int tell(struct turn *t, const struct spending *s)
{
	const struct store_usage *u = &s->usage;
	struct notice notice = {
		.subject = S("A login has reached its limit for today"),
		.text = arena_format(
			t->arena,
			"The login %.*s has sent as much as it may in a day"
			" (%llu messages, %llu new recipients), and more is"
			" refused until midnight UTC.\n\n"
			"Was its password stolen? Then change it. If all is"
			" well, \"culver user unblock %.*s\" lets it send on,"
			" and Dovecot's extra fields smtp_limit and"
			" smtp_recipient_limit give it more for good.\n\n"
			"You are told once a day.",
			(int)u->login.n, u->login.p,
			(unsigned long long)u->message_limit,
			(unsigned long long)u->recipient_limit, (int)u->login.n,
			u->login.p),
	};

	turn_note(t, &(struct note){ .level = LOG_WARNING,
				     .message = "login has reached its limit",
				     .recipient = u->login });
	return notice_write(t, &notice);
}

int spending_apply(struct turn *t, const struct spending *s)
{
	int r = 0;

	if (s->tells)
		r = tell(t, s);
	if (r == 0)
		r = store_add_usage(t->store, &s->usage);
	for (size_t i = 0; r == 0 && i < s->count; i++)
		r = store_keep_correspondent(t->store, s->usage.login,
					     s->hashes[i], s->usage.day);
	return r;
}

void allowances_tick(struct allowances *a, int64_t now)
{
	struct account *account, *next;
	uint64_t forgotten;

	if (a->expired == day_of(now))
		return;
	a->expired = day_of(now);
	TAILQ_FOREACH_SAFE(account, &a->accounts, entry, next)
		if (account->usage.day != day_of(now))
			account_free(a, account);
	/* What is left does no harm: tomorrow will do. */
	(void)usage_forget(a->store, S(""), day_of(now) - ALLOWANCE_DAYS,
			   &forgotten);
}

/* --- control -------------------------------------------------------------------------------- */

void allowances_list(struct allowances *a, const struct peers *peers,
		     struct link *from, const struct msg_usage_list *m)
{
	usage_list(a->store, peers, from, m, day_of(clock_wall_s()));
}

void allowances_forget(struct allowances *a, const struct peers *peers,
		       struct link *from, const struct msg_usage_forget *m)
{
	struct message answer = { .type = MESSAGE_USAGE_FORGOTTEN };
	struct account *account = find(a, m->login);
	uint64_t forgotten = 0;
	int r = 0;

	if (account != NULL)
		account_free(a, account);
	if (m->login.n > 0)
		r = usage_forget(a->store, m->login, day_of(clock_wall_s()),
				 &forgotten);
	answer.usage_forgotten = (struct msg_usage_forgotten){
		.id = m->id, .error = (uint32_t)-r, .count = forgotten
	};
	peers_send(peers, from, &answer, -1);
}
