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

static bool on_retried(const struct ctl *ctl, json_t *line, void *arg)
{
	json_int_t count = ask_number(line, "retried");
	bool *is_any = arg;

	*is_any = count > 0;
	if (ctl->is_json)
		ask_print_json(line);
	else
		(void)printf("%" PRIdMAX " recipient%s to be tried now\n",
			     (intmax_t)count, count == 1 ? "" : "s");
	return false;
}

static int retry(const struct ctl *ctl, const char *id)
{
	json_t *request = json_object();
	bool is_any = false;
	int status;

	(void)json_object_set_new(request, "command",
				  json_string("queue_retry"));
	if (id != NULL)
		(void)json_object_set_new(request, "id", json_string(id));
	status = ask(ctl, request, on_retried, &is_any);
	/* A message that was named and is not there is worth a status. */
	return id != NULL && !is_any ? CTL_FAILED : status;
}

int cmd_queue(const struct ctl *ctl)
{
	const char *verb = ctl->argument_count > 0 ? ctl->arguments[0] : "list";
	bool has_header = false;
	json_t *request;

	if (strcmp(verb, "retry") == 0)
		return retry(ctl, ctl->argument_count > 1 ? ctl->arguments[1]
							  : NULL);
	if (strcmp(verb, "list") != 0 || ctl->argument_count > 1) {
		ctl_complain("queue takes list, or retry and an ID");
		return CTL_USAGE;
	}
	request = json_object();
	(void)json_object_set_new(request, "command",
				  json_string("queue_list"));
	return ask(ctl, request, on_list, &has_header);
}
