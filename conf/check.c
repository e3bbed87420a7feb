#include "conf/check.h"

#include "base/mem.h"
#include "conf/database.h"
#include "conf/endpoint.h"
#include "conf/network.h"
#include "conf/value.h"
#include "smtp/name.h"

#include <string.h>
#include <sys/socket.h>

enum { MACRO_NAME_OCTETS = 64, MACRO_VALUE_OCTETS = 500 };

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

static bool check_path_or_none(const struct check_place *at, const char *value)
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

static bool check_sender_check(const struct check_place *at, const char *value)
{
	static const char *const ways[] = { "enforce", "log", "off", NULL };

	return is_one_of(value, ways) ||
	       CHECK_NO(at, "\"%s\" is none of enforce, log, off", value);
}

static bool check_listen(const struct check_place *at, const char *value)
{
	return value_is_address_port(slice_of(value)) ||
	       CHECK_NO(at,
			"\"%s\" is no ADDRESS:PORT; write it like "
			"192.0.2.1:25 or [2001:db8::1]:25",
			value);
}

static bool check_resolver(const struct check_place *at, const char *value)
{
	struct slice address = slice_of(value), port;
	bool has_port = slice_cut(address, '@', &address, &port);
	uint64_t number;

	if ((value_is_address(AF_INET, address) ||
	     value_is_address(AF_INET6, address)) &&
	    (!has_port || (slice_to_u64(port, 65535, &number) && number > 0)))
		return true;
	return CHECK_NO(at,
			"\"%s\" is no resolver's address; write one like "
			"127.0.0.1 or 192.0.2.1@5353",
			value);
}

static bool check_fallback(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "local", "system", "recursion",
					     NULL };

	return is_one_of(value, words) || check_resolver(at, value);
}

static bool check_ipv6(const struct check_place *at, const char *value)
{
	if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 ||
	    strcmp(value, "auto") == 0)
		return true;
	return CHECK_NO(at, "\"%s\" is none of yes, no, auto", value);
}

static bool check_network(const struct check_place *at, const char *value)
{
	struct network network;

	return network_parse(slice_of(value), &network) ||
	       CHECK_NO(at,
			"\"%s\" is no network; write one like 192.0.2.0/24, "
			"2001:db8::/32 or 192.0.2.1",
			value);
}

static bool check_spf_fail(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "reject", "mark", NULL };

	return is_one_of(value, words) ||
	       CHECK_NO(at, "\"%s\" is not known; reject or mark", value);
}

static bool check_dmarc(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "enforce", "mark", NULL };

	return is_one_of(value, words) ||
	       CHECK_NO(at, "\"%s\" is not known; enforce or mark", value);
}

static bool check_address4(const struct check_place *at, const char *value)
{
	if (value[0] == '\0' || value_is_address(AF_INET, slice_of(value)))
		return true;
	return CHECK_NO(at, "\"%s\" is no IPv4 address", value);
}

static bool check_address6(const struct check_place *at, const char *value)
{
	if (value[0] == '\0' || value_is_address(AF_INET6, slice_of(value)))
		return true;
	return CHECK_NO(at, "\"%s\" is no IPv6 address", value);
}

/* The value stays out of the log: it may have a password. */
static bool check_database(const struct check_place *at, const char *value)
{
	struct database d;
	const char *problem = database_parse(slice_of(value), &d);

	return value[0] == '\0' || problem == NULL ||
	       CHECK_NO(at, "%s", problem);
}

/* --- of a block milter -------------------------------------------------------- */

static bool check_endpoint(const struct check_place *at, const char *value)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct endpoint e;
	const char *problem = endpoint_parse(slice_of(value), a, &e);

	return problem == NULL ||
	       CHECK_NO(at,
			"\"%s\" %s; write /PATH, unix:/PATH, inet:HOST:PORT "
			"or inet:PORT@HOST",
			value, problem);
}

static bool check_on_failure(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "tempfail", "accept", "reject",
					     "quarantine", NULL };

	return is_one_of(value, words) ||
	       CHECK_NO(at,
			"\"%s\" is not known; tempfail, accept, reject or "
			"quarantine",
			value);
}

static bool check_listener(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "smtp", "submission", "local",
					     NULL };

	return is_one_of(value, words) ||
	       CHECK_NO(at, "\"%s\" is not known; smtp, submission or local",
			value);
}

static bool check_protocol(const struct check_place *at, const char *value)
{
	return strcmp(value, "5") != 0 ||
	       CHECK_NO(at, "there is no version 5; 2, 3, 4 or 6");
}

