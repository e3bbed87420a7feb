/* What filters may know: macros by the names of sendmail and Postfix. */
#include "receive/filters-private.h"

#include "base/clock.h"
#include "mail/date.h"
#include "smtp/xtext.h"

#include <time.h>

typedef struct slice macro_value(const struct session *s, struct arena *a);

static const struct slice none = { .p = NULL, .n = 0 };

/* --- who we are ------------------------------------------------------------------- */

static struct slice our_name(const struct session *s, struct arena *a)
{
	(void)a;
	return slice_of(s->server->conf->hostname);
}

static struct slice our_version(const struct session *s, struct arena *a)
{
	(void)s;
	(void)a;
	return S("Culver " PACKAGE_VERSION);
}

/* As Received has it: RFC 5321 4.1.3. */
static struct slice tagged(struct slice address, struct arena *a)
{
	if (slice_find(address, ':') == address.n)
		return address;
	return arena_join(a, (const struct slice[]){ S("IPv6:"), address }, 2);
}

static struct slice our_address(const struct session *s, struct arena *a)
{
	uint16_t port;

	return tagged(session_local_address(s, a, &port), a);
}

static struct slice our_port(const struct session *s, struct arena *a)
{
	uint16_t port = 0;

	(void)session_local_address(s, a, &port);
	return arena_format(a, "%u", port);
}

/* --- the client -------------------------------------------------------------------- */

static struct slice client_address(const struct session *s, struct arena *a)
{
	return tagged(session_peer_text(&s->peer, a), a);
}

static struct slice client_port(const struct session *s, struct arena *a)
{
	return arena_format(a, "%u", session_peer_port(&s->peer));
}

/* Nobody has looked for a name. */
static struct slice client_name(const struct session *s, struct arena *a)
{
	(void)a;
	return session_is_local(s) ? S("localhost") : S("unknown");
}

static struct slice client_resolve(const struct session *s, struct arena *a)
{
	(void)a;
	return session_is_local(s) ? S("OK") : S("FAIL");
}

static struct slice client_whole(const struct session *s, struct arena *a)
{
	const struct slice parts[] = { client_name(s, a), S(" ["),
				       session_peer_text(&s->peer, a), S("]") };

	return arena_join(a, parts, 4);
}

static struct slice client_connections(const struct session *s, struct arena *a)
{
	if (s->server->census == NULL)
		return none;
	return arena_format(a, "%u",
			    census_from(s->server->census, &s->peer.any));
}

static struct slice hello_name(const struct session *s, struct arena *a)
{
	(void)a;
	return filters_hello_name(s);
}

static struct slice protocol(const struct session *s, struct arena *a)
{
	(void)a;
	return s->is_esmtp ? S("ESMTP") : S("SMTP");
}

static struct slice tls_version(const struct session *s, struct arena *a)
{
	(void)a;
	return stream_tls_version(s->stream);
}

static struct slice tls_cipher(const struct session *s, struct arena *a)
{
	(void)a;
	return stream_tls_cipher(s->stream);
}

static struct slice tls_cipher_bits(const struct session *s, struct arena *a)
{
	if (!stream_is_tls(s->stream))
		return none;
	return arena_format(a, "%u", stream_tls_cipher_bits(s->stream));
}

static struct slice tls_server_name(const struct session *s, struct arena *a)
{
	(void)a;
	return stream_tls_server_name(s->stream);
}

/* --- the login ---------------------------------------------------------------------- */

static struct slice login_mechanism(const struct session *s, struct arena *a)
{
	(void)a;
	return slice_of(s->login != NULL ? s->mechanism : NULL);
}

static struct slice login_name(const struct session *s, struct arena *a)
{
	(void)a;
	return slice_of(s->login);
}

/* AUTH= of MAIL: RFC 4954 5. */
static struct slice login_author(const struct session *s, struct arena *a)
{
	const struct filter_words *w = &s->filters->mail;
	struct slice text;

	for (size_t i = 0; s->tx != NULL && i < w->param_count; i++)
		if (slice_starts_nocase(w->params[i], S("AUTH=")) &&
		    xtext_decode(slice_tail(w->params[i], 5), a, &text) &&
		    !slice_equal(text, S("<>")))
			return text;
	return none;
}

/* --- the transaction ------------------------------------------------------------------ */

static struct slice trace(const struct session *s, struct arena *a)
{
	(void)a;
	return s->tx != NULL ? s->tx->trace : none;
}

static struct slice without_brackets(struct slice path)
{
	return path.n < 2 ? none : slice_head(slice_tail(path, 1), path.n - 2);
}

static struct slice host_of(struct slice address)
{
	size_t at = slice_find_last(address, '@');

	return slice_tail(address, at + 1);
}

/* The null sender's is there, and empty. */
static struct slice mail_address(const struct session *s, struct arena *a)
{
	(void)a;
	return s->tx != NULL ? without_brackets(s->filters->mail.path) : none;
}

static struct slice mail_host(const struct session *s, struct arena *a)
{
	return host_of(mail_address(s, a));
}

