/* The greeting, EHLO and HELO: RFC 5321 3.1 and 4.1.1.1. */
#include "receive/session-private.h"

#include "base/mem.h"

static void say_greeting(struct session *s, const struct milter_verdict *v)
{
	struct slice parts[] = { slice_of(s->server->conf->hostname),
				 S(" ESMTP Culver"),
				 { .n = 0 } };
	const struct reply *standing;
	struct reply greeting = { .code = 220 };

	if (filters_refuse_client(s, v))
		return;
	standing = filters_standing(s);
	if (standing != NULL && reply_is_permanent(standing)) {
		greeting.code = 554;
		parts[1] = S(" ");
		parts[2] = standing->text;
	}
	greeting.text = arena_join(s->server->scratch, parts, 3);
	session_reply(s, &greeting);
}

void session_greet(struct session *s)
{
	filters_connect(s, say_greeting);
}

/* RFC 4954 4: only where it can be used. */
static struct slice auth_line(const struct session *s, struct arena *a)
{
	struct slice parts[] = { S("\nAUTH "), { .n = 0 } };

	if (!session_is_submission(s) || !stream_is_tls(s->stream) ||
	    !login_client_is_ready(s->server->logins))
		return (struct slice){ .n = 0 };
	parts[1] = login_client_mechanisms(s->server->logins, true);
	if (parts[1].n == 0)
		return parts[1];
	return arena_join(a, parts, 2);
}

static struct slice starttls_line(const struct session *s)
{
	if (stream_is_tls(s->stream) || session_is_local(s) ||
	    tls_server_count(s->server->tls) == 0)
		return (struct slice){ .n = 0 };
	return S("\nSTARTTLS");
}

/* For our sendmail: what completes an address without domain. */
static struct slice mailname_line(const struct session *s, struct arena *a)
{
	if (!session_is_local(s))
		return (struct slice){ .n = 0 };
	return arena_format(a, "\nXMAILNAME %s", s->server->conf->mailname);
}

static struct slice ehlo_text(const struct session *s, struct arena *a)
{
	const struct conf *conf = s->server->conf;
	const struct slice parts[] = {
		slice_of(conf->hostname),
		S("\nPIPELINING\n8BITMIME\nSMTPUTF8\nCHUNKING"
		  "\nENHANCEDSTATUSCODES\nDSN"),
		/* RFC 1870 4, RFC 9422 4 */
		arena_format(a, "\nSIZE %ju\nLIMITS RCPTMAX=%ju",
			     (uintmax_t)conf->message_size_limit,
			     (uintmax_t)conf->recipient_limit),
		starttls_line(s),
		/* RFC 8689 2: not without TLS */
		stream_is_tls(s->stream) ? S("\nREQUIRETLS") : S(""),
		auth_line(s, a),
		mailname_line(s, a),
	};

	return arena_join(a, parts, sizeof(parts) / sizeof(parts[0]));
}

/* For who will send nothing. */
static struct slice short_text(const struct session *s, struct arena *a)
{
	const struct slice parts[] = {
		slice_of(s->server->conf->hostname),
		S("\nPIPELINING\nENHANCEDSTATUSCODES"),
	};

	return arena_join(a, parts, 2);
}

/* Returns false, with the refusal said, if name is none. */
static bool take_hello(struct session *s, struct slice name)
{
	if (!command_is_hello_name(name)) {
		session_refuse(s, &REPLY_SYNTAX);
		return false;
	}
	mem_free(&s->hello);
	s->hello = mem_string(arena_string(s->server->scratch, name));
	session_forget_transaction(s);
	session_enter(s, ST_READY);
	return true;
}

static void say_ehlo(struct session *s, const struct milter_verdict *v)
{
	struct arena *a = s->server->scratch;
	struct reply r = { .code = 250 };

	if (filters_refuse_client(s, v))
		return;
	r.text = filters_standing(s) != NULL ? short_text(s, a)
					     : ehlo_text(s, a);
	session_reply(s, &r);
}

void cmd_ehlo(struct session *s, struct slice args)
{
	if (!take_hello(s, args))
		return;
	s->is_esmtp = true;
	filters_hello(s, say_ehlo);
}

static void say_helo(struct session *s, const struct milter_verdict *v)
{
	struct reply r = { .code = 250,
			   .text = slice_of(s->server->conf->hostname) };

	if (!filters_refuse_client(s, v))
		session_reply(s, &r);
}

void cmd_helo(struct session *s, struct slice args)
{
	if (!take_hello(s, args))
		return;
	s->is_esmtp = false;
	filters_hello(s, say_helo);
}
