#include "ctl/queue_print.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	ID_COLUMNS = 16,
	AGE_COLUMNS = 5,
	ADDRESS_COLUMNS = 30,
	TRIES_COLUMNS = 5,
	COUNT_COLUMNS = 7,
	NAME_COLUMNS = 10,
	TEXT_OCTETS = 24,
	KEY_OCTETS = 512,
	GROUPS_MAX = 1000,
	MINUTE = 60,
	HOUR = 3600,
	DAY = 86400,
};

/* "45s", "12m", "3h", "5d"; "now" for what is over. */
static const char *duration(json_int_t seconds, char text[TEXT_OCTETS])
{
	intmax_t s = seconds;

	if (s <= 0)
		return "now";
	if (s < 2 * MINUTE)
		(void)snprintf(text, TEXT_OCTETS, "%" PRIdMAX "s", s);
	else if (s < 2 * HOUR)
		(void)snprintf(text, TEXT_OCTETS, "%" PRIdMAX "m", s / MINUTE);
	else if (s < 2 * DAY)
		(void)snprintf(text, TEXT_OCTETS, "%" PRIdMAX "h", s / HOUR);
	else
		(void)snprintf(text, TEXT_OCTETS, "%" PRIdMAX "d", s / DAY);
	return text;
}

static const char *decimal(json_int_t value, char text[TEXT_OCTETS])
{
	(void)snprintf(text, TEXT_OCTETS, "%" PRIdMAX, (intmax_t)value);
	return text;
}

static const char *or_null_sender(const char *sender)
{
	return sender[0] != '\0' ? sender : "<>";
}

/* A reason of several lines becomes one. */
static void print_reason(const char *reason)
{
	for (; *reason != '\0'; reason++) {
		const char octet[2] = { *reason, '\0' };

		ctl_print(*reason == '\n' || *reason == '\r' ? " " : octet);
	}
	(void)putchar('\n');
}

/* --- a line each -------------------------------------------------------------- */

void queue_print_titles(void)
{
	ctl_print_column("ID", ID_COLUMNS);
	ctl_print_column("AGE", AGE_COLUMNS);
	ctl_print_column("SENDER", ADDRESS_COLUMNS);
	ctl_print_column("RECIPIENT", ADDRESS_COLUMNS);
	ctl_print_column("TRIES", TRIES_COLUMNS);
	ctl_print_column("NEXT", AGE_COLUMNS);
	(void)puts("REASON");
}

void queue_print_entry(const json_t *entry)
{
	const char *hold = ask_text(entry, "hold");
	json_int_t now = clock_wall_s();
	char text[TEXT_OCTETS];

	ctl_print_column(ask_text(entry, "id"), ID_COLUMNS);
	ctl_print_column(duration(now - ask_number(entry, "arrived"), text),
			 AGE_COLUMNS);
	ctl_print_column(or_null_sender(ask_text(entry, "sender")),
			 ADDRESS_COLUMNS);
	ctl_print_column(ask_text(entry, "recipient"), ADDRESS_COLUMNS);
	ctl_print_column(decimal(ask_number(entry, "attempts"), text),
			 TRIES_COLUMNS);
	if (hold[0] != '\0') {
		ctl_print_column("held", AGE_COLUMNS);
		print_reason(hold);
		return;
	}
	ctl_print_column(duration(ask_number(entry, "next_try") - now, text),
			 AGE_COLUMNS);
	print_reason(ask_text(entry, "reason"));
}

/* --- in full -------------------------------------------------------------------- */

static void print_field(const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	ctl_print_column(name, NAME_COLUMNS);
	print_reason(value);
}

static void print_date(const char *name, json_int_t seconds)
{
	char text[TEXT_OCTETS];
	time_t date = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || localtime_r(&date, &tm) == NULL)
		return;
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	print_field(name, text);
}

static void print_message(const json_t *entry)
{
	char text[TEXT_OCTETS];

	print_field("id", ask_text(entry, "id"));
	print_field("trace", ask_text(entry, "trace"));
	print_field("sender", or_null_sender(ask_text(entry, "sender")));
	print_field("login", ask_text(entry, "login"));
	print_field("envid", ask_text(entry, "envid"));
	print_field("octets", decimal(ask_number(entry, "octets"), text));
	print_date("arrived", ask_number(entry, "arrived"));
	print_field("on hold", ask_text(entry, "hold"));
	if (strcmp(ask_text(entry, "tls"), "usual") != 0)
		print_field("TLS", ask_text(entry, "tls"));
}