static bool check_header_index(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "live", "original", NULL };

	return is_one_of(value, words) ||
	       CHECK_NO(at, "\"%s\" is not known; live or original", value);
}

/* "i" or "{auth_authen}": as on the wire. */
static bool is_macro_name(struct slice name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char more[] = "0123456789_-.:";

	if (name.n == 1)
		return strchr(letters, name.p[0]) != NULL;
	if (name.n < 3 || name.n > MACRO_NAME_OCTETS || name.p[0] != '{' ||
	    name.p[name.n - 1] != '}')
		return false;
	for (size_t i = 1; i < name.n - 1; i++)
		if (strchr(letters, name.p[i]) == NULL &&
		    strchr(more, name.p[i]) == NULL)
			return false;
	return true;
}

static bool check_macro(const struct check_place *at, const char *value)
{
	struct slice name, text;

	(void)slice_cut(slice_of(value), '=', &name, &text);
	if (!is_macro_name(name))
		return CHECK_NO(at,
				"\"%.80s\" has no macro's name; write "
				"\"{name}=value\" or \"{name}\", a single "
				"letter without braces",
				value);
	if (text.n > MACRO_VALUE_OCTETS)
		return CHECK_NO(at,
				"\"%.80s...\" is too long; at most %d octets",
				value, MACRO_VALUE_OCTETS);
	return true;
}

/* --- of a block smarthost ------------------------------------------------------- */

static bool is_address(struct slice text)
{
	if (slice_starts(text, S("[")) && text.p[text.n - 1] == ']')
		return value_is_address(
			AF_INET6, slice_tail(slice_head(text, text.n - 1), 1));
	return value_is_address(AF_INET, text);
}

/* "mail.example.com:587" and "mx/mx" are no names. */
static bool check_smarthost(const struct check_place *at, const char *value)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct slice text = slice_of(value), name;

	if (is_address(text) ||
	    (!name_is_literal(text) && name_domain(text, a, &name) == 0))
		return true;
	return CHECK_NO(at,
			"\"%s\" is no host; write a name like "
			"mail.example.net or an address, IPv6 in brackets; "
			"its port stands in port",
			value);
}

static bool check_tls(const struct check_place *at, const char *value)
{
	static const char *const words[] = { "auto", "starttls", "immediate",
					     NULL };

	return is_one_of(value, words) ||
	       CHECK_NO(at, "\"%s\" is not known; auto, starttls or immediate",
			value);
}

static bool check_user(const struct check_place *at, const char *value)
{
	return value[0] != '\0' ||
	       CHECK_NO(at,
			"it is empty; leave it out where there is no login");
}

/* --- all of them ---------------------------------------------------------------- */

static const struct {
	const char *setting;
	bool (*check)(const struct check_place *at, const char *value);
} checks[] = {
	{ "hostname", check_hostname },
	{ "mailname", check_hostname },
	{ "system_aliases", check_path_or_none },
	{ "queue_database", check_database },
	{ "state_dir", check_path },
	{ "run_dir", check_path },
	{ "dovecot_auth_client", check_path_or_none },
	{ "dovecot_auth_userdb", check_path_or_none },
	{ "dovecot_lmtp", check_lmtp },
	{ "recipient_delimiter", check_marks },
	{ "drop_characters", check_marks },
	{ "log", check_log },
	{ "log_level", check_log_level },
	{ "sender_check", check_sender_check },
	{ "listen_smtp", check_listen },
	{ "listen_submission", check_listen },
	{ "listen_submissions", check_listen },
	{ "resolver", check_resolver },
	{ "resolver_fallback", check_fallback },
	{ "outbound_ipv6", check_ipv6 },
	{ "trusted_networks", check_network },
	{ "spf_fail", check_spf_fail },
	{ "dmarc", check_dmarc },
	{ "outbound_address4", check_address4 },
	{ "outbound_address6", check_address6 },
	{ "trust_anchor", check_path_or_none },
	{ "ca_file", check_path_or_none },
	{ "socket", check_endpoint },
	{ "on_failure", check_on_failure },
	{ "listeners", check_listener },
	{ "macros", check_macro },
	{ "protocol", check_protocol },
	{ "header_index", check_header_index },
	{ "host", check_smarthost },
	{ "tls", check_tls },
	{ "user", check_user },
	{ "password_file", check_path },
};

bool check_value(const struct check_place *at, const char *value)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		if (strcmp(checks[i].setting, at->setting) == 0)
			return checks[i].check(at, value);
	return true;
}
