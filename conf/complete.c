/* conf_complete() of conf.h: what the machine says of itself. */
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/value.h"

#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 64, RESOLVERS_MAX = 3 };

/* Debian's name for mail (Policy 11.6): one line, no comment. */
static bool read_mailname(char *name, size_t size)
{
	FILE *f = fopen("/etc/mailname", "re");
	bool is_read;

	if (f == NULL)
		return false;
	is_read = fgets(name, (int)size, f) != NULL;
	(void)fclose(f);
	if (is_read)
		name[strcspn(name, "\r\n")] = '\0';
	return is_read && name[0] != '\0';
}

/* No resolver is asked: the question could leave the machine, and the answer
 * could keep the server from starting. */
static void complete_hostname(struct conf *conf)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	char host[256] = "", mailname[256];
	const char *name = host;

	(void)gethostname(host, sizeof(host) - 1);
	if (strchr(host, '.') == NULL &&
	    read_mailname(mailname, sizeof(mailname)))
		name = mailname;
	if (name[0] == '\0' ||
	    !conf_set(conf, settings_find(&conf_settings, "hostname"), &name, 1,
		      NULL, 0, errors))
		conf->hostname = "localhost";
}

static void complete_mailname(struct conf *conf)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	char mailname[256];
	const char *name = mailname;

	if (!read_mailname(mailname, sizeof(mailname)) ||
	    !conf_set(conf, settings_find(&conf_settings, "mailname"), &name, 1,
		      NULL, 0, errors))
		conf->mailname = conf->hostname;
}

static uint64_t cores(void)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	if (n < 1)
		return 1;
	return n < WORKERS_MAX ? (uint64_t)n : WORKERS_MAX;
}

/* "nameserver ADDRESS"; resolv.conf(5) knows three. */
static size_t read_resolvers(struct arena *a, const char **addresses)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[512], address[INET6_ADDRSTRLEN];
	size_t count = 0;

	while (f != NULL && count < RESOLVERS_MAX &&
	       fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, " nameserver %45s", address) == 1 &&
		    (value_is_address(AF_INET, slice_of(address)) ||
		     value_is_address(AF_INET6, slice_of(address))))
			addresses[count++] = arena_string(a, slice_of(address));
	if (f != NULL)
		(void)fclose(f);
	return count;
}

/* "system" becomes the addresses that it stands for. */
static void complete_fallback(struct conf *conf)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	AUTO(arena_free) struct arena *a = arena_new(65536);
	size_t i = settings_find(&conf_settings, "resolver_fallback");
	size_t max = conf_settings.rows[i].max, count = 0;
	size_t room = conf->resolver_fallback.count + RESOLVERS_MAX;
	const char **words = arena_array(a, room + 1, sizeof(*words));
	bool has_system = false;

	for (size_t k = 0; k < conf->resolver_fallback.count; k++) {
		const char *word = conf->resolver_fallback.items[k];

		if (strcmp(word, "system") != 0)
			words[count++] = word;
		else if (!has_system)
			count += read_resolvers(a, words + count);
		has_system = has_system || strcmp(word, "system") == 0;
	}
	(void)conf_set(conf, i, words, count < max ? count : max, NULL, 0,
		       errors);
}

static void complete_resolver(struct conf *conf)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	AUTO(arena_free) struct arena *a = arena_new(65536);
	const char *addresses[RESOLVERS_MAX] = { "127.0.0.1" };
	size_t count = read_resolvers(a, addresses);

	(void)conf_set(conf, settings_find(&conf_settings, "resolver"),
		       addresses, count > 0 ? count : 1, NULL, 0, errors);
}

void conf_complete(struct conf *conf)
{
	if (conf->hostname[0] == '\0')
		complete_hostname(conf);
	if (conf->mailname[0] == '\0')
		complete_mailname(conf);
	complete_fallback(conf);
	if (conf->resolver.count == 0 && conf->resolver_fallback.count == 0)
		complete_resolver(conf);
	if (conf->workers == 0)
		conf->workers = cores();
}
