/* culver route: which hosts take mail for a domain, as DNS says. */
#include "ctl/ask.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *dane;
	const char *words;
} dane_words[] = {
	{ "usable", "DANE" },
	{ "unusable", "DANE, but no record can be used: TLS without proof" },
	{ "bogus", "DANE could not be asked for securely: it is not used" },
};

static void print_host(const json_t *host)
{
	const char *dane = ask_text(host, "dane");
	const json_t *addresses = json_object_get(host, "addresses");
	const json_t *address;
	size_t i;

	(void)printf("%5lld ", (long long)ask_number(host, "preference"));
	ctl_print(ask_text(host, "name"));
	json_array_foreach(addresses, i, address)
	{
		(void)putchar(' ');
		ctl_print(json_is_string(address) ? json_string_value(address)
						  : "");
	}
	if (!json_is_true(json_object_get(host, "secure")))
		(void)fputs(" (not signed)", stdout);
	for (i = 0; i < sizeof(dane_words) / sizeof(dane_words[0]); i++)
		if (strcmp(dane_words[i].dane, dane) == 0)
			(void)printf(" (%s)", dane_words[i].words);
	(void)putchar('\n');
}

static void print_route(const json_t *line)
{
	const json_t *hosts = json_object_get(line, "hosts");
	const json_t *host;
	size_t i;

	json_array_foreach(hosts, i, host)
	{
		print_host(host);
	}
	if (!json_is_true(json_object_get(line, "secure")) &&
	    json_array_size(hosts) > 0)
		(void)puts("The domain is not signed with DNSSEC, or that "
			   "could not be proved.");
	ctl_print(ask_text(line, "problem"));
	if (ask_text(line, "problem")[0] != '\0')
		(void)putchar('\n');
}

static bool on_route(const struct ctl *ctl, json_t *line, void *arg)
{
	bool *is_found = arg;

	*is_found = strcmp(ask_text(line, "result"), "hosts") == 0;
	if (ctl->is_json)
		ask_print_json(line);
	else
		print_route(line);
	return false;
}

int cmd_route(const struct ctl *ctl)
{
	json_t *domain = json_string(ctl->arguments[0]);
	json_t *request = json_object();
	bool is_found = false;
	int status;

	if (domain == NULL) {
		ctl_complain("the domain is not UTF-8");
		json_decref(request);
		return CTL_USAGE;
	}
	(void)json_object_set_new(request, "command", json_string("route"));
	(void)json_object_set_new(request, "domain", domain);
	status = ask(ctl, request, on_route, &is_found);
	return is_found ? status : CTL_FAILED;
}
