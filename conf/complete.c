/* conf_complete() of conf.h: what the machine says of itself. */
#include "base/mem.h"
#include "conf/conf.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 64 };

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

void conf_complete(struct conf *conf)
{
	if (conf->hostname[0] == '\0')
		complete_hostname(conf);
	if (conf->mailname[0] == '\0')
		complete_mailname(conf);
	if (conf->workers == 0)
		conf->workers = cores();
}
