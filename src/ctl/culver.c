/* The culver command: options, and which verb is meant. */
#include "ctl/ctl.h"

#include "base/mem.h"
#include "ctl/sendmail.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: culver [OPTION...] COMMAND\n"
	"\n"
	"  check-config        say what is wrong with the configuration\n"
	"  dkim [list] [DOMAIN]\n"
	"                      say which DKIM keys there are\n"
	"  dkim new DOMAIN [SELECTOR], with --type rsa2048 (as is without), rsa3072,\n"
	"                      rsa4096 or ed25519: make a key\n"
	"  dkim dns DOMAIN [SELECTOR]\n"
	"                      say what is to stand in DNS\n"
	"  dkim activate DOMAIN [SELECTOR], dkim retire DOMAIN [SELECTOR]\n"
	"                      sign with a key; sign no more with it\n"
	"  domain-tls [list]   say how well mail for each domain was protected\n"
	"  domain-tls show DOMAIN, domain-tls forget DOMAIN\n"
	"                      the same for one; accept less than that again\n"
	"  milter [list]       say how each filter is doing\n"
	"  milter check NAME [FILE]\n"
	"                      see whether a filter works, with this message\n"
	"  queue [list]        list the mail that waits; with --summary, how much\n"
	"                      for which domain, and why\n"
	"  queue show ID       show a message that waits, and its header\n"
	"  queue retry [WHICH] try to deliver it now\n"
	"  queue hold WHICH    keep it until it is released\n"
	"  queue release WHICH let go what is on hold\n"
	"  queue bounce WHICH  give it up, and tell the senders\n"
	"  queue drop WHICH    forget it, and tell nobody\n"
	"  resolve ADDRESS     say where mail for an address goes, and why\n"
	"  reload              make the daemon read its configuration again\n"
	"  route DOMAIN        say which hosts take mail for a domain; with --from\n"
	"                      ADDRESS, which do for mail of that sender\n"
	"  tls-report [DOMAIN] say what the next reports on TLS will tell domains\n"
	"  user [show [LOGIN]] say what logins have sent today\n"
	"  user unblock LOGIN  let one that has reached its limit send on\n"
	"  version             say which version this is\n"
	"  help                say this\n"
	"\n"
	"  -c DIR              the configuration, " CULVER_SYSCONFDIR "\n"
	"  -o NAME=VALUE       a setting that holds instead of the file's\n"
	"  -s SOCKET           the daemon's control socket\n"
	"  --json              answer in JSON, an object a line\n"
	"\n"
	"WHICH is a message's ID, or those that all of these fit:\n"
	"  --from ADDRESS      its sender; @DOMAIN; or <>, for mail without one\n"
	"  --to ADDRESS        its recipient; or @DOMAIN\n"
	"  --older-than TIME   how long it has waited: 90m, 12h, 2d\n"
	"  --held              what is on hold\n"
	"  --all               all mail that waits; drop and bounce want --yes, too\n";

static int cmd_help(const struct ctl *ctl)
{
	(void)ctl;
	return fputs(help, stdout) == EOF ? CTL_FAILED : CTL_DONE;
}

static int cmd_version(const struct ctl *ctl)
{
	if (ctl->is_json)
		(void)printf("{\"version\":\"%s\"}\n", PACKAGE_VERSION);
	else
		(void)printf("culver %s\n", PACKAGE_VERSION);
	return CTL_DONE;
}

static const struct {
	const char *name;
	int (*run)(const struct ctl *ctl);
	size_t arguments_min, arguments_max;
} verbs[] = {
	{ "check-config", cmd_check_config, 0, 0 },
	{ "dkim", cmd_dkim, 0, 3 },
	{ "domain-tls", cmd_domain_tls, 0, 2 },
	{ "help", cmd_help, 0, 0 },
	{ "milter", cmd_milter, 0, 3 },
	{ "queue", cmd_queue, 0, 2 },
	{ "reload", cmd_reload, 0, 0 },
	{ "resolve", cmd_resolve, 1, 1 },
	{ "route", cmd_route, 1, 1 },
	{ "tls-report", cmd_tls_report, 0, 1 },
	{ "user", cmd_user, 0, 2 },
	{ "version", cmd_version, 0, 0 },
};

