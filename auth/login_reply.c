#include "auth/login_reply.h"

#include "auth/auth_line.h"

/* What code= of a FAIL means; any other is a plain failure. Dovecot 2.2 says
 * the same as flags. */
static const struct {
	struct slice code, flag;
	enum login_verdict verdict;
} codes[] = {
	{ SLICE("temp_fail"), SLICE("temp"), LOGIN_UNAVAILABLE },
	{ SLICE("user_disabled"), SLICE("user_disabled"), LOGIN_DISABLED },
	{ SLICE("pass_expired"), SLICE("pass_expired"), LOGIN_EXPIRED },
	{ SLICE("invalid_base64"), SLICE("invalid_base64"), LOGIN_MALFORMED },
};

/*
 * An OK with one of these lets nobody in: `proxy` says that another server is
 * to check the password, and often that this one did not.
 */
static const struct slice refusals[] = {
	SLICE("nologin"),
	SLICE("anonymous"),
	SLICE("proxy"),
};

/* Never handed on: a whole JWT, a password, SASL data. */
static const struct slice secrets[] = {
	SLICE("token"),
	SLICE("pass"),
	SLICE("resp"),
};

static bool is_among(struct slice name, const struct slice *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(name, names[i]))
			return true;
	return false;
}

/* reason= is meant for the client, as text of a reply: RFC 5321 4.2 wants
 * printable ASCII. */
static void set_text(struct login_reply *reply, struct slice reason)
{
	size_t out = 0;

	for (size_t i = 0; i < reason.n && out < sizeof(reply->text); i++) {
		char octet = reason.p[i];

		if (slice_has_control((struct slice){ &octet, 1 }))
			continue;
		if (slice_has_high((struct slice){ &octet, 1 }))
			octet = '?';
		reply->text[out++] = octet;
	}
	reply->result.text = (struct slice){ reply->text, out };
}

static void read_cont(struct auth_reader *reader, struct login_reply *reply)
{
	struct slice word, name, value;

	reply->result.verdict = LOGIN_CONTINUE;
	if (auth_reader_next(reader, &word))
		reply->result.text = word;
	if (!auth_is_base64(reply->result.text)) {
		reply->result.verdict = LOGIN_UNAVAILABLE;
		reply->result.text = S("");
		return;
	}
	while (auth_reader_next(reader, &word)) {
		auth_split(word, &name, &value);
		if (slice_equal(name, S("channel_binding")))
			reply->result.channel_binding = value;
	}
}

static void add_field(struct login_reply *reply, struct slice name,
		      struct slice value)
{
	struct login_result *result = &reply->result;

	if (name.n == 0 || result->field_count == LOGIN_REPLY_FIELDS ||
	    is_among(name, secrets, sizeof(secrets) / sizeof(secrets[0])))
		return;
	reply->fields[result->field_count++] =
		(struct login_field){ name, value };
	result->fields = reply->fields;
}

static void read_ok(struct auth_reader *reader, struct login_reply *reply)
{
	struct login_result *result = &reply->result;
	struct slice word, name, value;
	bool is_refusal = false;

	while (auth_reader_next(reader, &word)) {
		auth_split(word, &name, &value);
		if (is_among(name, refusals,
			     sizeof(refusals) / sizeof(refusals[0])))
			is_refusal = true;
		else if (slice_equal(name, S("user")))
			result->user = value;
		else if (slice_equal(name, S("auth_user")))
			result->master = value;
		else if (slice_equal(name, S("reason")))
			set_text(reply, value);
		else
			add_field(reply, name, value);
	}
	result->verdict =
		is_refusal || result->user.n == 0 ? LOGIN_DISABLED : LOGIN_OK;
}

static void read_code(struct login_result *result, struct slice name,
		      struct slice value)
{
	bool is_code = slice_equal(name, S("code"));

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (is_code ? slice_equal(value, codes[i].code)
			    : slice_equal(name, codes[i].flag))
			result->verdict = codes[i].verdict;
}

static void read_fail(struct auth_reader *reader, struct login_reply *reply)
{
	struct slice word, name, value;

	reply->result.verdict = LOGIN_FAILED;
	while (auth_reader_next(reader, &word)) {
		auth_split(word, &name, &value);
		if (slice_equal(name, S("user")))
			reply->result.user = value;
		else if (slice_equal(name, S("reason")))
			set_text(reply, value);
		else
			read_code(&reply->result, name, value);
	}
}

bool login_reply_parse(char *line, size_t octets, struct login_reply *ret_reply)
{
	struct auth_reader reader = auth_reader_of(line, octets);
	struct slice command;

	ret_reply->result = (struct login_result){ 0 };
	if (!auth_reader_next(&reader, &command) ||
	    !auth_reader_next_id(&reader, &ret_reply->id))
		return false;
	if (slice_equal(command, S("CONT")))
		read_cont(&reader, ret_reply);
	else if (slice_equal(command, S("OK")))
		read_ok(&reader, ret_reply);
	else if (slice_equal(command, S("FAIL")))
		read_fail(&reader, ret_reply);
	else
		return false;
	return true;
}
