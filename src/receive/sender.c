#include "receive/sender.h"

#include "receive/session-private.h"

#include <string.h>

const struct reply *sender_refusal(enum sender_verdict verdict)
{
	switch (verdict) {
	case SENDER_OWNED:
		return NULL;
	case SENDER_FOREIGN:
		return &REPLY_NOT_YOUR_ADDRESS;
	case SENDER_UNKNOWN:
		break;
	}
	return &REPLY_LOOKUP_FAILED;
}

bool sender_is_checked(const struct session *s)
{
	return s->login != NULL &&
	       strcmp(s->server->conf->sender_check, "off") != 0;
}

bool sender_is_enforced(const struct session *s)
{
	return strcmp(s->server->conf->sender_check, "enforce") == 0;
}

/* The log says it in either way; whether it counts is the setting's. */
static enum sender_verdict refuse(struct session *s)
{
	const struct transaction *t = s->tx;
	bool is_enforced = sender_is_enforced(s);

	LOG(LOG_WARNING, &t->log,
	    is_enforced ? "sender refused: it is not the login's"
			: "sender is not the login's",
	    log_string("login", s->login), log_string("where", t->sender_place),
	    log_text("sender", t->sender),
	    log_string("allowed", "the login, addresses that lead to it"),
	    log_text("smtp_senders", rights_senders(s->rights)),
	    log_string("peer", s->peer_ip));
	return is_enforced ? SENDER_FOREIGN : SENDER_OWNED;
}

static bool reaches(const struct session *s,
		    const struct resolve_answer *answer)
{
	const struct slice login = slice_of(s->login);

	for (size_t i = 0; i < answer->users.count; i++)
		if (slice_equal(answer->users.items[i], login))
			return true;
	return false;
}

static void on_answer(const struct resolve_answer *answer, void *arg)
{
	struct session *s = arg;
	struct transaction *t = s->tx;
	enum sender_verdict verdict = SENDER_OWNED;

	t->resolution = NULL;
	session_op_done(s);
	if (answer->result == RESOLVE_TRY_LATER)
		verdict = SENDER_UNKNOWN;
	else if (!reaches(s, answer))
		verdict = refuse(s);
	arena_clear(s->server->scratch);
	t->on_sender(s, verdict);
	session_run(s);
}

void sender_check(struct session *s, const struct address *sender,
		  const char *where, sender_on_verdict *on_verdict)
{
	struct transaction *t = s->tx;

	if (!sender_is_checked(s) || address_is_null(sender) ||
	    rights_have_sender(s->rights, slice_of(s->login), sender)) {
		on_verdict(s, SENDER_OWNED);
		return;
	}
	t->sender = address_format(sender, t->arena);
	t->sender_place = where;
	t->on_sender = on_verdict;
	s->op = OP_SENDER;
	t->resolution = resolve_start(s->server->resolver, sender,
				      RESOLVE_WITH_USERS, on_answer, s);
}
