/*
 * The culver command: what its verbs have in common. Exit status: 0 it is
 * done; 1 it could not be, or the answer is no; 2 the command line is wrong.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "conf/errors.h"

#include <stdbool.h>
#include <stddef.h>

enum { CTL_DONE, CTL_FAILED, CTL_USAGE };

struct ctl {
	const char *dir;    /* -c: of the configuration */
	const char *socket; /* -s, or NULL */
	const char **overrides;
	size_t override_count;
	bool is_json;
	bool is_all;     /* --all */
	bool is_yes;     /* --yes */
	bool is_summary; /* --summary */
	bool is_held;    /* --held; the texts after it are NULL, or given */
	const char *from, *to, *older_than, *reason;
	const char *type; /* --type, of a DKIM key; or NULL */
	char **arguments; /* after the verb */
	size_t argument_count;
};

/* One for each verb. */
int cmd_check_config(const struct ctl *ctl);
int cmd_dkim(const struct ctl *ctl);
int cmd_domain_tls(const struct ctl *ctl);
int cmd_milter(const struct ctl *ctl);
int cmd_milter_check(const struct ctl *ctl); /* arguments: check NAME [FILE] */
int cmd_queue(const struct ctl *ctl);
int cmd_reload(const struct ctl *ctl);
int cmd_resolve(const struct ctl *ctl);
int cmd_route(const struct ctl *ctl);
int cmd_tls_report(const struct ctl *ctl);
int cmd_user(const struct ctl *ctl);

/* Says on standard error what is wrong, after "culver: ". */
void ctl_complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* Text of any origin for a terminal: control octets become \xHH. */
void ctl_print(const char *text);
/* The same, filled with spaces to columns. */
void ctl_print_column(const char *text, size_t columns);

#endif
