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

static void print_smarthost(const json_t *smarthost)
{
	const char *senders = ask_text(smarthost, "senders");
	const char *user = ask_text(smarthost, "user");
	bool is_first = strcmp(ask_text(smarthost, "tls"), "immediate") == 0;

	(void)fputs("By the smarthost of ", stdout);
	ctl_print(senders[0] != '\0' ? senders : "all senders");
	(void)fputs(", ", stdout);
	ctl_print(ask_text(smarthost, "host"));
	(void)printf(" port %lld, with TLS%s, ",
		     (long long)ask_number(smarthost, "port"),
		     is_first ? " from the start" : "");
	(void)fputs(user[0] != '\0' ? "as " : "without a login", stdout);
	ctl_print(user);
	(void)puts(":");
}

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
	if (strcmp(ask_text(host, "sts"), "unnamed") == 0)
		(void)fputs(" (its policy does not name it)", stdout);
	(void)putchar('\n');
}

/* RFC 8461 */
static void print_policy(const json_t *line)
{
	const json_t *sts = json_object_get(line, "sts");
	const json_t *patterns = json_object_get(sts, "mx"), *pattern;
	size_t i;

	if (sts != NULL) {
		(void)printf("MTA-STS: %s, id ", ask_text(sts, "mode"));
		ctl_print(ask_text(sts, "id"));
		(void)printf(", %s, max_age %lld:", ask_text(sts, "source"),
			     (long long)ask_number(sts, "max_age"));
		json_array_foreach(patterns, i, pattern)
		{
			(void)putchar(' ');
			ctl_print(json_is_string(pattern)
					  ? json_string_value(pattern)
					  : "");
		}
		(void)putchar('\n');
	}
	ctl_print(ask_text(line, "sts_problem"));
	if (ask_text(line, "sts_problem")[0] != '\0')
		(void)putchar('\n');
}

static bool has_ipv6(const json_t *hosts)
{
	const json_t *host, *address;
	size_t i, k;

	json_array_foreach(hosts, i, host)
	{
		json_array_foreach(json_object_get(host, "addresses"), k,
				   address)
		{
			if (json_is_string(address) &&
			    strchr(json_string_value(address), ':') != NULL)
				return true;
		}
	}
	return false;
}

static void print_ipv6(const json_t *line)
{
	if (!has_ipv6(json_object_get(line, "hosts")))
		return;
	(void)fputs(json_is_true(json_object_get(line, "ipv6"))
			    ? "IPv6 is used: "
			    : "IPv6 is not used: ",
		    stdout);
	ctl_print(ask_text(line, "ipv6_reason"));
	(void)puts(".");
}

static void print_route(const json_t *line)
{
	const json_t *smarthost = json_object_get(line, "smarthost");
	const json_t *hosts = json_object_get(line, "hosts");
	const json_t *host;
	size_t i;

	if (smarthost != NULL)
		print_smarthost(smarthost);
	json_array_foreach(hosts, i, host)
	{
		print_host(host);
	}
	if (smarthost == NULL &&
	    !json_is_true(json_object_get(line, "secure")) &&
	    json_array_size(hosts) > 0)
		(void)puts("The domain is not signed with DNSSEC, or that "
			   "could not be proved.");
	print_policy(line);
	print_ipv6(line);
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
	if (ctl->from != NULL)
		(void)json_object_set_new(request, "from",
					  json_string(ctl->from));
	status = ask(ctl, request, on_route, &is_found);
	return is_found ? status : CTL_FAILED;
}
