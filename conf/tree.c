#include "conf/tree.h"
#include "conf/database.h"

#include "base/mem.h"
#include "conf/aliases.h"
#include "conf/certificate.h"
#include "conf/file.h"
#include "conf/parse.h"
#include "conf/roots.h"
#include "conf/system_aliases.h"
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
	PEM_OCTETS = 256 << 10,
	ENTRIES_MAX = 20000, /* of domains/ and of certs/ */
	ALL_ALIASES_OCTETS = 256 << 20,
	TREE_OCTETS = ALL_ALIASES_OCTETS + (256 << 20),
};

/* What tree_load() makes: the tree, and what is being made of it. */
struct loaded {
	struct tree tree; /* first: tree_free() gets its address */
	struct arena *arena;
	struct tree_domain *domains;
	struct tree_certificate *certificates;
	size_t aliases_octets;
};

struct loader {
	struct loaded *to;
	const char *dir;
	struct conf_errors *errors;
};

/* The text is ours, const only for those who are given it. */
static void wipe(struct slice text)
{
	void *writable;

	memcpy(&writable, &text.p, sizeof(writable));
	if (text.n > 0)
		explicit_bzero(writable, text.n);
}

static void loaded_free(struct loaded **loaded)
{
	struct loaded *l = *loaded;

	if (l == NULL)
		return;
	for (size_t i = 0; i < l->tree.certificate_count; i++) {
		struct tree_certificate *c = &l->certificates[i];

		wipe(c->key_pem);
		mem_free(&c->key_pem.p);
		mem_free(&c->chain_pem.p);
	}
	mem_free(&l->certificates);
	mem_free(&l->domains);
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

/* "DIR/A/B/C" for messages and names of files; empty parts are left out. */
static const char *path_of(const struct loader *l, const char *a, const char *b,
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

static void free_entries(struct dirent **entries, int count)
{
	for (int i = 0; i < count; i++)
		free(entries[i]); /* scandir(3) gave them */
	free(entries);
}

/* Calls each for every directory in DIR/name, sorted by name. A link to one
 * counts; a plain file does not. Returns how many there were. */
static size_t for_each(struct loader *l, const char *name,
		       void (*each)(struct loader *l, const char *entry))
{
	const char *path = path_of(l, name, "", "");
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
		const char *full = path_of(l, name, entries[i]->d_name, "");
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
	free_entries(entries, count);
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
	const char *path = path_of(l, "domains", entry, "aliases");
	struct tree_domain *d;
	struct slice name;

	if (name_domain(slice_of(entry), a, &name) != 0) {
		conf_errors_add(l->errors, path_of(l, "domains", entry, ""), 0,
				NULL,
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

	if (for_each(l, "domains", load_domain) == 0)
		conf_errors_warn(l->errors, path_of(l, "domains", "", ""), 0,
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

/* --- certs/ ------------------------------------------------------------------------ */

/* One of a pair; an empty slice when it is not there or an error was added. */
static struct slice read_pem(struct loader *l, const char *path,
			     struct stat *ret_stat)
{
	struct slice text = { .p = NULL, .n = 0 };
	int r = file_read(AT_FDCWD, path, PEM_OCTETS, &text, ret_stat);

	if (r < 0 && r != -ENOENT)
		conf_errors_add(l->errors, path, 0, NULL, "cannot be read: %s",
				strerror(-r));
	return text;
}

static bool is_pair(struct loader *l, const char *entry,
		    const struct tree_certificate *c, mode_t key_mode)
{
	const char *chain = path_of(l, "certs", entry, "fullchain.pem");
	const char *key = path_of(l, "certs", entry, "privkey.pem");

	if (c->chain_pem.p == NULL || c->key_pem.p == NULL) {
		conf_errors_warn(l->errors, path_of(l, "certs", entry, ""), 0,
				 NULL,
				 "passed over: it takes fullchain.pem and "
				 "privkey.pem");
		return false;
	}
	if ((key_mode & S_IROTH) != 0)
		conf_errors_warn(l->errors, key, 0, NULL,
				 "everyone on this machine can read the key; "
				 "mode 0600 or 0640 is right");
	return certificate_check(c->chain_pem, c->key_pem, chain, key,
				 l->errors);
}

static void load_certificate(struct loader *l, const char *entry)
{
	struct loaded *to = l->to;
	struct tree_certificate *c;
	struct stat st = { .st_mode = 0 };

	to->certificates =
		mem_resize(to->certificates, to->tree.certificate_count + 1,
			   sizeof(*to->certificates));
	c = &to->certificates[to->tree.certificate_count];
	*c = (struct tree_certificate){
		.name = arena_string(to->arena, slice_of(entry)),
		.chain_pem = read_pem(
			l, path_of(l, "certs", entry, "fullchain.pem"), NULL),
		.key_pem = read_pem(
			l, path_of(l, "certs", entry, "privkey.pem"), &st),
	};
	to->tree.certificate_count++;
	if (is_pair(l, entry, c, st.st_mode))
		return;
	to->tree.certificate_count--;
	wipe(c->key_pem);
	mem_free(&c->key_pem.p);
	mem_free(&c->chain_pem.p);
}

static void load_certificates(struct loader *l)
{
	struct loaded *to = l->to;

	(void)for_each(l, "certs", load_certificate);
	if (to->tree.certificate_count == 0)
		conf_errors_warn(l->errors, path_of(l, "certs", "", ""), 0,
				 NULL,
				 "no certificate: port 25 runs without "
				 "STARTTLS, and submission stays closed; put "
				 "NAME/fullchain.pem and NAME/privkey.pem "
				 "here");
	to->tree.certificates = to->certificates;
}

/* --- hooks/ ------------------------------------------------------------------------ */

/* Whether there is such a program. What stands there but cannot be run counts:
 * mail waits for it, and does not pass without it. */
static bool has_hook(const struct loader *l, const char *name,
		     const char *consequence)
{
	const char *path = path_of(l, "hooks", name, "");
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
	(void)conf_parse_file(to->tree.conf, path_of(&l, "culver.conf", "", ""),
			      errors);
	for (size_t i = 0; i < count; i++)
		(void)conf_parse_override(to->tree.conf, overrides[i], errors);
	database_warn_readable(to->tree.conf,
			       path_of(&l, "culver.conf", "", ""), errors);
	load_domains(&l);
	load_system_aliases(&l);
	load_certificates(&l);
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
