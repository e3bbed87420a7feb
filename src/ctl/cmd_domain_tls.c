/* culver domain-tls: how well mail for a domain was protected at its best, and
 * the way to accept less again. */
#include "ctl/ask.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NAME_COLUMNS = 32, LEVEL_COLUMNS = 9, DATE_OCTETS = 32 };

static void print_destination(const json_t *d)
{
	time_t seen = (time_t)ask_number(d, "seen");
	char date[DATE_OCTETS] = "";
	struct tm tm;

	if (localtime_r(&seen, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	ctl_print_column(ask_text(d, "name"), NAME_COLUMNS);
	(void)putchar(' ');
	ctl_print_column(ask_text(d, "level"), LEVEL_COLUMNS);
	(void)printf(" %s  ", date);
	ctl_print(ask_text(d, "reason"));
	(void)putchar('\n');
}

static bool on_line(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *destination = json_object_get(line, "destination");
	json_int_t forgotten = ask_number(line, "forgotten");
	bool *is_any = arg;

	if (destination != NULL)
		*is_any = true;
	if (ctl->is_json)
		ask_print_json(line);
	else if (destination != NULL)
		print_destination(destination);
	else if (forgotten > 0)
		(void)puts("forgotten");
	*is_any = *is_any || forgotten > 0;
	return destination != NULL;
}

static int run(const struct ctl *ctl, const char *command, const char *domain)
{
	json_t *request = json_object();
	bool is_any = false;
	int status;

	(void)json_object_set_new(request, "command", json_string(command));
	if (domain != NULL &&
	    json_object_set_new(request, "domain", json_string(domain)) < 0) {
		ctl_complain("the domain is not UTF-8");
		json_decref(request);
		return CTL_USAGE;
	}
	status = ask(ctl, request, on_line, &is_any);
	if (status != CTL_DONE || is_any)
		return status;
	if (domain == NULL) {
		if (!ctl->is_json)
			(void)puts("Nothing is known yet.");
		return CTL_DONE;
	}
	if (!ctl->is_json)
		ctl_complain("nothing is known of that domain");
	return CTL_FAILED;
}

int cmd_domain_tls(const struct ctl *ctl)
{
	const char *verb = ctl->argument_count > 0 ? ctl->arguments[0] : "list";
	const char *domain = ctl->argument_count > 1 ? ctl->arguments[1] : NULL;

	if (strcmp(verb, "list") == 0 && domain == NULL)
		return run(ctl, "domain_tls_list", NULL);
	if (strcmp(verb, "show") == 0 && domain != NULL)
		return run(ctl, "domain_tls_show", domain);
	if (strcmp(verb, "forget") == 0 && domain != NULL)
		return run(ctl, "domain_tls_forget", domain);
	ctl_complain("domain-tls takes list, show DOMAIN or forget DOMAIN");
	return CTL_USAGE;
}
