/* culver queue: what waits, why, and until when; and what is to become of it. */
#include "conf/value.h"
#include "ctl/queue_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct verb {
	const char *name;
	const char *command;
	const char *answer; /* a change's: the key of the count; NULL: none */
	const char *words;  /* after "N recipients" */
	bool needs_id;
	bool takes_selector;
	bool needs_selector; /* or --all */
	bool needs_yes;      /* for --all */
};

static const struct verb verbs[] = {
	{ .name = "list", .command = "queue_list", .takes_selector = true },
	{ .name = "show", .command = "queue_show", .needs_id = true },
	{ "retry", "queue_retry", "retried", "to be tried now", false, true,
	  false, false },
	{ "hold", "queue_hold", "held", "on hold now", false, true, true,
	  false },
	{ "release", "queue_release", "released", "released", false, true, true,
	  false },
	{ "drop", "queue_drop", "dropped", "dropped", false, true, true, true },
	{ "bounce", "queue_bounce", "bounced", "given up", false, true, true,
	  true },
};

/* --- answers -------------------------------------------------------------------- */

struct asking {
	const struct verb *verb;
	json_t *groups; /* of a summary */
	size_t entries;
	bool is_any; /* the message is there */
};

static void print_entry(const struct ctl *ctl, struct asking *a,
			const json_t *entry)
{
	bool is_first = a->entries++ == 0;

	if (ctl->is_summary) {
		queue_group(a->groups, entry);
		return;
	}
	if (ctl->is_json) {
		ask_print_json(entry);
		return;
	}
	if (a->verb->needs_id) {
		queue_print_full(entry, is_first);
		return;
	}
	if (is_first)
		queue_print_titles();
	queue_print_entry(entry);
}

static void print_total(const struct ctl *ctl, const struct asking *a,
			json_int_t total)
{
	if (ctl->is_summary)
		queue_print_groups(a->groups, ctl->is_json);
	if (ctl->is_json || a->verb->needs_id)
		return;
	if (total == 0) {
		(void)puts("The queue is empty.");
		return;
	}
	if ((json_int_t)a->entries < total)
		(void)printf("%zu of ", a->entries);
	(void)printf("%" PRIdMAX " recipient%s\n", (intmax_t)total,
		     total == 1 ? "" : "s");
}

static bool on_list(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *entry = json_object_get(line, "entry");
	const json_t *header = json_object_get(line, "header");
	struct asking *a = arg;

	if (entry != NULL)
		print_entry(ctl, a, entry);
	else if (header != NULL && ctl->is_json)
		ask_print_json(line);
	else if (header != NULL)
		queue_print_header(ask_text(header, "text"));
	else
		print_total(ctl, a, ask_number(line, "total"));
	a->is_any = a->entries > 0;
	return entry != NULL || header != NULL;
}

static bool on_changed(const struct ctl *ctl, json_t *line, void *arg)
{
	struct asking *a = arg;
	json_int_t count = ask_number(line, a->verb->answer);

	a->is_any = count > 0;
	if (ctl->is_json)
		ask_print_json(line);
	else
		(void)printf("%" PRIdMAX " recipient%s %s\n", (intmax_t)count,
			     count == 1 ? "" : "s", a->verb->words);
	return false;
}

/* --- requests --------------------------------------------------------------------- */

static void put_text(json_t *request, const char *key, const char *value)
{
	if (value != NULL)
		(void)json_object_set_new(request, key, json_string(value));
}

static json_t *make_request(const struct ctl *ctl, const struct verb *verb,
			    const char *id, uint64_t older_than_s)
{
	json_t *request = json_object();

	put_text(request, "command", verb->command);
	put_text(request, "id", id);
	put_text(request, "from", ctl->from);
	put_text(request, "to", ctl->to);
	put_text(request, "reason", ctl->reason);
	if (older_than_s > 0)
		(void)json_object_set_new(
			request, "older_than",
			json_integer((json_int_t)older_than_s));
	if (ctl->is_held)
		(void)json_object_set_new(request, "held", json_true());
	if (ctl->is_all)
		(void)json_object_set_new(request, "all", json_true());
	return request;
}

static int run(const struct ctl *ctl, const struct verb *verb, const char *id,
	       uint64_t older_than_s)
{
	struct asking a = { .verb = verb, .groups = json_object() };
	json_t *request = make_request(ctl, verb, id, older_than_s);
	int status = ask(ctl, request,
			 verb->answer != NULL ? on_changed : on_list, &a);

	json_decref(a.groups);
	/* A message that was named and is not there is worth a status. */
	if (id == NULL || a.is_any || status != CTL_DONE)
		return status;
	if (verb->needs_id)
		ctl_complain("there is no such message in the queue");
	return CTL_FAILED;
}

/* --- the command line -------------------------------------------------------------- */

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static bool has_selector(const struct ctl *ctl)
{
	return ctl->from != NULL || ctl->to != NULL ||
	       ctl->older_than != NULL || ctl->is_held;
}

/* Each option where it means something, and all only where it is said. */
static bool is_right(const struct ctl *ctl, const struct verb *verb,
		     const char *id)
{
	bool is_change = verb->answer != NULL;
	bool is_some = has_selector(ctl) || id != NULL;

	if ((id != NULL && !is_change && !verb->needs_id) ||
	    (id == NULL && verb->needs_id))
		return false;
	if (has_selector(ctl) && !verb->takes_selector)
		return false;
	if (ctl->is_all && (is_some || !is_change))
		return false;
	if (verb->needs_selector && !is_some && !ctl->is_all)
		return false;
	if (ctl->is_summary && strcmp(verb->name, "list") != 0)
		return false;
	return ctl->reason == NULL || strcmp(verb->name, "hold") == 0;
}

int cmd_queue(const struct ctl *ctl)
{
	const char *name = ctl->argument_count > 0 ? ctl->arguments[0] : "list";
	const char *id = ctl->argument_count > 1 ? ctl->arguments[1] : NULL;
	const struct verb *verb = find_verb(name);
	uint64_t older_than_s = 0;

	if (verb == NULL || !is_right(ctl, verb, id)) {
		ctl_complain("queue takes list [SELECTOR], show ID, retry "
			     "[ID or SELECTOR], or hold, release, drop or "
			     "bounce with an ID, a SELECTOR or --all; see "
			     "\"culver help\"");
		return CTL_USAGE;
	}
	if (ctl->older_than != NULL &&
	    (!value_seconds(slice_of(ctl->older_than), &older_than_s) ||
	     older_than_s == 0 || older_than_s > INT32_MAX)) {
		ctl_complain("%s: not a time as 90m, 12h or 2d",
			     ctl->older_than);
		return CTL_USAGE;
	}
	if (ctl->is_all && verb->needs_yes && !ctl->is_yes) {
		ctl_complain("to %s all mail that waits, say --yes, too",
			     verb->name);
		return CTL_USAGE;
	}
	return run(ctl, verb, id, older_than_s);
}
