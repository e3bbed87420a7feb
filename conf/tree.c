#include "conf/tree.h"

#include "base/mem.h"
#include "conf/aliases.h"
#include "conf/database.h"
#include "conf/file.h"
#include "conf/parse.h"
#include "conf/passwords.h"
#include "conf/roots.h"
#include "conf/system_aliases.h"
#include "conf/tree-private.h"
#include "conf/trust_anchor.h"
#include "smtp/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ALIASES_OCTETS = 4 << 20,
	ENTRIES_MAX = 20000, /* of domains/ and of certs/ */
	ALL_ALIASES_OCTETS = 256 << 20,
	TREE_OCTETS = ALL_ALIASES_OCTETS + (256 << 20),
};

static void loaded_free(struct loaded **loaded)
{
	struct loaded *l = *loaded;

	if (l == NULL)
		return;
	for (size_t i = 0; i < l->tree.certificate_count; i++)
		mem_free(&l->certificates[i].chain_pem.p);
	mem_free(&l->certificates);
	mem_free(&l->dkim_keys);
	mem_free(&l->domains);
	passwords_free(&l->passwords, l->tree.conf);
	conf_free(&l->tree.conf);
	arena_free(&l->arena);
	mem_free(loaded);
}

void tree_free(struct tree **tree)
{
	void *whole = *tree;
	struct loaded *l = whole;

	loaded_free(&l);
	*tree = NULL;
}

/* --- directories ------------------------------------------------------------------ */

const char *tree_path(const struct loader *l, const char *a, const char *b,
		      const char *c)
{
	size_t n = strlen(l->dir) + strlen(a) + strlen(b) + strlen(c) + 4;
	char *path = arena_alloc(l->to->arena, n);

	(void)snprintf(path, n, "%s/%s%s%s%s%s", l->dir, a,
		       b[0] != '\0' ? "/" : "", b, c[0] != '\0' ? "/" : "", c);
	return path;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void tree_free_entries(struct dirent **entries, int count)
{
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}

size_t tree_for_each(struct loader *l, const char *name,
		     void (*each)(struct loader *l, const char *entry))
{
	const char *path = tree_path(l, name, "", "");
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_visible, alphasort);
	size_t directories = 0;

	if (count < 0) {
		if (errno != ENOENT)
			conf_errors_add(l->errors, path, 0, NULL,
					"cannot be read: %s", strerror(errno));
		return 0;
	}
	if (count > ENTRIES_MAX)
		conf_errors_add(l->errors, path, 0, NULL,
				"%d entries; at most %d", count, ENTRIES_MAX);
	for (int i = 0; i < count && count <= ENTRIES_MAX; i++) {
		const char *full = tree_path(l, name, entries[i]->d_name, "");
		struct stat st;

		if (stat(full, &st) != 0) {
			conf_errors_add(l->errors, full, 0, NULL,
					"cannot be read: %s", strerror(errno));
			continue;
		}
		if (!S_ISDIR(st.st_mode))
			continue;
		each(l, entries[i]->d_name);
		directories++;
	}
	tree_free_entries(entries, count);
	return directories;
}

/* --- domains/ ---------------------------------------------------------------------- */

static void check_aliases(struct loader *l, const struct tree_domain *d)
{
	struct aliases *a =
		aliases_parse(d->aliases, d->path, slice_of(d->name),
			      l->to->tree.conf->drop_characters, l->errors);

	aliases_free(&a);
}

static void read_aliases(struct loader *l, struct tree_domain *d)
{
	struct slice text;
	int r = file_read(AT_FDCWD, d->path, ALIASES_OCTETS, &text, NULL);

	if (r == -ENOENT)
		return; /* a domain without aliases */
	if (r < 0) {
		conf_errors_add(l->errors, d->path, 0, NULL,
				"cannot be read: %s", strerror(-r));
		return;
	}
	l->to->aliases_octets += text.n;
	if (l->to->aliases_octets > ALL_ALIASES_OCTETS)
		conf_errors_add(l->errors, d->path, 0, NULL,
				"the aliases of all domains are too big");
	else
		d->aliases = arena_copy(l->to->arena, text);
	mem_free(&text.p);
	check_aliases(l, d);
}

static void load_domain(struct loader *l, const char *entry)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct loaded *to = l->to;
	const char *path = tree_path(l, "domains", entry, "aliases");
	struct tree_domain *d;
	struct slice name;

	if (name_domain(slice_of(entry), a, &name) != 0) {
		conf_errors_add(l->errors, tree_path(l, "domains", entry, ""),
				0, NULL,
				"the directory's name is no domain; write it "
				"like example.com");
		return;
	}
	to->domains = mem_resize(to->domains, to->tree.domain_count + 1,
				 sizeof(*to->domains));
	d = &to->domains[to->tree.domain_count++];
	*d = (struct tree_domain){ .name = arena_string(to->arena, name),
				   .path = path };
	read_aliases(l, d);
	tree_load_dkim_keys(l, entry, d->name);
}

