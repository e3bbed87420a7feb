#include "smtp/params.h"

enum {
	ENVID_OCTETS = 100, /* RFC 3461 4.4 */
	ORCPT_OCTETS = 500, /* RFC 3461 4.2 */
	ADDR_TYPE_OCTETS = 32,
	SIZE_DIGITS = 20, /* RFC 1870 3 */
};

/* One "KEY[=VALUE]". */
struct param {
	struct slice key;
	struct slice value;
	bool has_value;
};

/* What the parsers fill: one of the two. */
struct target {
	struct mail_params mail;
	struct rcpt_params rcpt;
	struct arena *arena;
};

typedef const struct reply *param_parse(struct slice value, struct target *t);

struct known_param {
	struct slice key;
	param_parse *parse;
	bool has_value;
};

static const struct reply *parse_size(struct slice value, struct target *t)
{
	uint64_t size;

	if (value.n == 0 || value.n > SIZE_DIGITS)
		return &REPLY_SYNTAX;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return &REPLY_SYNTAX;
	/* More than any limit, but well-formed. */
	if (!slice_to_u64(value, UINT64_MAX, &size))
		size = UINT64_MAX;
	t->mail.size = size;
	return NULL;
}

static const struct reply *parse_body(struct slice value, struct target *t)
{
	if (slice_equal_nocase(value, S("8BITMIME")))
		t->mail.is_8bit = true;
	else if (slice_equal_nocase(value, S("BINARYMIME")))
		return &REPLY_UNKNOWN_PARAMETER; /* RFC 3030 3: not offered */
	else if (!slice_equal_nocase(value, S("7BIT")))
		return &REPLY_SYNTAX;
	return NULL;
}

static const struct reply *parse_smtputf8(struct slice value, struct target *t)
{
	(void)value;
	t->mail.is_smtputf8 = true;
	return NULL;
}

static const struct reply *parse_requiretls(struct slice value,
					    struct target *t)
{
	(void)value;
	t->mail.requires_tls = true;
	return NULL;
}

static const struct reply *parse_ret(struct slice value, struct target *t)
{
	if (slice_equal_nocase(value, S("FULL")))
		t->mail.ret = DSN_RET_FULL;
	else if (slice_equal_nocase(value, S("HDRS")))
		t->mail.ret = DSN_RET_HDRS;
	else
		return &REPLY_SYNTAX;
	return NULL;
}

static const struct reply *parse_envid(struct slice value, struct target *t)
{
	struct slice envid;

	if (!xtext_decode(value, t->arena, &envid) || envid.n == 0 ||
	    envid.n > ENVID_OCTETS || slice_has_high(envid))
		return &REPLY_SYNTAX;
	t->mail.envid = envid;
	return NULL;
}

/* RFC 4954 5: checked, and then ignored, as we trust nobody's word for who
 * sent a message. */
static const struct reply *parse_auth(struct slice value, struct target *t)
{
	struct slice ignored;

	if (slice_equal(value, S("<>")) ||
	    xtext_decode(value, t->arena, &ignored))
		return NULL;
	return &REPLY_SYNTAX;
}

static unsigned notify_bit(struct slice word)
{
	if (slice_equal_nocase(word, S("NEVER")))
		return DSN_NOTIFY_NEVER;
	if (slice_equal_nocase(word, S("SUCCESS")))
		return DSN_NOTIFY_SUCCESS;
	if (slice_equal_nocase(word, S("FAILURE")))
		return DSN_NOTIFY_FAILURE;
	if (slice_equal_nocase(word, S("DELAY")))
		return DSN_NOTIFY_DELAY;
	return 0;
}

static const struct reply *parse_notify(struct slice value, struct target *t)
{
	unsigned notify = 0;
	bool more = true;

	while (more) {
		struct slice word;
		unsigned bit;

		more = slice_cut(value, ',', &word, &value);
		bit = notify_bit(word);
		if (bit == 0 || (notify & bit) != 0)
			return &REPLY_SYNTAX;
		notify |= bit;
	}
	/* RFC 3461 4.1: NEVER stands alone. */
	if ((notify & DSN_NOTIFY_NEVER) != 0 && notify != DSN_NOTIFY_NEVER)
		return &REPLY_SYNTAX;
	t->rcpt.notify = notify;
	return NULL;
}

/* A type registered for RFC 3464 2.1.2, in lower case. */
static bool read_addr_type(struct slice in, struct arena *arena,
			   struct slice *ret_type)
{
	char *type = arena_alloc(arena, in.n + 1);

