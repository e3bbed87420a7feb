/* The command line of sendmail(8), as its callers know it. */
#include "ctl/sendmail.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Of those that are only listed here all is taken and nothing follows. */
static const char letters[] = "+A:B:b:C:D:d::Ee:F:f:Gh:iJ::L:mN:nO:o:p:q::R:r:"
			      "S::tUV:vX:x";

static int set_mode(struct sendmail *m, const char *mode)
{
	switch (mode[0]) {
	case 'm':
		m->mode = SENDMAIL_SUBMIT;
		return EX_OK;
	case 's':
		m->mode = SENDMAIL_STDIO;
		return EX_OK;
	case 'p':
		m->mode = SENDMAIL_LIST;
		return EX_OK;
	case 'i':
		m->mode = SENDMAIL_ALIASES;
		return EX_OK;
	default:
		ctl_complain("-b%s is not done here; culverd is the daemon, "
			     "and this hands mail to it",
			     mode);
		return EX_USAGE;
	}
}

/* "hdrs" or "full": RFC 3461 4.3. */
static int set_ret(struct sendmail *m, const char *ret)
{
	m->ret = ret;
	if (strcasecmp(ret, "hdrs") == 0 || strcasecmp(ret, "full") == 0)
		return EX_OK;
	ctl_complain("-R takes hdrs or full");
	return EX_USAGE;
}

/* RFC 3461 4.1; what the words mean the server checks. */
static int set_notify(struct sendmail *m, const char *notify)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ,";

	m->notify = notify;
	if (notify[0] != '\0' && notify[strspn(notify, set)] == '\0')
		return EX_OK;
	ctl_complain("-N takes never, or some of success,failure,delay");
	return EX_USAGE;
}

static int set_option(struct sendmail *m, int c, char *value)
{
	switch (c) {
	case 'b':
		return set_mode(m, value);
	case 'C':
		m->ctl.dir = value;
		break;
	case 'F':
		m->full_name = value;
		break;
	case 'f':
	case 'r':
		m->sender = value;
		break;
	case 'i':
		m->ignores_dots = true;
		break;
	case 'N':
		return set_notify(m, value);
	case 'o': /* -oi; the others are sendmail's own affairs */
		m->ignores_dots |= value[0] == 'i';
		break;
	case 'q':
		m->mode = SENDMAIL_RETRY;
		break;
	case 'R':
		return set_ret(m, value);
	case 't':
		m->takes_recipients = true;
		break;
	case 'V':
		m->envid = value;
		break;
	case 'v':
		m->is_verbose = true;
		break;
	case '?':
		return EX_USAGE; /* getopt has complained */
	default:
		break;
	}
	return EX_OK;
}

/* -C may name the file, as with sendmail. */
static void cut_file_name(char *dir)
{
	static const char file[] = "/culver.conf";
	size_t n = strlen(dir), k = sizeof(file) - 1;

	if (n > k && strcmp(dir + n - k, file) == 0)
		dir[n - k] = '\0';
}

int sendmail_read_options(struct sendmail *m, int argc, char **argv)
{
	int status = EX_OK, c;

	while (status == EX_OK && (c = getopt(argc, argv, letters)) != -1) {
		if (c == 'C')
			cut_file_name(optarg);
		status = set_option(m, c, optarg);
	}
	m->recipients = argv + optind;
	m->recipient_count = (size_t)(argc - optind);
	if (status == EX_OK && m->mode == SENDMAIL_SUBMIT &&
	    m->recipient_count == 0 && !m->takes_recipients) {
		ctl_complain("no recipient; name some, or -t takes those of "
			     "the header");
		status = EX_USAGE;
	}
	return status;
}
