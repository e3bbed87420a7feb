/* culver reload: the configuration is read again, all or nothing. */
#include "ctl/ask.h"

#include <stdio.h>

static bool on_reloaded(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *lines = json_object_get(line, "lines");
	bool *is_taken = arg;
	const json_t *text;
	size_t i;

	*is_taken = json_is_true(json_object_get(line, "taken"));
	if (ctl->is_json) {
		ask_print_json(line);
		return false;
	}
	json_array_foreach(lines, i, text)
	{
		ctl_print(json_is_string(text) ? json_string_value(text) : "");
		(void)putchar('\n');
	}
	if (*is_taken)
		(void)puts("The daemon uses the new configuration.");
	else
		ctl_complain("nothing has changed: the configuration has "
			     "errors");
	return false;
}

int cmd_reload(const struct ctl *ctl)
{
	json_t *request = json_object();
	bool is_taken = false;
	int status;

	(void)json_object_set_new(request, "command", json_string("reload"));
	status = ask(ctl, request, on_reloaded, &is_taken);
	return is_taken ? status : CTL_FAILED;
}
