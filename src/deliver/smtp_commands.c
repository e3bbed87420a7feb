#include "deliver/smtp_commands.h"

#include "deliver/smtp_fit.h"

enum {
	ENVID_OCTETS = 300, /* encoded; RFC 3461 4.4 has 100 */
	ORCPT_OCTETS = 500, /* encoded; RFC 3461 4.2 */
};

/* Text without NUL: an address, or what xtext has made. */
static void add(struct lmtp_commands *to, const char *before, struct slice s)
{
	lmtp_commands_add(to, "%s%.*s", before, (int)s.n, s.n > 0 ? s.p : "");
}

static void add_path(struct lmtp_commands *to, const char *verb,
		     struct slice address, struct arena *arena)
{
	add(to, verb, smtp_fit_address(address, arena));
	lmtp_commands_add(to, ">");
}

static void add_envid(struct lmtp_commands *to, struct slice envid,
		      struct arena *arena)
{
	if (envid.n == 0 || envid.n > ENVID_OCTETS)
		return;
	envid = xtext_encode(envid, arena);
	if (envid.n <= ENVID_OCTETS)
		add(to, " ENVID=", envid);
}

static void add_ret(struct lmtp_commands *to, enum dsn_ret ret)
{
	switch (ret) {
	case DSN_RET_NONE:
		break;
	case DSN_RET_FULL:
		lmtp_commands_add(to, " RET=FULL");
		break;
	case DSN_RET_HDRS:
		lmtp_commands_add(to, " RET=HDRS");
		break;
	}
}

void smtp_commands_add_mail(struct lmtp_commands *to,
			    const struct smtp_features *features,
			    const struct smtp_message *message, bool is_utf8,
			    struct arena *arena)
{
	add_path(to, "MAIL FROM:<", message->reverse_path, arena);
	if (features->common.has_size)
		lmtp_commands_add(to, " SIZE=%llu",
				  (unsigned long long)message->content_octets);
	if (message->is_8bit && features->common.has_8bitmime)
		lmtp_commands_add(to, " BODY=8BITMIME");
	if (is_utf8)
		lmtp_commands_add(to, " SMTPUTF8");
	if (message->requires_tls && features->has_requiretls)
		lmtp_commands_add(to, " REQUIRETLS");
	if (features->has_dsn) {
		add_ret(to, message->ret);
		add_envid(to, message->envid, arena);
	}
	lmtp_commands_add(to, "\r\n");
}

static void add_notify(struct lmtp_commands *to, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{ DSN_NOTIFY_SUCCESS, "SUCCESS" },
		{ DSN_NOTIFY_FAILURE, "FAILURE" },
		{ DSN_NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	if (notify & DSN_NOTIFY_NEVER) {
		lmtp_commands_add(to, " NOTIFY=NEVER");
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		lmtp_commands_add(to, "%s%s", before, words[i].word);
		before = ",";
	}
}

/* RFC 3461 4.2; one that is too long is left out. */
static void add_orcpt(struct lmtp_commands *to, const struct smtp_recipient *r,
		      struct arena *arena)
{
	bool is_utf8 = slice_equal_nocase(r->orcpt_type, S("utf-8"));
	struct slice text = r->orcpt;

	if (text.n == 0 || text.n > ORCPT_OCTETS || r->orcpt_type.n > 10)
		return;
	text = is_utf8 ? xtext_encode_utf8(text, arena)
		       : xtext_encode(text, arena);
	if (text.n > ORCPT_OCTETS)
		return;
	add(to, " ORCPT=", r->orcpt_type);
	add(to, ";", text);
}

void smtp_commands_add_rcpt(struct lmtp_commands *to,
			    const struct smtp_features *features,
			    const struct smtp_recipient *recipient,
			    struct arena *arena)
{
	add_path(to, "RCPT TO:<", recipient->address, arena);
	if (features->has_dsn) {
		add_notify(to, recipient->notify);
		add_orcpt(to, recipient, arena);
	}
	lmtp_commands_add(to, "\r\n");
}
