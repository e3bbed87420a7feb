#include "ctl/sendmail.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char *base_name(const char *program)
{
	const char *slash = strrchr(program, '/');

	return slash != NULL ? slash + 1 : program;
}

bool sendmail_is_name(const char *program)
{
	static const char *const names[] = { "sendmail", "send-mail", "mailq",
					     "newaliases" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(base_name(program), names[i]) == 0)
			return true;
	return false;
}

static int queue(const struct sendmail *m, char *verb)
{
	struct ctl ctl = m->ctl;
	char *arguments[] = { verb, NULL };

	ctl.arguments = arguments;
	ctl.argument_count = 1;
	return cmd_queue(&ctl) == CTL_DONE ? EX_OK : EX_UNAVAILABLE;
}

static int new_aliases(void)
{
	if (isatty(STDOUT_FILENO))
		(void)puts("Nothing to build: culverd reads /etc/aliases "
			   "itself when it changes.");
	return EX_OK;
}

static int run(const struct sendmail *m)
{
	char list[] = "list", retry[] = "retry";

	switch (m->mode) {
	case SENDMAIL_SUBMIT:
		return sendmail_submit(m);
	case SENDMAIL_STDIO:
		return sendmail_stdio(m);
	case SENDMAIL_LIST:
		return queue(m, list);
	case SENDMAIL_ALIASES:
		return new_aliases();
	case SENDMAIL_RETRY:
		return queue(m, retry);
	}
	return EX_SOFTWARE;
}

int sendmail_main(int argc, char **argv)
{
	struct sendmail m = { .ctl = { .dir = CULVER_SYSCONFDIR } };
	const char *name = base_name(argv[0]);
	int status;

	if (strcmp(name, "mailq") == 0)
		m.mode = SENDMAIL_LIST;
	else if (strcmp(name, "newaliases") == 0)
		m.mode = SENDMAIL_ALIASES;
	status = sendmail_read_options(&m, argc, argv);
	return status != EX_OK ? status : run(&m);
}
