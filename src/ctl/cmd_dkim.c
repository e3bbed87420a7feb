/* culver dkim: keys are made, shown, taken into use and out of it. */
#include "ctl/ask.h"
#include "ctl/dkim_files.h"
#include "ctl/dkim_print.h"
#include "mail/dkim.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	NAME_COLUMNS = 40,
	STATE_COLUMNS = 8,
	SELECTOR_OCTETS = 32,
	RELOAD_S = 10, /* by then the daemon has seen a change on disk */
};

/* What was asked for, and what there is. */
struct dkim {
	const struct ctl *ctl;
	struct dkim_files files;
	const char *selector; /* or NULL */
};

static const struct {
	const char *type;
	const char *suffix; /* of the selector we give */
	unsigned bits;      /* 0: Ed25519 */
} types[] = {
	{ "rsa2048", "", 2048 },
	{ "rsa3072", "", 3072 },
	{ "rsa4096", "", 4096 },
	{ "ed25519", "e", 0 },
};

/* --- list, dns -------------------------------------------------------------------- */

static void print_key(const struct dkim *d, const struct dkim_file *f)
{
	struct arena *arena = d->files.arena;
	const char *name =
		arena_string(arena, dkim_key_name(slice_of(f->selector),
						  slice_of(f->domain), arena));

	ctl_print_column(name, NAME_COLUMNS);
	(void)putchar(' ');
	ctl_print_column(dkim_state_word(f->state), STATE_COLUMNS);
	(void)printf(" %s\n", dkim_kind_of(f, arena));
}

static void print_json(const struct dkim_file *f, bool with_record)
{
	json_t *line = dkim_json(f, with_record);

	ask_print_json(line);
	json_decref(line);
}

static int list(struct dkim *d)
{
	for (size_t i = 0; i < d->files.count; i++)
		if (d->ctl->is_json)
			print_json(&d->files.items[i], false);
		else
			print_key(d, &d->files.items[i]);
	if (d->files.count == 0 && !d->ctl->is_json)
		(void)puts("There is no key; \"culver dkim new DOMAIN\" makes "
			   "one.");
	return CTL_DONE;
}

static void show_record(const struct dkim *d, const struct dkim_file *f)
{
	if (d->ctl->is_json)
		print_json(f, true);
	else
		dkim_print_record(f);
}

static int dns(struct dkim *d)
{
	size_t shown = 0;

	for (size_t i = 0; i < d->files.count; i++) {
		const struct dkim_file *f = &d->files.items[i];

		if (d->selector != NULL &&
		    strcasecmp(d->selector, f->selector) != 0)
			continue;
		if (shown++ > 0 && !d->ctl->is_json)
			(void)putchar('\n');
		show_record(d, f);
	}
	if (shown == 0)
		ctl_complain("there is no such key");
	return shown > 0 ? CTL_DONE : CTL_FAILED;
}

/* --- new -------------------------------------------------------------------------- */

/* Returns its place in types, or -1. */
static int find_type(const char *name)
{
	if (name == NULL || strcmp(name, "rsa") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(name, types[i].type) == 0)
			return (int)i;
	ctl_complain("--type takes rsa2048, rsa3072, rsa4096 or ed25519");
	return -1;
}

static void suggest(const char *suffix, char text[SELECTOR_OCTETS])
{
	time_t now = (time_t)clock_wall_s();
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&now, &tm) != NULL)
		n = strftime(text, SELECTOR_OCTETS, "%Y%m%d", &tm);
	(void)snprintf(text + n, SELECTOR_OCTETS - n, "%s", suffix);
}

static bool is_selector(struct dkim *d)
{
	struct slice canonical;

	if (dkim_selector(slice_of(d->selector), d->files.arena, &canonical) !=
	    0) {
		ctl_complain("%s cannot be a selector: it takes letters, "
			     "digits and hyphens",
			     d->selector);
		return false;
	}
	if (dkim_files_find(&d->files, d->selector) != NULL) {
		ctl_complain("%s has a key %s already", d->files.domain,
			     d->selector);
		return false;
	}
	d->selector = arena_string(d->files.arena, canonical);
	return true;
}

