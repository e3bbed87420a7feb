/*
 * culver called as sendmail, mailq or newaliases. Hands mail to culverd over
 * run_dir/submit.sock, whoever calls: no rights are needed, and who it is the
 * kernel tells the server. Nothing is kept here: exit status 0 means that the
 * queue has the message, any other that the caller still does.
 *
 * Exit status: sysexits(3). 64 the command line is wrong; 65 the message is;
 * 67 a recipient is unknown; 69 the message or a recipient was refused; 75 not
 * now, try again.
 */
#ifndef CTL_SENDMAIL_H
#define CTL_SENDMAIL_H

#include "base/arena.h"
#include "base/slice.h"
#include "ctl/ctl.h"

enum sendmail_mode {
	SENDMAIL_SUBMIT,  /* -bm */
	SENDMAIL_STDIO,   /* -bs */
	SENDMAIL_LIST,    /* -bp, mailq */
	SENDMAIL_ALIASES, /* -bi, newaliases */
	SENDMAIL_RETRY,   /* -q */
};

struct sendmail {
	struct ctl ctl;
	enum sendmail_mode mode;
	const char *sender;    /* -f, -r; NULL: the user */
	const char *full_name; /* -F; NULL: as passwd has it */
	const char *notify;    /* -N */
	const char *ret;       /* -R */
	const char *envid;     /* -V */
	bool takes_recipients; /* -t */
	bool ignores_dots;     /* -i */
	bool is_verbose;       /* -v */
	char **recipients;
	size_t recipient_count;
};

/* Whether argv[0] is one of those names. */
bool sendmail_is_name(const char *program);
/* The whole of it; returns the exit status. */
int sendmail_main(int argc, char **argv);

/* Reads the command line. Returns 0 or an exit status, having said why. */
int sendmail_read_options(struct sendmail *m, int argc, char **argv);
/* The modes. */
int sendmail_submit(const struct sendmail *m);
int sendmail_stdio(const struct sendmail *m);

/*
 * Reads standard input up to its end or, unless ignores_dots, a lone dot. Line
 * ends of all sorts become CRLF, a CR alone in the header a blank; NULs are
 * left out, and lines that culverd would not take are broken. Returns 0 or a
 * negative errno; -EFBIG over SENDMAIL_OCTETS. The message is mem_free()'d.
 */
enum { SENDMAIL_OCTETS = 1 << 30 };
int sendmail_read_input(int fd, bool ignores_dots, struct slice *ret_message);

/* The login name of the user, or "uid1000", in arena. */
struct slice sendmail_user(struct arena *arena);
/* The body of a From field: the full name, if there is one, and address. */
struct slice sendmail_from(const struct sendmail *m, struct slice address,
			   struct arena *arena);

#endif
