#include "auth/userdb_reply.h"

#include "auth/auth_line.h"

/* Dovecot's first_valid_uid: LMTP opens no mailbox below. */
enum { UID_FIRST = 500 };

static bool is_system_uid(struct slice value)
{
	uint64_t uid;

	return slice_to_u64(value, UINT32_MAX, &uid) && uid < UID_FIRST;
}

static void read_user(struct auth_reader *reader, struct userdb_result *result)
{
	struct slice word, name, value;

	if (!auth_reader_next(reader, &result->user) || result->user.n == 0) {
		result->reason = S("a reply without a user");
		return;
	}
	result->verdict = USERDB_FOUND;
	while (auth_reader_next(reader, &word)) {
		auth_split(word, &name, &value);
		if (slice_equal(name, S("uid")) && is_system_uid(value))
			result->verdict = USERDB_NOT_FOUND;
	}
}

static void read_fail(struct auth_reader *reader, struct userdb_result *result)
{
	struct slice word, name, value;

	while (auth_reader_next(reader, &word)) {
		auth_split(word, &name, &value);
		if (slice_equal(name, S("reason")))
			result->reason = value;
	}
}

bool userdb_reply_parse(char *line, size_t octets,
			struct userdb_reply *ret_reply)
{
	struct auth_reader reader = auth_reader_of(line, octets);
	struct userdb_result *result = &ret_reply->result;
	struct slice command;

	*result = (struct userdb_result){ .verdict = USERDB_UNAVAILABLE };
	if (!auth_reader_next(&reader, &command) ||
	    !auth_reader_next_id(&reader, &ret_reply->id))
		return false;
	if (slice_equal(command, S("USER")))
		read_user(&reader, result);
	else if (slice_equal(command, S("FAIL")))
		read_fail(&reader, result);
	else if (slice_equal(command, S("NOTFOUND")))
		result->verdict = USERDB_NOT_FOUND;
	else
		return false;
	return true;
}
