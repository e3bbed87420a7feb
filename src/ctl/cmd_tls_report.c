/* culver tls-report: what was counted of TLS with other servers, and will be
 * reported to them if they want to know. */
#include "ctl/ask.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DATE_OCTETS = 32 };

static void print_due(const json_t *report)
{
	time_t due = (time_t)ask_number(report, "due");
	char date[DATE_OCTETS] = "";
	struct tm tm;

	if (localtime_r(&due, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	(void)printf("  due %s", date);
	if (ask_number(report, "tries") > 0)
		(void)printf(", tried %lld times",
			     (long long)ask_number(report, "tries"));
	(void)putchar('\n');
}

static void print_if_any(const char *before, const char *text)
{
	if (*text == '\0')
		return;
	(void)fputs(before, stdout);
	ctl_print(text);
}

static void print_failure(const json_t *failure)
{
	(void)printf("    %lld ",
		     (long long)ask_number(failure, "failed-session-count"));
	ctl_print(ask_text(failure, "result-type"));
	print_if_any(" with ", ask_text(failure, "receiving-mx-hostname"));
	print_if_any(" ", ask_text(failure, "receiving-ip"));
	print_if_any(": ", ask_text(failure, "failure-reason-code"));
	(void)putchar('\n');
}

static void print_policy(json_t *entry)
{
	const json_t *policy = json_object_get(entry, "policy");
	const json_t *summary = json_object_get(entry, "summary");
	const json_t *failures = json_object_get(entry, "failure-details");

	(void)fputs("  ", stdout);
	ctl_print(ask_text(policy, "policy-type"));
	(void)printf(
		": %lld good, %lld failed\n",
		(long long)ask_number(summary,
				      "total-successful-session-count"),
		(long long)ask_number(summary, "total-failure-session-count"));
	for (size_t i = 0; i < json_array_size(failures); i++)
		print_failure(json_array_get(failures, i));
}

static void print_report(const json_t *report)
{
	const json_t *policies =
		json_object_get(json_object_get(report, "report"), "policies");

	ctl_print(ask_text(report, "domain"));
	(void)printf(", %s\n", ask_text(report, "day"));
	for (size_t i = 0; i < json_array_size(policies); i++)
		print_policy(json_array_get(policies, i));
	print_due(report);
}

static bool on_line(const struct ctl *ctl, json_t *line, void *arg)
{
	const json_t *report = json_object_get(line, "tls_report");
	bool *is_any = arg;

	*is_any = *is_any || report != NULL;
	if (ctl->is_json)
		ask_print_json(line);
	else if (report != NULL)
		print_report(report);
	return report != NULL;
}

int cmd_tls_report(const struct ctl *ctl)
{
	json_t *request = json_object();
	bool is_any = false;
	int status;

	(void)json_object_set_new(request, "command",
				  json_string("tls_report_list"));
	if (ctl->argument_count > 0 &&
	    json_object_set_new(request, "domain",
				json_string(ctl->arguments[0])) < 0) {
		ctl_complain("the domain is not UTF-8");
		json_decref(request);
		return CTL_USAGE;
	}
	status = ask(ctl, request, on_line, &is_any);
	if (status == CTL_DONE && !is_any && !ctl->is_json)
		(void)puts("Nothing was counted yet.");
	return status;
}
