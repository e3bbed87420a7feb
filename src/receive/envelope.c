#include "receive/envelope.h"

#include "base/mem.h"

#include <string.h>

enum {
	SCRATCH_OCTETS = 1 << 20, /* a tripwire: of one edit */
	TURN_EDITS = 500,
};

struct envelope {
	const struct server *server;
	struct transaction *t;
	const struct milter_message *message;
	size_t next;  /* edit to do */
	size_t asked; /* additions */
	struct event *turn;
	struct resolution *resolution;
	struct arena *scratch;           /* of the edit at hand */
	struct handover_recipient added; /* in scratch, while it is resolved */
	bool is_try_later;
	envelope_on_done *on_done;
	void *arg;
};

void envelope_cancel(struct envelope **envelope)
{
	struct envelope *e = *envelope;

	if (e == NULL)
		return;
	resolve_cancel(&e->resolution);
	event_free(e->turn);
	arena_free(&e->scratch);
	mem_free(envelope);
}

static void leave_out(const struct envelope *e,
		      const struct milter_envelope_edit *edit,
		      struct slice problem)
{
	LOG(LOG_WARNING, &e->t->log, "edit of a filter left out",
	    log_text("address", edit->address), log_text("problem", problem));
}

/* What filters may well do, not knowing better. */
static void log_needless(const struct envelope *e,
			 const struct milter_envelope_edit *edit,
			 struct slice reason)
{
	LOG(LOG_DEBUG, &e->t->log, "needless edit of a filter",
	    log_text("address", edit->address), log_text("reason", reason));
}

/* --- what filters write ------------------------------------------------------------- */

/* Returns false, having logged it, if that is no address. */
static bool parse(const struct envelope *e,
		  const struct milter_envelope_edit *edit,
		  struct address *ret_address)
{
	struct slice text = slice_trim(edit->address), rest = { .n = 0 };
	int no;

	if (slice_starts(text, S("<")))
		no = address_parse_path(text, e->scratch, ret_address, &rest);
	else
		no = address_parse(text, e->scratch, ret_address);
	if (no == 0 && rest.n == 0)
		return true;
	leave_out(e, edit, S("this is no address"));
	return false;
}

/* The next parameter as the parsers want it, with its space. Returns false at
 * the end. */
static bool take_param(const struct envelope *e, struct slice *params,
		       struct slice *ret_param)
{
	struct slice parts[2] = { S(" ") };

	*params = slice_trim(*params);
	if (params->n == 0)
		return false;
	(void)slice_cut(*params, ' ', &parts[1], params);
	*ret_param = arena_join(e->scratch, parts, 2);
	return true;
}

static void leave_out_param(const struct envelope *e,
			    const struct milter_envelope_edit *edit,
			    struct slice param)
{
	LOG(LOG_WARNING, &e->t->log, "parameter of a filter left out",
	    log_text("address", edit->address),
	    log_text("parameter", slice_tail(param, 1)));
}

static void parse_rcpt_params(const struct envelope *e,
			      const struct milter_envelope_edit *edit,
			      struct rcpt_params *p)
{
	struct slice rest = edit->params, param;

	while (take_param(e, &rest, &param)) {
		struct rcpt_params one;

		if (params_parse_rcpt(param, e->scratch, &one) != NULL) {
			leave_out_param(e, edit, param);
		} else if (one.orcpt.n > 0) {
			p->orcpt_type = one.orcpt_type;
			p->orcpt = one.orcpt;
		} else {
			p->notify = one.notify;
		}
	}
}

static void parse_mail_params(const struct envelope *e,
			      const struct milter_envelope_edit *edit)
{
	struct mail_params *mail = &e->t->mail;
	struct slice rest = edit->params, param;

	while (take_param(e, &rest, &param)) {
		struct mail_params one = { .size = 0 };
		const struct reply *no =
			params_parse_mail(param, e->scratch, &one);

		if (no == NULL && one.ret != DSN_RET_NONE)
			mail->ret = one.ret;
		else if (no == NULL && one.envid.n > 0)
			mail->envid = arena_copy(e->t->arena, one.envid);
		else
			leave_out_param(e, edit, param);
	}
}

/* --- the sender ----------------------------------------------------------------------- */

static void change_sender(struct envelope *e,
			  const struct milter_envelope_edit *edit)
{
	struct transaction *t = e->t;
	struct slice before = t->reverse_path;
	struct address sender;

	if (!parse(e, edit, &sender))
		return;
	if (!address_is_null(&sender) && sender.domain.n == 0) {
		leave_out(e, edit, S("a sender needs a domain"));
		return;
	}
	if (sender.is_utf8 && !t->mail.is_smtputf8) {
		leave_out(e, edit, S("the message came without SMTPUTF8"));
		return;
	}
	t->reverse_path =
		arena_copy(t->arena, address_format(&sender, e->scratch));
	parse_mail_params(e, edit);
	LOG(LOG_INFO, &t->log, "sender changed by a filter",
	    log_text("before", before), log_text("from", t->reverse_path));
}

/* --- recipients ----------------------------------------------------------------------- */

static bool is_recipient(const struct transaction *t, struct slice original)
{
	for (size_t i = 0; i < t->recipient_count; i++)
		if (slice_equal(t->recipients[i].original, original))
			return true;
	return false;
}

