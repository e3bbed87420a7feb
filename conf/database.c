#include "conf/database.h"

#include "conf/value.h"

#include <sys/socket.h>
#include <sys/stat.h>

enum { USUAL_PORT = 5432 };

/* What stands where a host can stand, in the URI or in its parameters. */
struct place {
	struct slice host, address, port;
};

static bool is_address(struct slice s)
{
	return value_is_address(AF_INET, s) || value_is_address(AF_INET6, s);
}

/* Percents: a path in the place of a host is written so. */
static bool is_path(struct slice s)
{
	return slice_starts(s, S("/")) || slice_starts_nocase(s, S("%2F"));
}

/* HOST:PORT, [HOST]:PORT, either part absent. */
static const char *parse_host(struct slice text, struct place *place)
{
	size_t colon = slice_find_last(text, ':');

	if (slice_starts(text, S("["))) {
		size_t end = slice_find(text, ']');

		if (end == text.n)
			return "has a [ without its ]";
		place->host = slice_tail(slice_head(text, end), 1);
		text = slice_tail(text, end + 1);
		colon = slice_find(text, ':');
		if (colon > 0 && text.n > 0)
			return "has something between ] and :";
	} else {
		place->host = slice_head(text, colon);
	}
	place->port = slice_tail(text, colon + 1);
	return NULL;
}

static bool is_known(struct slice key)
{
	static const char *const known[] = {
		"application_name", "sslcert",     "sslkey",
		"sslmode",          "sslrootcert", "target_session_attrs",
		"channel_binding",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (slice_equal(key, slice_of(known[i])))
			return true;
	return false;
}

static const char *parse_parameters(struct slice text, struct place *place)
{
	while (text.n > 0) {
		struct slice pair, key, value;

		(void)slice_cut(text, '&', &pair, &text);
		if (!slice_cut(pair, '=', &key, &value) || value.n == 0)
			return "has a parameter that is no KEY=VALUE";
		if (slice_equal(key, S("host")))
			place->host = value;
		else if (slice_equal(key, S("hostaddr")))
			place->address = value;
		else if (slice_equal(key, S("port")))
			place->port = value;
		else if (slice_equal(key, S("password")))
			return "has its password in a parameter; write "
			       "USER:PASSWORD@";
		else if (!is_known(key))
			return "has a parameter that is not understood here; "
			       "host, hostaddr, port, sslmode, sslrootcert, "
			       "sslcert, sslkey, channel_binding, "
			       "application_name and target_session_attrs are";
	}
	return NULL;
}

static const char *judge(const struct place *place, struct database *d)
{
	struct slice address = place->address;
	uint64_t port = USUAL_PORT;

	if (place->port.n > 0 &&
	    (!slice_to_u64(place->port, 65535, &port) || port == 0))
		return "has no port; 1 to 65535, and one host only";
	d->port = (uint16_t)port;
	d->is_unix = address.n == 0 && is_path(place->host);
	if (d->is_unix)
		return NULL;
	if (address.n == 0)
		address = place->host;
	if (address.n == 0)
		return "has no host; write ?host=/run/postgresql for the "
		       "socket of this machine";
	if (!is_address(address))
		return "has a host's name, which is not looked up; write its "
		       "address, or add hostaddr=ADDRESS";
	d->is_loopback = slice_starts(address, S("127.")) ||
			 slice_equal(address, S("::1"));
	return NULL;
}

const char *database_parse(struct slice text, struct database *ret_database)
{
	struct place place = { .port = { NULL, 0 } };
	struct slice user, host, name, parameters = { NULL, 0 };
	const char *problem;
	size_t at;

	*ret_database = (struct database){ .is_unix = false };
	if (slice_has_control(text) || slice_has_high(text) ||
	    slice_find(text, ' ') < text.n)
		return "has octets that belong written as %XX";
	if (!slice_starts(text, S("postgresql://")))
		return "does not begin with postgresql://";
	text = slice_tail(text, sizeof("postgresql://") - 1);
	(void)slice_cut(text, '?', &text, &parameters);
	at = slice_find(text, '@');
	if (at == 0 || at == text.n)
		return "has no user; write postgresql://USER@...";
	user = slice_head(text, at);
	ret_database->has_password = slice_find(user, ':') < user.n;
	if (!slice_cut(slice_tail(text, at + 1), '/', &host, &name) ||
	    name.n == 0)
		return "has no name of a database; write it as "
		       "postgresql://USER@HOST/NAME";
	problem = parse_host(host, &place);
	if (problem == NULL)
		problem = parse_parameters(parameters, &place);
	return problem != NULL ? problem : judge(&place, ret_database);
}

void database_warn_readable(const struct conf *conf, const char *file,
			    struct conf_errors *errors)
{
	struct database d;
	struct stat st;

	if (database_parse(slice_of(conf->queue_database), &d) == NULL &&
	    d.has_password && stat(file, &st) == 0 &&
	    (st.st_mode & S_IROTH) != 0)
		conf_errors_warn(errors, file, 0, "queue_database",
				 "has a password, and everybody may read this "
				 "file; chmod 640");
}
