#include "conf/check.h"

#include "base/mem.h"
#include "conf/value.h"
#include "smtp/name.h"

#include <string.h>

static bool is_one_of(const char *value, const char *const *words)
{
	while (*words != NULL && strcmp(*words, value) != 0)
		words++;
	return *words != NULL;
}

static bool check_hostname(const struct check_place *at, const char *value)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct slice name;

	if (value[0] == '\0' || name_domain(slice_of(value), a, &name) == 0)
		return true;
	return CHECK_NO(
		at, "\"%s\" is no host name; write one like mail.example.com",
		value);
}

static bool check_path(const struct check_place *at, const char *value)
{
	if (value_is_path(slice_of(value)))
		return true;
	return CHECK_NO(at,
			"\"%s\" is no path from the root; it begins with a /",
			value);
}

static bool check_socket(const struct check_place *at, const char *value)
{
	return value[0] == '\0' || check_path(at, value);
}

static bool check_lmtp(const struct check_place *at, const char *value)
{
	struct slice text = slice_of(value);
	struct slice inet = S("inet:");

	if (value[0] == '\0' || value_is_path(text))
		return true;
	if (slice_starts(text, inet) &&
	    value_is_address_port(slice_tail(text, inet.n)))
		return true;
	return CHECK_NO(
		at,
		"\"%s\" is no place to deliver to; write a path from the "
		"root or inet:ADDRESS:PORT, IPv6 in brackets",
		value);
}

/* Letters and digits would tear names apart, the others mean something in an
 * address or an aliases file. */
static bool check_marks(const struct check_place *at, const char *value)
{
	static const char marks[] = "!#$%&'+-./=?^_`{|}~";

	if (value[strspn(value, marks)] == '\0')
		return true;
	return CHECK_NO(at, "\"%s\" is not allowed; any of %s", value, marks);
}

static bool check_log(const struct check_place *at, const char *value)
{
	static const char *const sinks[] = { "", "journal", "syslog", "stderr",
					     NULL };

	if (is_one_of(value, sinks) || value_is_path(slice_of(value)))
		return true;
	return CHECK_NO(
		at,
		"\"%s\" is no log; journal, syslog, stderr or a path from "
		"the root",
		value);
}

static bool check_log_level(const struct check_place *at, const char *value)
{
	static const char *const levels[] = { "error", "warning", "info",
					      "debug", NULL };

	if (is_one_of(value, levels))
		return true;
	return CHECK_NO(at, "\"%s\" is no level; error, warning, info or debug",
			value);
}

static const struct {
	const char *setting;
	bool (*check)(const struct check_place *at, const char *value);
} text_checks[] = {
	{ "hostname", check_hostname },
	{ "state_dir", check_path },
	{ "run_dir", check_path },
	{ "dovecot_auth_client", check_socket },
	{ "dovecot_auth_userdb", check_socket },
	{ "dovecot_lmtp", check_lmtp },
	{ "recipient_delimiter", check_marks },
	{ "drop_characters", check_marks },
	{ "log", check_log },
	{ "log_level", check_log_level },
};

bool check_text(const struct check_place *at, const char *value)
{
	for (size_t i = 0; i < sizeof(text_checks) / sizeof(*text_checks); i++)
		if (strcmp(text_checks[i].setting, at->setting) == 0)
			return text_checks[i].check(at, value);
	return true;
}
