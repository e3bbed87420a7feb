/* culver resolve: where mail for an address goes, step by step. */
#include "ctl/ask.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *result;
	const char *words;
} verdicts[] = {
	{ "targets", "Mail is delivered." },
	{ "no user", "There is no such user: mail is refused." },
	{ "try later", "It cannot be said now: the sender is to try later." },
	{ "not local", "The domain is not ours: only logins may send there." },
};

static bool on_explained(const struct ctl *ctl, json_t *line, void *arg)
{
	const char *result = ask_text(line, "result");
	const json_t *steps = json_object_get(line, "steps");
	bool *is_found = arg;
	const json_t *text;
	size_t i;

	*is_found = strcmp(result, "targets") == 0;
	if (ctl->is_json) {
		ask_print_json(line);
		return false;
	}
	json_array_foreach(steps, i, text)
	{
		ctl_print(json_is_string(text) ? json_string_value(text) : "");
		(void)putchar('\n');
	}
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strcmp(verdicts[i].result, result) == 0)
			(void)puts(verdicts[i].words);
	return false;
}

int cmd_resolve(const struct ctl *ctl)
{
	json_t *address = json_string(ctl->arguments[0]);
	json_t *request = json_object();
	bool is_found = false;
	int status;

	if (address == NULL) {
		ctl_complain("the address is not UTF-8");
		json_decref(request);
		return CTL_USAGE;
	}
	(void)json_object_set_new(request, "command", json_string("resolve"));
	(void)json_object_set_new(request, "address", address);
	status = ask(ctl, request, on_explained, &is_found);
	return is_found ? status : CTL_FAILED;
}
