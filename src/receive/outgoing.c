#include "receive/outgoing.h"

#include "base/mem.h"
#include "mail/from.h"
#include "receive/names.h"
#include "receive/queue_call.h"
#include "receive/session-private.h"
#include "smtp/name.h"

#include <time.h>
#include <unistd.h>

enum {
	ADDED_OCTETS = 8192, /* of ours before the client's header section */
	TIME_OCTETS = 32,
};

/* --- From --------------------------------------------------------------------- */

/* The header section, and maybe some of what follows. Returns false if it
 * cannot be read. */
static bool read_head(const struct transaction *t, struct arena *arena,
		      struct slice *ret_head)
{
	uint64_t octets = content_octets(t->content);
	size_t want = t->header.octets + (size_t)ADDED_OCTETS, n = 0;
	char *p;

	if (want > octets)
		want = (size_t)octets;
	p = arena_alloc(arena, want + 1);
	while (n < want) {
		ssize_t got = pread(content_fd(t->content), p + n, want - n,
				    (off_t)n);

		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	*ret_head = (struct slice){ p, n };
	return true;
}

static void check_next(struct session *s);

static void on_sender(struct session *s, enum sender_verdict verdict)
{
	const struct reply *refusal = sender_refusal(verdict);

	if (refusal != NULL)
		s->tx->refuse(s, refusal);
	else
		check_next(s);
}

/* The rest of From, one after the other. What is no address of an envelope
 * belongs to nobody. */
static void check_next(struct session *s)
{
	struct transaction *t = s->tx;
	struct address author;
	struct slice text;

	if (t->author_count == 0)
		return;
	text = *t->authors++;
	t->author_count--;
	if (address_parse(text, t->arena, &author) != 0)
		author = (struct address){ .local = text,
					   .domain = S("invalid") };
	sender_check(s, &author, "From", on_sender);
}

static void refuse_from(struct session *s, enum from_state state)
{
	const struct slice parts[] = { S("The From field cannot be checked: "),
				       slice_of(from_words(state)) };
	const struct reply r = {
		.code = 550,
		.status = { 5, 7, 1 },
		.text = arena_join(s->server->scratch, parts, 2),
	};

	LOG(LOG_WARNING, &s->tx->log, "From field of a login cannot be checked",
	    log_string("login", s->login),
	    log_string("problem", from_words(state)),
	    log_string("peer", s->peer_ip));
	if (sender_is_enforced(s))
		s->tx->refuse(s, &r);
}

static void keep_authors(struct transaction *t, const struct from *from)
{
	struct slice *authors =
		arena_array(t->arena, from->address_count, sizeof(*authors));

	for (size_t i = 0; i < from->address_count; i++)
		authors[i] = arena_copy(t->arena, from->addresses[i]);
	t->authors = authors;
	t->author_count = from->address_count;
}

static void check_from(struct session *s, struct slice head,
		       struct arena *arena)
{
	struct from from;

	from_read(head, S("From"), arena, &from);
	switch (from.state) {
	case FROM_OK:
		keep_authors(s->tx, &from);
		check_next(s);
		break;
	case FROM_MISSING:
	case FROM_WITHOUT_DOMAIN: /* it claims to be nobody */
		break;
	case FROM_REPEATED:
	case FROM_UNREADABLE:
	case FROM_TOO_MANY:
		refuse_from(s, from.state);
		break;
	}
}

void outgoing_check_from(struct session *s, outgoing_refuse *refuse)
{
	AUTO(arena_free) struct arena *arena = NULL;
	struct slice head;

	if (!sender_is_checked(s))
		return;
	s->tx->refuse = refuse;
	arena = arena_new(HEADER_OCTETS + 2 * ADDED_OCTETS + FROM_ARENA_OCTETS);
	if (read_head(s->tx, arena, &head))
		check_from(s, head, arena);
	else
		refuse(s, &REPLY_INTERNAL);
}

/* --- the share of the day -------------------------------------------------------- */

static const char *words_of(uint32_t exceeded)
{
	return exceeded == ALLOWANCE_RECIPIENTS
		       ? "This login has written to too many new recipients"
			 " today"
		       : "This login has sent too many messages today";
}

static void refuse_spending(struct session *s, const struct msg_spent *answer)
{
	time_t resets = (time_t)answer->resets;
	char when[TIME_OCTETS] = "";
	struct reply r = { .code = 452, .status = { 4, 7, 1 } };
	struct tm tm;

	if (gmtime_r(&resets, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
	r.text = arena_format(s->server->scratch, "%s; try again after %s",
			      words_of(answer->exceeded), when);
	LOG(LOG_WARNING, &s->tx->log, "login is over its limit",
	    log_string("login", s->login),
	    log_string("limit", answer->exceeded == ALLOWANCE_RECIPIENTS
					? "recipients"
					: "messages"),
	    log_string("resets", when), log_string("peer", s->peer_ip));
	s->tx->refuse(s, &r);
}

static void on_spent(const struct msg_spent *answer, void *arg)
{
	struct session *s = arg;

	s->tx->spend = NULL;
	session_op_done(s);
	arena_clear(s->server->scratch);
	if (answer->error != 0)
		s->tx->refuse(s, &REPLY_INTERNAL);
	else if (answer->exceeded != ALLOWANCE_LEFT)
		refuse_spending(s, answer);
	session_run(s);
}

/* As they are compared: letters of a domain's local part may differ. */
static struct slice canonical(struct slice recipient, struct arena *arena)
{
	struct address a;

	if (address_parse(recipient, arena, &a) != 0 ||
	    name_user(a.local, arena, &a.local) != 0)
		return recipient;
	return address_format(&a, arena);
}

static struct slices recipients_of(const struct transaction *t,
				   struct arena *arena)
{
	struct names names;
	bool is_new;

	names_init(&names, arena);
	for (size_t i = 0; i < t->recipient_count; i++)
		(void)names_add(&names,
				canonical(t->recipients[i].original, arena),
				&is_new);
	return (struct slices){ names.items, names.count };
}

void outgoing_spend(struct session *s, outgoing_refuse *refuse)
{
	const struct conf *conf = s->server->conf;
	struct transaction *t = s->tx;
	struct msg_spend m;

	if (s->login == NULL)
		return;
	m = (struct msg_spend){
		.login = slice_of(s->login),
		.message_limit = rights_messages(s->rights, conf),
		.recipient_limit = rights_recipients(s->rights, conf),
	};
	if (m.message_limit == 0 && m.recipient_limit == 0)
		return;
	m.recipients = recipients_of(t, t->arena);
	t->refuse = refuse;
	s->op = OP_SPEND;
	t->spend = queue_call_spend(s->server->queue_calls, &m, on_spent, s);
}

void outgoing_cancel(struct transaction *t)
{
	queue_call_cancel(&t->spend);
}