static int compare_domains(const void *x, const void *y)
{
	const struct tree_domain *a = x, *b = y;
	int r = strcmp(a->name, b->name);

	return r != 0 ? r : strcmp(a->path, b->path);
}

static void load_domains(struct loader *l)
{
	struct loaded *to = l->to;

	if (tree_for_each(l, "domains", load_domain) == 0)
		conf_errors_warn(l->errors, tree_path(l, "domains", "", ""), 0,
				 NULL,
				 "no domain is ours, so mail is taken from "
				 "logins only; a directory named like a domain "
				 "makes it ours");
	if (to->tree.domain_count > 1)
		qsort(to->domains, to->tree.domain_count, sizeof(*to->domains),
		      compare_domains);
	for (size_t i = 1; i < to->tree.domain_count; i++)
		if (strcmp(to->domains[i - 1].name, to->domains[i].name) == 0)
			conf_errors_add(l->errors, to->domains[i].path, 0, NULL,
					"the domain %s is also in %s",
					to->domains[i].name,
					to->domains[i - 1].path);
	to->tree.domains = to->domains;
}

/* Nothing in it stops the server: it is not ours. */
static void load_system_aliases(struct loader *l)
{
	struct tree *tree = &l->to->tree;
	const char *path = tree->conf->system_aliases;
	struct slice text;
	int r;

	tree->system_print = tree_system_fingerprint(tree->conf);
	if (path[0] == '\0')
		return;
	r = file_read(AT_FDCWD, path, ALIASES_OCTETS, &text, NULL);
	if (r < 0 && r != -ENOENT)
		conf_errors_warn(l->errors, path, 0, NULL, "cannot be read: %s",
				 strerror(-r));
	if (r < 0)
		return;
	tree->system_aliases =
		system_aliases_read(text, path, l->to->arena, l->errors);
	mem_free(&text.p);
}

/* --- hooks/ ------------------------------------------------------------------------ */

/* Whether there is such a program. What stands there but cannot be run counts:
 * mail waits for it, and does not pass without it. */
static bool has_hook(const struct loader *l, const char *name,
		     const char *consequence)
{
	const char *path = tree_path(l, "hooks", name, "");
	struct stat st;

	if (lstat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return false;
	if (stat(path, &st) != 0)
		conf_errors_warn(l->errors, path, 0, NULL,
				 "cannot be run: %s; %s", strerror(errno),
				 consequence);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		conf_errors_warn(l->errors, path, 0, NULL,
				 "cannot be run: it is no executable file; %s",
				 consequence);
	return true;
}

static void load_hooks(struct loader *l)
{
	struct loaded *to = l->to;
	char *path = realpath(l->dir, NULL);

	to->tree.directory =
		arena_string(to->arena, slice_of(path != NULL ? path : l->dir));
	free(path); /* realpath(3) gave it */
	to->tree.has_post_data =
		has_hook(l, "post-data", "all mail is answered with 451");
	to->tree.has_alias_resolve = has_hook(
		l, "alias-resolve", "recipients are answered with 451");
}

/* --- the whole ---------------------------------------------------------------------- */

struct tree *tree_load(const char *dir, const char *const *overrides,
		       size_t count, struct conf_errors *errors)
{
	AUTO(loaded_free) struct loaded *to = mem_new(sizeof(*to));
	struct loader l = { .to = to, .dir = dir, .errors = errors };
	size_t before = conf_errors_count(errors);
	struct tree *tree;

	to->arena = arena_new(TREE_OCTETS);
	to->tree.conf = conf_new();
	(void)conf_parse_file(to->tree.conf,
			      tree_path(&l, "culver.conf", "", ""), errors);
	for (size_t i = 0; i < count; i++)
		(void)conf_parse_override(to->tree.conf, overrides[i], errors);
	database_warn_readable(to->tree.conf,
			       tree_path(&l, "culver.conf", "", ""), errors);
	to->passwords = passwords_read(to->tree.conf, errors);
	to->tree.passwords = to->passwords;
	load_domains(&l);
	load_system_aliases(&l);
	to->tree.system_print ^= to->dkim_print;
	tree_load_certificates(&l);
	load_hooks(&l);
	to->tree.trust_anchor =
		trust_anchor_read(to->tree.conf, to->arena, errors);
	to->tree.roots = roots_read(to->tree.conf, to->arena, errors);
	if (conf_errors_count(errors) > before)
		return NULL;
	conf_complete(to->tree.conf);
	tree = &to->tree;
	to = NULL; /* now the caller's */
	return tree;
}
