/* AUTH: RFC 4954. Dovecot decides; base64 is checked here and decoded nowhere. */
#include "receive/session-private.h"

#include "base/mem.h"

#include <string.h>

enum { AUTH_ARENA_OCTETS = 65536 };

void session_auth_free(struct session_auth **auth)
{
	if (*auth == NULL)
		return;
	if ((*auth)->login != NULL)
		login_cancel(&(*auth)->login);
	mem_free(&(*auth)->mechanism);
	mem_free(&(*auth)->binding);
	mem_free(auth);
}

/* --- verdicts: dovecot.md 2.4 ------------------------------------------------------- */

static void take_login(struct session *s, const struct login_result *result)
{
	s->login = mem_string(arena_string(s->server->scratch, result->user));
	s->rights = rights_new(result, &s->log);
	filters_keep_login(s, s->auth->mechanism);
	LOG(LOG_INFO, &s->log, "authenticated", log_text("user", result->user),
	    log_text("master", result->master),
	    log_string("mechanism", s->auth->mechanism),
	    log_string("rip", s->peer_ip));
	session_reply(s, &REPLY_AUTH_OK);
}

static const struct reply *verdict_reply(enum login_verdict verdict)
{
	switch (verdict) {
	case LOGIN_OK:
		return &REPLY_AUTH_OK;
	case LOGIN_CONTINUE: /* answered elsewhere */
	case LOGIN_FAILED:
	case LOGIN_EXPIRED:
		return &REPLY_AUTH_FAILED;
	case LOGIN_DISABLED:
		return &REPLY_USER_DISABLED;
	case LOGIN_MALFORMED:
		return &REPLY_BAD_BASE64;
	case LOGIN_UNAVAILABLE:
		break;
	}
	return &REPLY_AUTH_UNAVAILABLE;
}

static void refuse_login(struct session *s, const struct login_result *result)
{
	struct reply r = *verdict_reply(result->verdict);

	if (result->text.n > 0)
		r.text = result->text;
	LOG(LOG_INFO, &s->log, "login failed", log_text("user", result->user),
	    log_string("mechanism", s->auth->mechanism),
	    log_string("rip", s->peer_ip), log_number("code", r.code),
	    log_text("text", r.text));
	session_reply(s, &r);
	if (reply_is_permanent(&r))
		s->auth_failures++;
	if (s->auth_failures >= s->server->conf->auth_failure_limit)
		session_reply(s, &REPLY_TOO_MANY_AUTH_FAILURES);
}

/* --- challenges ------------------------------------------------------------------------ */

/* dovecot.md 2.9: Dovecot repeats what type the client named. */
static void bind_channel(struct session *s, struct slice type)
{
	struct arena *a = s->server->scratch;
	struct slice data;

	mem_free(&s->auth->binding);
	if (type.n == 0)
		return;
	if (stream_tls_binding(s->stream, type, a, &data))
		s->auth->binding = mem_string(arena_string(a, data));
	else
		s->auth->is_unbindable = true;
}

static void challenge(struct session *s, const struct login_result *result)
{
	session_enter(s, ST_AUTH);
	bind_channel(s, result->channel_binding);
	if (s->auth->is_unbindable)
		return; /* auth_step() ends it */
	session_send(s, S("334 "));
	session_send(s, result->text);
	session_send(s, S("\r\n"));
}

static void on_result(const struct login_result *result, void *arg)
{
	struct session *s = arg;

	session_op_done(s);
	arena_clear(s->server->scratch);
	if (result->verdict == LOGIN_CONTINUE) {
		challenge(s, result);
	} else {
		s->auth->login = NULL;
		session_enter(s, ST_READY);
		if (result->verdict == LOGIN_OK)
			take_login(s, result);
		else
			refuse_login(s, result);
		session_auth_free(&s->auth);
	}
	session_run(s);
}

/* --- answers --------------------------------------------------------------------------- */

static void give_up(struct session *s, const struct reply *why)
{
	session_auth_free(&s->auth);
	session_enter(s, ST_READY);
	session_refuse(s, why);
}

static void answer(struct session *s, struct slice line)
{
	if (slice_equal(line, S("*"))) {
		give_up(s, &REPLY_AUTH_CANCELLED);
	} else if (!command_is_base64(line)) {
		give_up(s, &REPLY_BAD_BASE64);
	} else {
		s->op = OP_LOGIN;
		login_continue(s->auth->login, line,
			       slice_of(s->auth->binding));
		mem_free(&s->auth->binding);
	}
}

enum step auth_step(struct session *s)
{
	struct slice line;

	if (s->auth->is_unbindable) {
		give_up(s, &REPLY_AUTH_FAILED);
		return STEP_NEXT;
	}
	switch (session_line(s, &line)) {
	case LINE_WAIT:
		return STEP_WAIT;
	case LINE_SKIPPED:
		break;
	case LINE_READY:
		answer(s, line);
		break;
	case LINE_TOO_LONG:
		give_up(s, &REPLY_LINE_TOO_LONG);
		break;
	case LINE_BAD_OCTET:
		give_up(s, &REPLY_BAD_BASE64);
		break;
	}
	explicit_bzero(s->server->line, sizeof(s->server->line));
	return STEP_NEXT;
}

/* --- the command ------------------------------------------------------------------------ */

static void start(struct session *s, struct slice mechanism, bool has_initial,
		  struct slice initial)
{
	struct login_params p = {
		.mechanism = mechanism,
		.remote_ip = slice_of(s->peer_ip),
		.remote_port = session_peer_port(&s->peer),
		.session = s->log.value,
		.local_name = stream_tls_server_name(s->stream),
		.client_id = slice_of(s->hello),
		.is_tls = true,
		.has_initial = has_initial,
		.initial = initial,
	};

	p.local_ip =
		session_local_address(s, s->server->scratch, &p.local_port);
	s->auth = mem_new(sizeof(*s->auth));
	s->auth->mechanism =
		mem_string(arena_string(s->server->scratch, mechanism));
	s->op = OP_LOGIN;
	s->auth->login = login_start(s->server->logins, &p, on_result, s);
}

static const struct reply *check(const struct session *s,
				 struct slice mechanism)
{
	if (!session_is_submission(s))
		return &REPLY_NO_AUTH_HERE;
	if (!stream_is_tls(s->stream))
		return &REPLY_AUTH_NEEDS_TLS;
	if (!s->is_esmtp)
		return &REPLY_NEED_HELLO;
	if (s->login != NULL)
		return &REPLY_ALREADY_AUTHENTICATED;
	if (mechanism.n == 0)
		return &REPLY_SYNTAX;
	if (!login_client_is_ready(s->server->logins))
		return &REPLY_AUTH_UNAVAILABLE;
	if (!login_client_offers(s->server->logins, mechanism, true))
		return &REPLY_UNKNOWN_MECHANISM;
	return NULL;
}

void cmd_auth(struct session *s, struct slice args)
{
	struct slice mechanism, initial;
	bool has_initial = slice_cut(args, ' ', &mechanism, &initial);
	const struct reply *refusal = check(s, mechanism);

	if (refusal == NULL && slice_equal(initial, S("=")))
		initial.n = 0; /* RFC 4954 4: an empty initial response */
	else if (refusal == NULL && !command_is_base64(initial))
		refusal = &REPLY_BAD_BASE64;
	if (refusal != NULL)
		session_refuse(s, refusal);
	else
		start(s, mechanism, has_initial, initial);
	explicit_bzero(s->server->line, sizeof(s->server->line));
}
