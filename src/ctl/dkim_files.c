#include "ctl/dkim_files.h"

#include "base/mem.h"
#include "conf/dkim_key.h"
#include "conf/file.h"
#include "ctl/ctl.h"
#include "mail/dkim.h"
#include "smtp/name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_OCTETS = 256 << 20, KEY_MODE = 0640 };

static const struct {
	const char *word;
	struct slice suffix; /* of the file's name, after ".pem" */
} states[] = {
	[DKIM_NEW] = { "new", SLICE(".new") },
	[DKIM_ACTIVE] = { "active", SLICE("") },
	[DKIM_RETIRED] = { "retired", SLICE(".retired") },
};

enum { STATES = sizeof(states) / sizeof(states[0]) };

const char *dkim_state_word(enum dkim_state state)
{
	return states[state].word;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
	*dir = NULL;
}

static const char *join(struct arena *arena, const char *a, const char *b)
{
	return arena_format(arena, "%s/%s", a, b).p;
}

/* --- reading ---------------------------------------------------------------------- */

static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *read_pem(struct slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	if (key == NULL && BIO_reset(bio) == 1)
		key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	ERR_clear_error();
	BIO_free(bio);
	return key;
}

static void read_key(struct dkim_file *f)
{
	struct slice pem = { .n = 0 };
	struct stat st = { .st_mode = 0 };
	int r = file_read(AT_FDCWD, f->path, DKIM_KEY_OCTETS, &pem, &st);

	f->changed = st.st_mtim.tv_sec;
	if (r == 0)
		f->key = read_pem(pem);
	if (r < 0)
		ctl_complain("%s: %s", f->path, strerror(-r));
	else if (f->key == NULL)
		ctl_complain("%s: this is no key", f->path);
	file_forget(&pem);
}

/* The selector of a key's file in any state; false if it is none. */
static bool selector_of(struct slice name, struct slice *ret_selector,
			enum dkim_state *ret_state)
{
	for (int s = 0; s < STATES; s++) {
		struct slice suffix = states[s].suffix;
		struct slice selector;

		if (!slice_ends_nocase(name, suffix))
			continue;
		selector =
			dkim_key_selector(slice_head(name, name.n - suffix.n));
		if (selector.n == 0)
			continue;
		*ret_selector = selector;
		*ret_state = (enum dkim_state)s;
		return true;
	}
	return false;
}

static void add_file(struct dkim_files *files, const char *directory,
		     const char *domain, const char *name)
{
	struct slice selector;
	enum dkim_state state;
	struct dkim_file *f;

	if (!selector_of(slice_of(name), &selector, &state) ||
	    dkim_selector(selector, files->arena, &selector) != 0)
		return;
	files->items = mem_resize(files->items, files->count + 1,
				  sizeof(*files->items));
	f = &files->items[files->count++];
	*f = (struct dkim_file){
		.domain = domain,
		.selector = arena_string(files->arena, selector),
		.state = state,
		.path = join(files->arena, directory, name),
	};
	read_key(f);
}

static bool add_domain(struct dkim_files *files, const char *directory,
		       const char *domain)
{
	AUTO(close_dir) DIR *dir = opendir(directory);
	const struct dirent *entry;

	if (dir == NULL && errno == ENOTDIR)
		return true;
	if (dir == NULL) {
		ctl_complain("%s: %s", directory, strerror(errno));
		return false;
	}
	while ((entry = readdir(dir)) != NULL)
		add_file(files, directory, domain, entry->d_name);
	return true;
}

static int compare(const void *x, const void *y)
{
	const struct dkim_file *a = x, *b = y;
	int r = strcmp(a->domain, b->domain);

	if (r == 0)
		r = strcmp(a->selector, b->selector);
	return r != 0 ? r : (int)a->state - (int)b->state;
}

static bool read_all(struct dkim_files *files, const char *top)
{
	AUTO(close_dir) DIR *dir = opendir(top);
	const struct dirent *entry;
	bool ok = true;

	if (dir == NULL) {
		ctl_complain("%s: %s", top, strerror(errno));
		return false;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *path = join(files->arena, top, entry->d_name);
		struct slice name;

		if (entry->d_name[0] == '.' ||
		    name_domain(slice_of(entry->d_name), files->arena, &name) !=
			    0)
			continue;
		if (files->domain != NULL &&
		    !slice_equal(name, slice_of(files->domain)))
			continue;
		if (files->domain != NULL)
			files->directory = path;
		ok = add_domain(files, path,
				arena_string(files->arena, name)) &&
		     ok;
	}
	if (files->count > 1)
		qsort(files->items, files->count, sizeof(*files->items),
		      compare);
	return ok;
}

bool dkim_files_read(const char *conf_dir, const char *domain,
		     struct dkim_files *ret_files)
{
	struct slice name;
	bool ok;

	*ret_files = (struct dkim_files){ .arena = arena_new(ARENA_OCTETS) };
	if (domain != NULL) {
		if (name_domain(slice_of(domain), ret_files->arena, &name) !=
		    0) {
			ctl_complain("%s is no domain", domain);
			return false;
		}
		ret_files->domain = arena_string(ret_files->arena, name);
	}
	ok = read_all(ret_files, join(ret_files->arena, conf_dir, "domains"));
	if (ok && domain != NULL && ret_files->directory == NULL) {
		ctl_complain("%s is none of our domains: there is no such "
			     "directory in %s/domains",
			     ret_files->domain, conf_dir);
		return false;
	}
	return ok;
}

void dkim_files_done(struct dkim_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		EVP_PKEY_free(files->items[i].key);
	mem_free(&files->items);
	arena_free(&files->arena);
}

struct dkim_file *dkim_files_find(const struct dkim_files *files,
				  const char *selector)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcasecmp(files->items[i].selector, selector) == 0)
			return &files->items[i];
	return NULL;
}

const char *dkim_files_path(const struct dkim_files *files,
			    const char *selector, enum dkim_state state)
{
	return arena_format(files->arena, "%s/dkim:%s.pem%s", files->directory,
			    selector, states[state].suffix.p)
		.p;
}

/* --- writing ---------------------------------------------------------------------- */

/* The server, which may not be root, owns the directory. */
static int own(int fd, const char *path)
{
	AUTO(mem_free_string) char *directory = mem_string(path);
	char *slash = strrchr(directory, '/');
	struct stat st;

	if (slash != NULL)
		*slash = '\0';
	if (fchmod(fd, KEY_MODE) != 0 || stat(directory, &st) != 0)
		return -errno;
	if (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) != 0)
		return -errno;
	return 0;
}

static int write_pem(int fd, EVP_PKEY *key, bool is_private)
{
	BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
	bool ok = bio != NULL &&
		  (is_private ? PEM_write_bio_PKCS8PrivateKey(
					bio, key, NULL, NULL, 0, NULL, NULL)
			      : PEM_write_bio_PUBKEY(bio, key)) == 1;

	BIO_free(bio);
	if (!ok)
		return -EIO;
	return fsync(fd) == 0 ? 0 : -errno;
}

bool dkim_file_write(const char *path, EVP_PKEY *key, bool is_private)
{
	AUTO(fd_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : own(fd, path);

	if (r == 0)
		r = write_pem(fd, key, is_private);
	if (r == 0)
		return true;
	if (fd >= 0)
		(void)unlink(path);
	ctl_complain("%s: %s", path, strerror(-r));
	return false;
}
