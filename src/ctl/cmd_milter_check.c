/* culver milter check: whether a filter works, and what it does. */
#include "base/mem.h"
#include "conf/parse.h"
#include "ctl/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_OCTETS = 4096, ARENA_OCTETS = 64 << 20 };

static void complain_of(const struct conf_errors *errors)
{
	for (size_t i = 0; i < conf_errors_lines(errors); i++)
		if (!conf_errors_is_warning(errors, i))
			(void)fprintf(stderr, "%s\n",
				      conf_errors_line(errors, i));
}

/* Only culver.conf: keys of certificates, which few may read, do not matter. */
static bool read_conf(const struct ctl *ctl, struct conf *conf)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	char file[PATH_OCTETS];
	bool is_good;

	(void)snprintf(file, sizeof(file), "%s/culver.conf", ctl->dir);
	is_good = conf_parse_file(conf, file, errors);
	for (size_t i = 0; i < ctl->override_count; i++)
		is_good &= conf_parse_override(conf, ctl->overrides[i], errors);
	complain_of(errors);
	conf_complete(conf);
	return is_good;
}

static const struct conf_milter *find(const struct conf *conf, const char *name)
{
	const struct conf_milter *m = conf_milter_named(conf, slice_of(name));

	if (m == NULL)
		ctl_complain("there is no filter \"%s\" in the configuration",
			     name);
	return m;
}

static int print_report(const struct check *c)
{
	char *text;

	if (c->report == NULL)
		return c->has_failed ? CTL_FAILED : CTL_DONE;
	(void)json_object_set_new(c->report, "works",
				  json_boolean(!c->has_failed));
	text = json_dumps(c->report, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text != NULL)
		(void)puts(text);
	free(text); /* jansson's */
	return c->has_failed ? CTL_FAILED : CTL_DONE;
}

static int check(struct check *c, const char *file)
{
	AUTO(fd_close) int fd = -1;
	struct milter_message *message;

	if (check_message(c, file, &fd, &message) < 0)
		return CTL_FAILED;
	check_say(c, "filter", "filter", slice_of(c->milter->name));
	check_say(c, "socket", "socket", slice_of(c->milter->socket));
	check_options(c);
	if (!c->has_failed)
		check_run(c, message);
	milter_message_free(&message);
	return print_report(c);
}

int cmd_milter_check(const struct ctl *ctl)
{
	AUTO(conf_free) struct conf *conf = conf_new();
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct check c = { .ctl = ctl, .conf = conf, .arena = arena };
	int status;

	if (!read_conf(ctl, conf))
		return CTL_FAILED;
	c.milter = find(conf, ctl->arguments[1]);
	if (c.milter == NULL)
		return CTL_FAILED;
	c.base = event_base_new();
	if (c.base == NULL) {
		ctl_complain("no event loop");
		return CTL_FAILED;
	}
	c.report = ctl->is_json ? json_object() : NULL;
	status = check(&c, ctl->argument_count > 2 ? ctl->arguments[2] : NULL);
	json_decref(c.report);
	event_base_free(c.base);
	return status;
}