	if (in.n == 0 || in.n > ADDR_TYPE_OCTETS)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		c = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-')
			return false;
		type[i] = c;
	}
	*ret_type = (struct slice){ .p = type, .n = in.n };
	return true;
}

static const struct reply *parse_orcpt(struct slice value, struct target *t)
{
	struct slice type, text;
	bool good;

	if (!slice_cut(value, ';', &type, &text) ||
	    !read_addr_type(type, t->arena, &type))
		return &REPLY_SYNTAX;
	if (slice_equal(type, S("utf-8")))
		good = xtext_decode_utf8(text, t->arena, &text);
	else
		good = xtext_decode(text, t->arena, &text) &&
		       !slice_has_high(text);
	if (!good || text.n == 0 || text.n > ORCPT_OCTETS)
		return &REPLY_SYNTAX;
	t->rcpt.orcpt_type = type;
	t->rcpt.orcpt = text;
	return NULL;
}

static const struct known_param mail_known[] = {
	{ SLICE("SIZE"), parse_size, true },
	{ SLICE("BODY"), parse_body, true },
	{ SLICE("SMTPUTF8"), parse_smtputf8, false },
	{ SLICE("REQUIRETLS"), parse_requiretls, false },
	{ SLICE("RET"), parse_ret, true },
	{ SLICE("ENVID"), parse_envid, true },
	{ SLICE("AUTH"), parse_auth, true },
};

static const struct known_param rcpt_known[] = {
	{ SLICE("NOTIFY"), parse_notify, true },
	{ SLICE("ORCPT"), parse_orcpt, true },
};

/* esmtp-keyword of RFC 5321 4.1.2. */
static bool is_keyword(struct slice key)
{
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];
		bool let_dig = (c >= 'a' && c <= 'z') ||
			       (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!let_dig && (c != '-' || i == 0))
			return false;
	}
	return key.n > 0;
}

/* esmtp-value of RFC 5321 4.1.2 and RFC 6531 3.3. */
static bool is_value(struct slice value)
{
	return value.n > 0 && slice_find(value, '=') == value.n &&
	       !slice_has_control(value) && slice_is_utf8(value);
}

/* Takes the next parameter from *in. Returns false if it is malformed. */
static bool take_param(struct slice *in, struct param *ret_param)
{
	struct param p;
	struct slice word;

	(void)slice_cut(*in, ' ', &word, in);
	p.has_value = slice_cut(word, '=', &p.key, &p.value);
	if (!is_keyword(p.key) || (p.has_value && !is_value(p.value)))
		return false;
	*ret_param = p;
	return true;
}

static const struct reply *parse_one(const struct param *p,
				     const struct known_param *known,
				     struct target *t)
{
	if (p->has_value != known->has_value)
		return &REPLY_SYNTAX;
	return known->parse(p->value, t);
}

static const struct reply *parse_all(struct slice in,
				     const struct known_param *known,
				     size_t known_count, struct target *t)
{
	unsigned seen = 0;

	if (in.n > 0 && in.p[0] != ' ')
		return &REPLY_SYNTAX;
	in = slice_trim(in);
	while (in.n > 0) {
		const struct reply *refusal;
		struct param p;
		size_t i = 0;

		if (!take_param(&in, &p))
			return &REPLY_SYNTAX;
		while (i < known_count &&
		       !slice_equal_nocase(p.key, known[i].key))
			i++;
		if (i == known_count)
			return &REPLY_UNKNOWN_PARAMETER;
		if ((seen & 1U << i) != 0)
			return &REPLY_SYNTAX;
		seen |= 1U << i;
		refusal = parse_one(&p, &known[i], t);
		if (refusal != NULL)
			return refusal;
		in = slice_trim(in);
	}
	return NULL;
}

const struct reply *params_parse_mail(struct slice in, struct arena *arena,
				      struct mail_params *ret_params)
{
	struct target t = { .arena = arena };
	const struct reply *refusal;

	refusal = parse_all(in, mail_known,
			    sizeof(mail_known) / sizeof(mail_known[0]), &t);
	if (refusal == NULL)
		*ret_params = t.mail;
	return refusal;
}

const struct reply *params_parse_rcpt(struct slice in, struct arena *arena,
				      struct rcpt_params *ret_params)
{
	struct target t = { .arena = arena };
	const struct reply *refusal;

	refusal = parse_all(in, rcpt_known,
			    sizeof(rcpt_known) / sizeof(rcpt_known[0]), &t);
	if (refusal == NULL)
		*ret_params = t.rcpt;
	return refusal;
}
