/* culver milter: how the filters are doing. */
#include "ctl/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NAME_COLUMNS = 16, STATE_COLUMNS = 14, TIME_OCTETS = 32 };

/* The rest of the line: counters, as wide as their titles. */
static const struct {
	const char *title;
	const char *key;
} counters[] = {
	{ "VERSION", "version" },       { "MESSAGES", "messages" },
	{ "REJECTED", "rejected" },     { "DEFERRED", "deferred" },
	{ "DISCARDED", "discarded" },   { "QUARANTINED", "quarantined" },
	{ "EDITED", "edited" },         { "FAILED", "failed" },
	{ "UNFILTERED", "unfiltered" },
};

enum { COUNTERS = sizeof(counters) / sizeof(counters[0]) };

static void print_header(void)
{
	ctl_print_column("FILTER", NAME_COLUMNS);
	ctl_print_column("STATE", STATE_COLUMNS);
	for (size_t i = 0; i < COUNTERS; i++)
		(void)printf("%s%s", counters[i].title,
			     i + 1 < COUNTERS ? " " : "\n");
}

static void print_counters(const json_t *milter)
{
	for (size_t i = 0; i < COUNTERS; i++)
		(void)printf("%*" PRIdMAX "%s", (int)strlen(counters[i].title),
			     (intmax_t)ask_number(milter, counters[i].key),
			     i + 1 < COUNTERS ? " " : "\n");
}

/* "  may add headers, change body" */
static void print_list(const char *before, const json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		(void)printf("%s", i == 0 ? before : ", ");
		ctl_print(name != NULL ? name : "?");
	}
	if (json_array_size(names) > 0)
		(void)putchar('\n');
}

static void print_failure(const json_t *milter)
{
	time_t at = (time_t)ask_number(milter, "failed_at");
	char text[TIME_OCTETS] = "";
	struct tm local;

	if (at == 0)
		return;
	if (localtime_r(&at, &local) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	(void)printf("  last failed %s: ", text);
	ctl_print(ask_text(milter, "problem"));
	(void)putchar('\n');
}

static void print_milter(const json_t *milter)
{
	const char *state = ask_text(milter, "state");
	bool is_untried = strcmp(state, "untried") == 0;

	ctl_print_column(ask_text(milter, "name"), NAME_COLUMNS);
	ctl_print_column(is_untried ? "not tried yet" : state, STATE_COLUMNS);
	print_counters(milter);
	print_list("  may ", json_object_get(milter, "actions"));
	print_list("  is not told of ", json_object_get(milter, "skipped"));
	print_failure(milter);
}

static bool on_list(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *milter = json_object_get(line, "milter");
	bool *has_header = arg;

	if (milter != NULL && ctl->is_json) {
		ask_print_json(milter);
	} else if (milter != NULL) {
		if (!*has_header)
			print_header();
		*has_header = true;
		print_milter(milter);
	} else if (!ctl->is_json && !*has_header) {
		(void)puts("There are no filters.");
	}
	return milter != NULL;
}

static int list(const struct ctl *ctl)
{
	json_t *request = json_object();
	bool has_header = false;

	(void)json_object_set_new(request, "command",
				  json_string("milter_list"));
	return ask(ctl, request, on_list, &has_header);
}

static const struct {
	const char *name;
	int (*run)(const struct ctl *ctl);
	size_t arguments_min, arguments_max; /* with the name */
} verbs[] = {
	{ "list", list, 1, 1 },
	{ "check", cmd_milter_check, 2, 3 },
};

int cmd_milter(const struct ctl *ctl)
{
	if (ctl->argument_count == 0)
		return list(ctl);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, ctl->arguments[0]) == 0 &&
		    ctl->argument_count >= verbs[i].arguments_min &&
		    ctl->argument_count <= verbs[i].arguments_max)
			return verbs[i].run(ctl);
	ctl_complain("milter takes list, or check NAME [FILE]");
	return CTL_USAGE;
}