static EVP_PKEY *make_key(unsigned bits)
{
	return bits > 0 ? EVP_RSA_gen(bits)
			: EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static int new_key(struct dkim *d)
{
	struct dkim_file f = { .domain = d->files.domain, .state = DKIM_NEW };
	int type = find_type(d->ctl->type);
	char suggestion[SELECTOR_OCTETS];
	bool ok;

	if (type < 0)
		return CTL_USAGE;
	if (d->selector == NULL) {
		suggest(types[type].suffix, suggestion);
		d->selector = suggestion;
	}
	if (!is_selector(d))
		return CTL_FAILED;
	f.selector = d->selector;
	f.path = dkim_files_path(&d->files, f.selector, DKIM_NEW);
	f.key = make_key(types[type].bits);
	if (f.key == NULL)
		ctl_complain("the key cannot be made");
	ok = f.key != NULL && dkim_file_write(f.path, f.key, true);
	if (ok)
		show_record(d, &f);
	if (ok && !d->ctl->is_json)
		(void)printf("\n; When all servers of the domain have it:\n"
			     "; culver dkim activate %s %s\n",
			     f.domain, f.selector);
	EVP_PKEY_free(f.key);
	return ok ? CTL_DONE : CTL_FAILED;
}

/* --- activate, retire --------------------------------------------------------------- */

/* The one that is meant, or the only one in that state. */
static struct dkim_file *choose(const struct dkim *d, enum dkim_state state)
{
	struct dkim_file *found = NULL;

	if (d->selector != NULL) {
		found = dkim_files_find(&d->files, d->selector);
		if (found == NULL)
			ctl_complain("%s has no key %s", d->files.domain,
				     d->selector);
		return found;
	}
	for (size_t i = 0; i < d->files.count; i++) {
		if (d->files.items[i].state != state)
			continue;
		if (found != NULL) {
			ctl_complain("there are several keys; say which one");
			return NULL;
		}
		found = &d->files.items[i];
	}
	if (found == NULL)
		ctl_complain("%s has no %s key", d->files.domain,
			     dkim_state_word(state));
	return found;
}

static void say(const struct dkim *d, const struct dkim_file *f,
		const char *words)
{
	if (d->ctl->is_json)
		print_json(f, false);
	else
		(void)printf("%s._domainkey.%s %s\n", f->selector, f->domain,
			     words);
}

static int activate(struct dkim *d)
{
	struct dkim_file *f = choose(d, DKIM_NEW);
	const char *path;

	if (f == NULL)
		return CTL_FAILED;
	if (f->state != DKIM_NEW) {
		ctl_complain("this key is %s", dkim_state_word(f->state));
		return CTL_FAILED;
	}
	path = dkim_files_path(&d->files, f->selector, DKIM_ACTIVE);
	if (f->key == NULL || rename(f->path, path) != 0) {
		ctl_complain("%s: %s", path,
			     f->key == NULL ? "not a key" : strerror(errno));
		return CTL_FAILED;
	}
	f->path = path;
	f->state = DKIM_ACTIVE;
	say(d, f, "signs from now on");
	return CTL_DONE;
}

static bool forget(const struct dkim_file *f)
{
	if (unlink(f->path) == 0)
		return true;
	ctl_complain("%s: %s", f->path, strerror(errno));
	return false;
}

static int retire_active(struct dkim *d, struct dkim_file *f)
{
	const char *path =
		dkim_files_path(&d->files, f->selector, DKIM_RETIRED);

	if (f->key == NULL || !dkim_file_write(path, f->key, false) ||
	    !forget(f))
		return CTL_FAILED;
	f->path = path;
	f->state = DKIM_RETIRED;
	say(d, f,
	    "signs no more. Leave it in DNS for now: mail that it has signed "
	    "may be under\nway. \"culver dkim retire\" says when that is over");
	return CTL_DONE;
}

static bool on_queue(const struct ctl *ctl, json_t *line, void *arg)
{
	json_int_t *waiting = arg;
	bool is_entry = json_object_get(line, "entry") != NULL;

	(void)ctl;
	*waiting += is_entry;
	return is_entry;
}

/* Who signs last: mail that came before the daemon saw the change. */
static bool is_mail_waiting(const struct dkim *d, const struct dkim_file *f,
			    bool *ret_is_waiting)
{
	json_t *request = json_object();
	int64_t age = clock_wall_s() - f->changed - RELOAD_S;
	json_int_t waiting = 0;
	int status;

	(void)json_object_set_new(request, "command",
				  json_string("queue_list"));
	if (age > 0)
		(void)json_object_set_new(request, "older_than",
					  json_integer(age));
	status = ask(d->ctl, request, on_queue, &waiting);
	if (status == CTL_DONE && waiting > 0)
		ctl_complain("%" PRIdMAX " recipients of mail from before wait "
			     "in the queue: leave %s._domainkey.%s in DNS",
			     (intmax_t)waiting, f->selector, f->domain);
	*ret_is_waiting = waiting > 0;
	return status == CTL_DONE;
}

static int retire_for_good(struct dkim *d, struct dkim_file *f)
{
	bool is_waiting = false;

	if (!d->ctl->is_yes &&
	    (!is_mail_waiting(d, f, &is_waiting) || is_waiting))
		return CTL_FAILED;
	if (!forget(f))
		return CTL_FAILED;
	say(d, f, "can be removed from DNS");
	return CTL_DONE;
}

static int retire(struct dkim *d)
{
	struct dkim_file *f = choose(d, DKIM_ACTIVE);

	if (f == NULL)
		return CTL_FAILED;
	switch (f->state) {
	case DKIM_ACTIVE:
		return retire_active(d, f);
	case DKIM_RETIRED:
		return retire_for_good(d, f);
	case DKIM_NEW:
		if (!forget(f))
			return CTL_FAILED;
		say(d, f, "is gone; nothing was signed with it");
		return CTL_DONE;
	}
	return CTL_FAILED;
}

/* --- the command line --------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(struct dkim *d);
	bool needs_domain;
	bool takes_selector;
} verbs[] = {
	{ "list", list, false, false },   { "dns", dns, true, true },
	{ "new", new_key, true, true },   { "activate", activate, true, true },
	{ "retire", retire, true, true },
};

int cmd_dkim(const struct ctl *ctl)
{
	const char *name = ctl->argument_count > 0 ? ctl->arguments[0] : "list";
	const char *domain = ctl->argument_count > 1 ? ctl->arguments[1] : NULL;
	struct dkim d = { .ctl = ctl };

	if (ctl->argument_count > 2)
		d.selector = ctl->arguments[2];
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		int status = CTL_FAILED;

		if (strcmp(name, verbs[i].name) != 0 ||
		    (verbs[i].needs_domain && domain == NULL) ||
		    (!verbs[i].takes_selector && d.selector != NULL))
			continue;
		if (dkim_files_read(ctl->dir, domain, &d.files))
			status = verbs[i].run(&d);
		dkim_files_done(&d.files);
		return status;
	}
	ctl_complain(
		"dkim takes list [DOMAIN], or new, dns, activate or retire "
		"with DOMAIN [SELECTOR]");
	return CTL_USAGE;
}
