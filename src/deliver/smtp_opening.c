#include "deliver/smtp_opening.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HOSTNAME_OCTETS = 255, LOGIN_OCTETS = 2 * SMTP_LOGIN_OCTETS };

struct smtp_opening {
	enum smtp_state state;
	enum smtp_tls tls;
	bool is_secure;
	bool is_helo; /* EHLO was not understood */
	char hostname[HOSTNAME_OCTETS + 1];
	struct smtp_features features;
	struct smtp_login login; /* in secrets */
	char secrets[LOGIN_OCTETS];
	struct smtp_login_step step;
};

static struct slice keep(char *to, struct slice s)
{
	s = slice_head(s, SMTP_LOGIN_OCTETS);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return (struct slice){ to, s.n };
}

struct smtp_opening *smtp_opening_new(const char *hostname, enum smtp_tls tls,
				      const struct smtp_login *login)
{
	struct smtp_opening *o = mem_new(sizeof(*o));

	o->tls = tls;
	smtp_features_init(&o->features);
	(void)snprintf(o->hostname, sizeof(o->hostname), "%s", hostname);
	o->login.user = keep(o->secrets, login->user);
	o->login.password =
		keep(o->secrets + SMTP_LOGIN_OCTETS, login->password);
	return o;
}

void smtp_opening_free(struct smtp_opening **opening)
{
	if (*opening == NULL)
		return;
	explicit_bzero((*opening)->secrets, LOGIN_OCTETS);
	mem_free(opening);
}

enum smtp_state smtp_opening_state(const struct smtp_opening *o)
{
	return o->state;
}

const struct smtp_features *smtp_opening_features(const struct smtp_opening *o)
{
	return &o->features;
}

static void say_hello(struct smtp_opening *o, struct lmtp_commands *out)
{
	lmtp_commands_add(out, "%s %s\r\n", o->is_helo ? "HELO" : "EHLO",
			  o->hostname);
	o->state = SMTP_HELLO;
}

void smtp_opening_secure(struct smtp_opening *o, struct lmtp_commands *out)
{
	assert(o->state == SMTP_HANDSHAKE || o->state == SMTP_GREETING);
	o->is_secure = true;
	smtp_features_init(&o->features);
	o->step.mechanism = SMTP_LOGIN_NONE;
	if (o->state == SMTP_HANDSHAKE)
		say_hello(o, out);
}

static bool failed(enum smtp_end end, const char *what,
		   struct smtp_failure *ret_failure)
{
	*ret_failure = (struct smtp_failure){ .end = end, .what = what };
	return false;
}

static bool take_greeting(struct smtp_opening *o, const struct reply *r,
			  struct lmtp_commands *out, struct smtp_failure *f)
{
	if (r->code >= 400)
		return failed(SMTP_END_UNWILLING, NULL, f);
	if (r->code != 220)
		return failed(SMTP_END_NONSENSE, "this is no greeting", f);
	say_hello(o, out);
	return true;
}

/* Never in plain text. */
static bool begin_login(struct smtp_opening *o, struct lmtp_commands *out,
			struct smtp_failure *f)
{
	if (o->login.user.n == 0) {
		o->state = SMTP_IDLE;
		return true;
	}
	if (!o->is_secure)
		return failed(SMTP_END_LOGIN, "no login without TLS", f);
	if (o->step.mechanism == SMTP_LOGIN_NONE)
		return failed(SMTP_END_LOGIN,
			      "no way to log in that we know is offered", f);
	smtp_login_begin(&o->step, &o->login, out);
	o->state = SMTP_LOGGING_IN;
	return true;
}

/* What it offers is known. */
static bool take_features(struct smtp_opening *o, struct lmtp_commands *out,
			  struct smtp_failure *f)
{
	if (o->is_secure || o->tls == SMTP_TLS_NEVER ||
	    (o->tls == SMTP_TLS_IF_OFFERED && !o->features.has_starttls))
		return begin_login(o, out, f);
	if (!o->features.has_starttls)
		return failed(SMTP_END_TLS_MISSING,
			      "TLS is demanded, and not offered", f);
	lmtp_commands_add(out, "STARTTLS\r\n");
	o->state = SMTP_STARTTLS;
	return true;
}

static bool take_hello(struct smtp_opening *o, const struct reply *r,
		       struct lmtp_commands *out, struct smtp_failure *f)
{
	bool is_unknown = r->code == 500 || r->code == 502 || r->code == 504;

	if (r->code == 250) {
		if (!o->is_helo) {
			smtp_features_parse(r->text, &o->features);
			o->step.mechanism = smtp_login_choose(r->text);
		}
		return take_features(o, out, f);
	}
	if (is_unknown && !o->is_helo) {
		o->is_helo = true;
		say_hello(o, out);
		return true;
	}
	if (r->code >= 400)
		return failed(SMTP_END_UNWILLING, NULL, f);
	return failed(SMTP_END_NONSENSE, "this is no answer to EHLO", f);
}

static bool take_starttls(struct smtp_opening *o, const struct reply *r,
			  struct lmtp_commands *out, struct smtp_failure *f)
{
	if (r->code == 220) {
		o->state = SMTP_HANDSHAKE;
		return true;
	}
	if (r->code < 400)
		return failed(SMTP_END_NONSENSE,
			      "this is no answer to STARTTLS", f);
	if (o->tls == SMTP_TLS_DEMANDED)
		return failed(SMTP_END_TLS_MISSING, "STARTTLS was refused", f);
	return begin_login(o, out, f); /* opportunistic: RFC 3207 4.1 */
}

static bool take_login(struct smtp_opening *o, const struct reply *r,
		       struct lmtp_commands *out, struct smtp_failure *f)
{
	if (r->code / 100 == 2) {
		o->state = SMTP_IDLE;
		return true;
	}
	if (r->code == 334 && smtp_login_answer(&o->step, &o->login, out))
		return true;
	return failed(SMTP_END_LOGIN, "the login was refused", f);
}

bool smtp_opening_take(struct smtp_opening *o, const struct reply *reply,
		       struct lmtp_commands *out,
		       struct smtp_failure *ret_failure)
{
	switch (o->state) {
	case SMTP_GREETING:
		return take_greeting(o, reply, out, ret_failure);
	case SMTP_HELLO:
		return take_hello(o, reply, out, ret_failure);
	case SMTP_STARTTLS:
		return take_starttls(o, reply, out, ret_failure);
	case SMTP_LOGGING_IN:
		return take_login(o, reply, out, ret_failure);
	case SMTP_HANDSHAKE:
	case SMTP_IDLE:
	case SMTP_TRANSACTION:
	case SMTP_RESETTING:
	case SMTP_QUITTING:
	case SMTP_ENDED:
		break;
	}
	return failed(SMTP_END_NONSENSE, "the server spoke out of turn",
		      ret_failure);
}