static int run_verb(const struct ctl *ctl, const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		if (ctl->argument_count >= verbs[i].arguments_min &&
		    ctl->argument_count <= verbs[i].arguments_max)
			return verbs[i].run(ctl);
		ctl_complain("%s takes %s; see \"culver help\"", name,
			     ctl->argument_count < verbs[i].arguments_min
				     ? "one argument more"
				     : "fewer arguments");
		return CTL_USAGE;
	}
	ctl_complain("there is no command \"%s\"; see \"culver help\"", name);
	return CTL_USAGE;
}

enum {
	OPTION_ALL = 256,
	OPTION_FROM,
	OPTION_HELD,
	OPTION_HELP,
	OPTION_JSON,
	OPTION_OLDER_THAN,
	OPTION_REASON,
	OPTION_SUMMARY,
	OPTION_TO,
	OPTION_TYPE,
	OPTION_VERSION,
	OPTION_YES,
};

/* Of the queue commands. False: it is none of them. */
static bool read_queue_option(struct ctl *ctl, int c)
{
	if (c == OPTION_ALL)
		ctl->is_all = true;
	else if (c == OPTION_FROM)
		ctl->from = optarg;
	else if (c == OPTION_HELD)
		ctl->is_held = true;
	else if (c == OPTION_OLDER_THAN)
		ctl->older_than = optarg;
	else if (c == OPTION_REASON)
		ctl->reason = optarg;
	else if (c == OPTION_SUMMARY)
		ctl->is_summary = true;
	else if (c == OPTION_TO)
		ctl->to = optarg;
	else if (c == OPTION_YES)
		ctl->is_yes = true;
	else
		return false;
	return true;
}

/* Returns the verb; NULL when the command line is wrong. */
static const char *read_options(struct ctl *ctl, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "from", required_argument, NULL, OPTION_FROM },
		{ "held", no_argument, NULL, OPTION_HELD },
		{ "older-than", required_argument, NULL, OPTION_OLDER_THAN },
		{ "reason", required_argument, NULL, OPTION_REASON },
		{ "summary", no_argument, NULL, OPTION_SUMMARY },
		{ "to", required_argument, NULL, OPTION_TO },
		{ "type", required_argument, NULL, OPTION_TYPE },
		{ "yes", no_argument, NULL, OPTION_YES },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	const char *verb = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "C:c:o:s:", long_options, NULL)) !=
	       -1) {
		if (c == 'C' || c == 'c')
			ctl->dir = optarg;
		else if (c == 's')
			ctl->socket = optarg;
		else if (c == 'o')
			ctl->overrides[ctl->override_count++] = optarg;
		else if (c == OPTION_TYPE)
			ctl->type = optarg;
		else if (c == OPTION_JSON)
			ctl->is_json = true;
		else if (c == OPTION_HELP)
			verb = "help";
		else if (c == OPTION_VERSION)
			verb = "version";
		else if (!read_queue_option(ctl, c))
			return NULL; /* getopt has complained */
	}
	if (verb != NULL)
		return verb;
	if (optind == argc) {
		(void)fputs(help, stderr);
		return NULL;
	}
	ctl->arguments = argv + optind + 1;
	ctl->argument_count = (size_t)(argc - optind - 1);
	return argv[optind];
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .dir = CULVER_SYSCONFDIR };
	const char *verb;
	int status = CTL_USAGE;

	if (argc > 0 && sendmail_is_name(argv[0]))
		return sendmail_main(argc, argv);
	ctl.overrides = mem_array((size_t)argc + 1, sizeof(*ctl.overrides));
	verb = read_options(&ctl, argc, argv);
	if (verb != NULL)
		status = run_verb(&ctl, verb);
	mem_free(&ctl.overrides);
	if (fflush(stdout) != 0 && status == CTL_DONE) {
		ctl_complain("cannot write the answer");
		status = CTL_FAILED;
	}
	return status;
}