static struct slice mail_mailer(const struct session *s, struct arena *a)
{
	(void)a;
	if (s->tx == NULL || s->tx->reverse_path.n == 0)
		return none;
	return domains_is_local(s->server->domains,
				host_of(s->tx->reverse_path))
		       ? S("local")
		       : S("smtp");
}

/* A refused recipient's macros tell why: sendmail's way. */
static struct slice rcpt_address(const struct session *s, struct arena *a)
{
	(void)a;
	if (s->tx == NULL)
		return none;
	return s->tx->refusal != NULL ? s->tx->refusal->text
				      : without_brackets(s->filters->rcpt.path);
}

static struct slice rcpt_host(const struct session *s, struct arena *a)
{
	const struct reply *r = s->tx != NULL ? s->tx->refusal : NULL;

	if (r != NULL)
		return arena_format(a, "%u.%u.%u", r->status[0], r->status[1],
				    r->status[2]);
	return host_of(rcpt_address(s, a));
}

static struct slice rcpt_mailer(const struct session *s, struct arena *a)
{
	(void)a;
	if (s->tx == NULL || s->filters->rcpt.path.n == 0)
		return none;
	return s->tx->refusal != NULL ? S("error") : S("local");
}

static struct slice message_id(const struct session *s, struct arena *a)
{
	const struct milter_message *m = s->tx != NULL ? s->tx->message : NULL;
	size_t count = m != NULL ? milter_message_field_count(m) : 0;

	(void)a;
	for (size_t i = 0; i < count; i++) {
		const struct milter_field *f = milter_message_field(m, i);

		if (slice_equal_nocase(f->name, S("Message-ID")))
			return slice_find(f->value, '\r') == f->value.n
				       ? slice_trim(f->value)
				       : none;
	}
	return none;
}

static struct slice message_octets(const struct session *s, struct arena *a)
{
	if (s->tx == NULL)
		return none;
	return arena_format(a, "%ju",
			    (uintmax_t)(s->tx->message != NULL
						? s->tx->data.octets
						: s->tx->mail.size));
}

/* --- the time --------------------------------------------------------------------------- */

static struct slice date(const struct session *s, struct arena *a)
{
	char text[DATE_OCTETS];

	(void)s;
	date_format(clock_wall_s(), text);
	return arena_copy(a, slice_of(text));
}

static struct slice time_digits(const struct session *s, struct arena *a)
{
	time_t now = clock_wall_s();
	char text[16] = "";
	struct tm tm;

	(void)s;
	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y%m%d%H%M", &tm);
	return arena_copy(a, slice_of(text));
}

/* --- by name ------------------------------------------------------------------------------ */

static const struct macro {
	struct slice name;
	macro_value *value;
} macros[] = {
	{ SLICE("i"), trace },
	{ SLICE("j"), our_name },
	{ SLICE("_"), client_whole },
	{ SLICE("v"), our_version },
	{ SLICE("Z"), our_version },
	{ SLICE("b"), date },
	{ SLICE("t"), time_digits },
	{ SLICE("r"), protocol },
	{ SLICE("s"), hello_name },
	{ SLICE("{daemon_name}"), our_name },
	{ SLICE("{daemon_addr}"), our_address },
	{ SLICE("{daemon_port}"), our_port },
	{ SLICE("{if_name}"), our_name },
	{ SLICE("{if_addr}"), our_address },
	{ SLICE("{client_addr}"), client_address },
	{ SLICE("{client_port}"), client_port },
	{ SLICE("{client_name}"), client_name },
	{ SLICE("{client_ptr}"), client_name },
	{ SLICE("{client_resolve}"), client_resolve },
	{ SLICE("{client_connections}"), client_connections },
	{ SLICE("{tls_version}"), tls_version },
	{ SLICE("{cipher}"), tls_cipher },
	{ SLICE("{cipher_bits}"), tls_cipher_bits },
	{ SLICE("{tls_sni}"), tls_server_name },
	{ SLICE("{auth_type}"), login_mechanism },
	{ SLICE("{auth_authen}"), login_name },
	{ SLICE("{auth_author}"), login_author },
	{ SLICE("{mail_addr}"), mail_address },
	{ SLICE("{mail_host}"), mail_host },
	{ SLICE("{mail_mailer}"), mail_mailer },
	{ SLICE("{rcpt_addr}"), rcpt_address },
	{ SLICE("{rcpt_host}"), rcpt_host },
	{ SLICE("{rcpt_mailer}"), rcpt_mailer },
	{ SLICE("{msg_id}"), message_id },
	{ SLICE("{msg_size}"), message_octets },
};

/* An empty value is none, but for the sender's. */
static bool may_be_empty(const struct session *s, const struct macro *m)
{
	return m->value == mail_address && s->tx != NULL;
}

bool filter_macro(enum milter_stage stage, struct slice name,
		  struct arena *arena, struct slice *ret_value, void *arg)
{
	const struct session *s = arg;

	(void)stage;
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		const struct macro *m = &macros[i];
		struct slice value;

		if (!slice_equal(m->name, name))
			continue;
		value = m->value(s, arena);
		if (value.n == 0 && !may_be_empty(s, m))
			return false;
		*ret_value = value;
		return true;
	}
	return false;
}
