/* culverd: the parent, or, executed by it, one of its roles or a look-up of a
 * host's addresses. */
#include "base/mem.h"
#include "control/control.h"
#include "deliver/deliver.h"
#include "hook/hook.h"
#include "keyring/keyring.h"
#include "lookup/lookup.h"
#include "parent/hosts.h"
#include "parent/parent.h"
#include "proc/role.h"
#include "queue/queue.h"
#include "receive/receive.h"
#include "verify/verify.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_SANITIZER
/* Leaks are looked for in the unit tests: a caged process cannot stop its own
 * threads to look. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

enum { OVERRIDES_MAX = 256 };

struct program {
	const char *name;
	int (*main)(unsigned index);
};

static const struct program programs[] = {
	{ "receive", receive_main }, { "queue", queue_main },
	{ "deliver", deliver_main }, { "control", control_main },
	{ "hook", hook_main },       { "lookup", lookup_main },
	{ "verify", verify_main },   { "keyring", keyring_main },
};

static int run_role(const char *name, const char *index)
{
	unsigned long i = strtoul(index, NULL, 10);

	for (size_t k = 0; k < sizeof(programs) / sizeof(programs[0]); k++)
		if (strcmp(programs[k].name, name) == 0)
			return programs[k].main((unsigned)i);
	(void)fprintf(stderr, "culverd: no such role: %s\n", name);
	return 2;
}

static int usage(FILE *out, int status)
{
	(void)fprintf(
		out,
		"usage: culverd [-F] [-c DIR] [-o KEY=VALUE]...\n"
		"  -F            stay in the foreground, log to standard error\n"
		"  -c DIR        the configuration directory (%s)\n"
		"  -o KEY=VALUE  a setting, instead of culver.conf's\n"
		"  -V            print the version\n",
		CULVER_SYSCONFDIR);
	return status;
}

static const struct option long_options[] = {
	{ "role", required_argument, NULL, 'R' },
	{ "index", required_argument, NULL, 'I' },
	{ "look-up", required_argument, NULL, 'L' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	const char *overrides[OVERRIDES_MAX];
	struct parent_options options = { .dir = CULVER_SYSCONFDIR,
					  .overrides = overrides };
	const char *role = NULL, *index = "0";
	int c;

	while ((c = getopt_long(argc, argv, "FC:c:o:Vh", long_options, NULL)) !=
	       -1) {
		if (c == 'F')
			options.is_foreground = true;
		else if (c == 'c' || c == 'C')
			options.dir = optarg;
		else if (c == 'o' && options.override_count < OVERRIDES_MAX)
			overrides[options.override_count++] = optarg;
		else if (c == 'R')
			role = optarg;
		else if (c == 'I')
			index = optarg;
		else if (c == 'L')
			return hosts_child(optarg, ROLE_PARENT_FD);
		else if (c == 'V')
			return puts("culverd " PACKAGE_VERSION) < 0;
		else
			return usage(c == 'h' ? stdout : stderr, c != 'h');
	}
	if (optind < argc)
		return usage(stderr, 1);
	return role != NULL ? run_role(role, index) : parent_main(&options);
}