void queue_print_full(const json_t *entry, bool is_first)
{
	const char *original = ask_text(entry, "original");
	const char *recipient = ask_text(entry, "recipient");
	json_int_t code = ask_number(entry, "code");
	char text[TEXT_OCTETS];

	if (is_first)
		print_message(entry);
	(void)putchar('\n');
	print_field("recipient", recipient);
	print_field("  kind", ask_text(entry, "kind"));
	if (strcmp(original, recipient) != 0)
		print_field("  sent to", original);
	print_field("  state", ask_text(entry, "state"));
	print_field("  tries", decimal(ask_number(entry, "attempts"), text));
	print_date("  last try", ask_number(entry, "last_try"));
	print_date("  next try", ask_number(entry, "next_try"));
	if (code != 0)
		print_field("  code", decimal(code, text));
	print_field("  reason", ask_text(entry, "reason"));
}

void queue_print_header(const char *text)
{
	(void)putchar('\n');
	for (; *text != '\0'; text++) {
		const char octet[2] = { *text, '\0' };

		if (*text == '\n')
			(void)putchar('\n');
		else if (*text == '\t')
			(void)putchar('\t');
		else if (*text != '\r' || text[1] != '\n')
			ctl_print(octet);
	}
}

/* --- groups ------------------------------------------------------------------------ */

static const char *domain_of(const json_t *entry)
{
	const char *at = strrchr(ask_text(entry, "recipient"), '@');

	if (strcmp(ask_text(entry, "kind"), "command") == 0)
		return "(command)";
	return at != NULL ? at + 1 : "";
}

static const char *reason_of(const json_t *entry)
{
	const char *reason = ask_text(entry, "reason");

	if (strcmp(ask_text(entry, "state"), "held") == 0)
		return "on hold";
	return reason[0] != '\0' ? reason : "not tried yet";
}

static json_t *find_group(json_t *groups, const char *domain,
			  const char *reason)
{
	char key[KEY_OCTETS];
	json_t *group;

	/* Replies may each have their own number in them. */
	if (json_object_size(groups) >= GROUPS_MAX)
		domain = reason = "(others)";
	(void)snprintf(key, sizeof(key), "%s %s", domain, reason);
	group = json_object_get(groups, key);
	if (group != NULL)
		return group;
	group = json_object();
	(void)json_object_set_new_nocheck(groups, key, group);
	(void)json_object_set_new(group, "domain", json_string(domain));
	(void)json_object_set_new(group, "recipients", json_integer(0));
	(void)json_object_set_new(group, "oldest", json_integer(0));
	(void)json_object_set_new(group, "reason", json_string(reason));
	return group;
}

void queue_group(json_t *groups, const json_t *entry)
{
	json_t *group = find_group(groups, domain_of(entry), reason_of(entry));
	json_int_t oldest = ask_number(group, "oldest");
	json_int_t arrived = ask_number(entry, "arrived");

	if (oldest == 0 || arrived < oldest)
		oldest = arrived;
	(void)json_object_set_new(
		group, "recipients",
		json_integer(ask_number(group, "recipients") + 1));
	(void)json_object_set_new(group, "oldest", json_integer(oldest));
}

static const char *biggest(json_t *groups)
{
	const char *key, *best = NULL;
	json_int_t most = 0;
	json_t *group;

	json_object_foreach(groups, key, group)
	{
		if (best != NULL && ask_number(group, "recipients") <= most)
			continue;
		best = key;
		most = ask_number(group, "recipients");
	}
	return best;
}

static void print_group(const json_t *group)
{
	json_int_t age = clock_wall_s() - ask_number(group, "oldest");
	char text[TEXT_OCTETS];

	ctl_print_column(decimal(ask_number(group, "recipients"), text),
			 COUNT_COLUMNS);
	ctl_print_column(duration(age, text), AGE_COLUMNS);
	ctl_print_column(ask_text(group, "domain"), ADDRESS_COLUMNS);
	print_reason(ask_text(group, "reason"));
}

void queue_print_groups(json_t *groups, bool is_json)
{
	const char *key = biggest(groups);

	if (key != NULL && !is_json) {
		ctl_print_column("COUNT", COUNT_COLUMNS);
		ctl_print_column("AGE", AGE_COLUMNS);
		ctl_print_column("DOMAIN", ADDRESS_COLUMNS);
		(void)puts("REASON");
	}
	for (; key != NULL; key = biggest(groups)) {
		const json_t *group = json_object_get(groups, key);

		if (is_json)
			ask_print_json(group);
		else
			print_group(group);
		(void)json_object_del(groups, key);
	}
}
