/* culver queue: what waits, why, and until when. */
#include "base/clock.h"
#include "ctl/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	ID_COLUMNS = 16,
	AGE_COLUMNS = 5,
	ADDRESS_COLUMNS = 30,
	TRIES_COLUMNS = 5,
	DURATION_OCTETS = 24,
	MINUTE = 60,
	HOUR = 3600,
	DAY = 86400,
};

/* "45s", "12m", "3h", "5d"; "now" for what is over. */
static const char *duration(json_int_t seconds, char text[DURATION_OCTETS])
{
	intmax_t s = seconds;

	if (s <= 0)
		return "now";
	if (s < 2 * MINUTE)
		(void)snprintf(text, DURATION_OCTETS, "%" PRIdMAX "s", s);
	else if (s < 2 * HOUR)
		(void)snprintf(text, DURATION_OCTETS, "%" PRIdMAX "m",
			       s / MINUTE);
	else if (s < 2 * DAY)
		(void)snprintf(text, DURATION_OCTETS, "%" PRIdMAX "h",
			       s / HOUR);
	else
		(void)snprintf(text, DURATION_OCTETS, "%" PRIdMAX "d", s / DAY);
	return text;
}

static void print_header(void)
{
	ctl_print_column("ID", ID_COLUMNS);
	ctl_print_column("AGE", AGE_COLUMNS);
	ctl_print_column("SENDER", ADDRESS_COLUMNS);
	ctl_print_column("RECIPIENT", ADDRESS_COLUMNS);
	ctl_print_column("TRIES", TRIES_COLUMNS);
	ctl_print_column("NEXT", AGE_COLUMNS);
	(void)puts("REASON");
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

static void print_entry(const json_t *entry)
{
	const char *sender = ask_text(entry, "sender");
	const char *hold = ask_text(entry, "hold");
	json_int_t now = clock_wall_s();
	char text[DURATION_OCTETS];

	ctl_print_column(ask_text(entry, "id"), ID_COLUMNS);
	ctl_print_column(duration(now - ask_number(entry, "arrived"), text),
			 AGE_COLUMNS);
	ctl_print_column(sender[0] != '\0' ? sender : "<>", ADDRESS_COLUMNS);
	ctl_print_column(ask_text(entry, "recipient"), ADDRESS_COLUMNS);
	(void)snprintf(text, sizeof(text), "%" PRIdMAX,
		       (intmax_t)ask_number(entry, "attempts"));
	ctl_print_column(text, TRIES_COLUMNS);
	if (hold[0] != '\0') {
		ctl_print_column("held", AGE_COLUMNS);
		print_reason(hold);
		return;
	}
	ctl_print_column(duration(ask_number(entry, "next_try") - now, text),
			 AGE_COLUMNS);
	print_reason(ask_text(entry, "reason"));
}

static bool on_list(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *entry = json_object_get(line, "entry");
	bool *has_header = arg;

	if (entry != NULL && ctl->is_json) {
		ask_print_json(entry);
	} else if (entry != NULL) {
		if (!*has_header)
			print_header();
		*has_header = true;
		print_entry(entry);
	} else if (!ctl->is_json) {
		json_int_t total = ask_number(line, "total");

		if (total == 0)
			(void)puts("The queue is empty.");
		else
			(void)printf("%" PRIdMAX " recipient%s\n",
				     (intmax_t)total, total == 1 ? "" : "s");
	}
	return entry != NULL;
}

/* --- changes ---------------------------------------------------------------- */

struct change {
	const char *verb;
	const char *command;
	const char *answer; /* the key of the count */
	const char *words;  /* after "N recipients" */
	bool needs_no_id;   /* then it is meant for all */
	bool takes_all;     /* --all */
};

/* To release all is to be said, and nobody drops all. */
static const struct change changes[] = {
	{ "retry", "queue_retry", "retried", "to be tried now", true, true },
	{ "release", "queue_release", "released", "released", false, true },
	{ "drop", "queue_drop", "dropped", "dropped", false, false },
};

struct changing {
	const struct change *change;
	bool is_any;
};

static bool on_changed(const struct ctl *ctl, json_t *line, void *arg)
{
	struct changing *c = arg;
	json_int_t count = ask_number(line, c->change->answer);

	c->is_any = count > 0;
	if (ctl->is_json)
		ask_print_json(line);
	else
		(void)printf("%" PRIdMAX " recipient%s %s\n", (intmax_t)count,
			     count == 1 ? "" : "s", c->change->words);
	return false;
}

/* id: NULL for all. */
static int change(const struct ctl *ctl, const struct change *change,
		  const char *id)
{
	json_t *request = json_object();
	struct changing c = { .change = change };
	int status;

	(void)json_object_set_new(request, "command",
				  json_string(change->command));
	if (id != NULL)
		(void)json_object_set_new(request, "id", json_string(id));
	else
		(void)json_object_set_new(request, "all", json_true());
	status = ask(ctl, request, on_changed, &c);
	/* A message that was named and is not there is worth a status. */
	return id != NULL && !c.is_any ? CTL_FAILED : status;
}

static const struct change *find_change(const char *verb)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (strcmp(changes[i].verb, verb) == 0)
			return &changes[i];
	return NULL;
}

static bool is_right(const struct ctl *ctl, const struct change *which,
		     const char *id)
{
	if (id != NULL)
		return !ctl->is_all;
	return ctl->is_all ? which->takes_all : which->needs_no_id;
}

static int list(const struct ctl *ctl)
{
	json_t *request = json_object();
	bool has_header = false;

	(void)json_object_set_new(request, "command",
				  json_string("queue_list"));
	return ask(ctl, request, on_list, &has_header);
}

int cmd_queue(const struct ctl *ctl)
{
	const char *verb = ctl->argument_count > 0 ? ctl->arguments[0] : "list";
	const char *id = ctl->argument_count > 1 ? ctl->arguments[1] : NULL;
	const struct change *which = find_change(verb);

	if (which != NULL && is_right(ctl, which, id))
		return change(ctl, which, id);
	if (strcmp(verb, "list") == 0 && id == NULL && !ctl->is_all)
		return list(ctl);
	ctl_complain("queue takes list, retry [ID], release ID or --all, or "
		     "drop ID");
	return CTL_USAGE;
}