static void delete_recipient(struct envelope *e,
			     const struct milter_envelope_edit *edit)
{
	struct transaction *t = e->t;
	struct address address;
	struct slice original;
	size_t kept = 0;

	if (!parse(e, edit, &address))
		return;
	original = address_format(&address, e->scratch);
	for (size_t i = 0; i < t->recipient_count; i++) {
		if (slice_equal(t->recipients[i].original, original))
			t->target_count -= t->recipients[i].targets.count;
		else
			t->recipients[kept++] = t->recipients[i];
	}
	if (kept == t->recipient_count)
		log_needless(e, edit, S("it is no recipient"));
	t->recipient_count = kept;
}

/* Makes a recipient of what is in scratch. */
static struct slice take(struct envelope *e, struct targets targets)
{
	struct transaction *t = e->t;

	if (!e->server->has_lmtp_smtputf8 && !transaction_is_ascii(targets))
		return S("Dovecot takes no SMTPUTF8");
	t->pending = (struct handover_recipient){
		.original = arena_copy(t->arena, e->added.original),
		.dsn = {
			.notify = e->added.dsn.notify,
			.orcpt_type = arena_copy(t->arena,
						 e->added.dsn.orcpt_type),
			.orcpt = arena_copy(t->arena, e->added.dsn.orcpt),
		},
	};
	return transaction_add_recipient(t, targets)
		       ? S("")
		       : S("there are too many recipients");
}

static void run(struct envelope *e);

static void on_answer(const struct resolve_answer *answer, void *arg)
{
	struct envelope *e = arg;
	struct slice problem = S("");

	e->resolution = NULL;
	switch (answer->result) {
	case RESOLVE_TARGETS:
		problem = take(e, answer->targets);
		break;
	case RESOLVE_NO_USER:
		problem = S("there is no such user");
		break;
	case RESOLVE_TRY_LATER:
		problem = S("it cannot be looked up now");
		e->is_try_later = true;
		break;
	case RESOLVE_NOT_LOCAL:
		problem = S("mail is sent to no address literal");
		break;
	}
	if (problem.n > 0)
		leave_out(e, milter_message_envelope(e->message, e->next - 1),
			  problem);
	run(e);
}

/* What can be said without asking. Empty if nothing. */
static struct slice refusal(const struct envelope *e, const struct address *a)
{
	if (address_is_null(a))
		return S("it is the null address");
	if (a->is_utf8 && !e->t->mail.is_smtputf8)
		return S("the message came without SMTPUTF8");
	if (e->asked >= e->server->conf->recipient_limit)
		return S("there are too many recipients");
	return S("");
}

static void add_recipient(struct envelope *e,
			  const struct milter_envelope_edit *edit)
{
	struct address address;
	struct slice no;

	if (!parse(e, edit, &address))
		return;
	e->added = (struct handover_recipient){
		.original = address_format(&address, e->scratch),
	};
	if (is_recipient(e->t, e->added.original)) {
		log_needless(e, edit, S("it is a recipient already"));
		return;
	}
	no = refusal(e, &address);
	if (no.n > 0) {
		leave_out(e, edit, no);
		return;
	}
	parse_rcpt_params(e, edit, &e->added.dsn);
	e->asked++;
	e->resolution = resolve_start(e->server->resolver, &address,
				      RESOLVE_MAY_RELAY, on_answer, e);
}

/* --- all -------------------------------------------------------------------------------- */

static void end(struct envelope *e)
{
	enum envelope_result result = ENVELOPE_DONE;
	envelope_on_done *on_done = e->on_done;
	void *arg = e->arg;

	if (e->is_try_later)
		result = ENVELOPE_TRY_LATER;
	else if (e->t->recipient_count == 0)
		result = ENVELOPE_EMPTY;
	if (result == ENVELOPE_EMPTY)
		log_plain(LOG_INFO, &e->t->log,
			  "filters have deleted all recipients");
	envelope_cancel(&e);
	on_done(result, arg);
}

static void do_next(struct envelope *e)
{
	const struct milter_envelope_edit *edit =
		milter_message_envelope(e->message, e->next++);

	arena_clear(e->scratch);
	switch (edit->kind) {
	case MILTER_SENDER_CHANGED:
		change_sender(e, edit);
		break;
	case MILTER_RECIPIENT_ADDED:
		add_recipient(e, edit);
		break;
	case MILTER_RECIPIENT_DELETED:
		delete_recipient(e, edit);
		break;
	}
}

static void go_on_later(struct envelope *e)
{
	(void)event_add(e->turn, &(const struct timeval){ .tv_sec = 0 });
}

static void run(struct envelope *e)
{
	const size_t count = milter_message_envelope_count(e->message);

	for (unsigned i = 0; e->next < count && !e->is_try_later; i++) {
		if (i == TURN_EDITS) {
			go_on_later(e);
			return;
		}
		do_next(e);
		if (e->resolution != NULL)
			return; /* on_answer() */
	}
	end(e);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

struct envelope *envelope_start(const struct server *server,
				struct transaction *transaction,
				const struct milter_message *message,
				envelope_on_done *on_done, void *arg)
{
	struct envelope *e = mem_new(sizeof(*e));

	e->server = server;
	e->t = transaction;
	e->message = message;
	e->turn = event_new(server->base, -1, 0, on_turn, e);
	e->scratch = arena_new(SCRATCH_OCTETS);
	e->on_done = on_done;
	e->arg = arg;
	go_on_later(e);
	return e;
}
