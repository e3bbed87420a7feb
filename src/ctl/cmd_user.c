/* culver user: what logins have sent today, and the way to let one send on. */
#include "ctl/ask.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOGIN_COLUMNS = 32, DATE_OCTETS = 32 };

static void print_share(const char *what, json_int_t used, json_int_t limit)
{
	if (limit > 0)
		(void)printf("%lld of %lld %s", (long long)used,
			     (long long)limit, what);
	else
		(void)printf("%lld %s", (long long)used, what);
}

static void print_usage(const json_t *u)
{
	time_t resets = (time_t)ask_number(u, "resets");
	char date[DATE_OCTETS] = "";
	struct tm tm;

	ctl_print_column(ask_text(u, "login"), LOGIN_COLUMNS);
	(void)putchar(' ');
	print_share("messages", ask_number(u, "messages"),
		    ask_number(u, "message_limit"));
	(void)fputs(", ", stdout);
	print_share("new recipients", ask_number(u, "recipients"),
		    ask_number(u, "recipient_limit"));
	if (json_is_true(json_object_get(u, "blocked")) &&
	    localtime_r(&resets, &tm) != NULL) {
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
		(void)printf("; at its limit until %s", date);
	}
	(void)putchar('\n');
}

static bool on_line(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *usage = json_object_get(line, "usage");
	json_int_t forgotten = ask_number(line, "forgotten");
	bool *is_any = arg;

	*is_any = *is_any || usage != NULL || forgotten > 0;
	if (ctl->is_json)
		ask_print_json(line);
	else if (usage != NULL)
		print_usage(usage);
	else if (forgotten > 0)
		(void)puts("the day begins anew for it");
	return usage != NULL;
}

static int run(const struct ctl *ctl, const char *command, const char *login)
{
	json_t *request = json_object();
	bool is_any = false;
	int status;

	(void)json_object_set_new(request, "command", json_string(command));
	if (login != NULL &&
	    json_object_set_new(request, "login", json_string(login)) < 0) {
		ctl_complain("the login is not UTF-8");
		json_decref(request);
		return CTL_USAGE;
	}
	status = ask(ctl, request, on_line, &is_any);
	if (status != CTL_DONE || is_any)
		return status;
	if (!ctl->is_json)
		(void)puts(login == NULL ? "Nobody has sent anything today."
					 : "It has sent nothing today.");
	return CTL_DONE;
}

int cmd_user(const struct ctl *ctl)
{
	const char *verb = ctl->argument_count > 0 ? ctl->arguments[0] : "show";
	const char *login = ctl->argument_count > 1 ? ctl->arguments[1] : NULL;

	if (strcmp(verb, "show") == 0)
		return run(ctl, login == NULL ? "usage_list" : "usage_show",
			   login);
	if (strcmp(verb, "unblock") == 0 && login != NULL)
		return run(ctl, "usage_forget", login);
	ctl_complain("user takes show, show LOGIN or unblock LOGIN");
	return CTL_USAGE;
}
