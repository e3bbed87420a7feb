/* What tree_load() makes the tree of, for its files. */
#ifndef CONF_TREE_PRIVATE_H
#define CONF_TREE_PRIVATE_H

#include "base/arena.h"
#include "conf/tree.h"

#include <dirent.h>
#include <sys/stat.h>

/* The tree, and what is being made of it. */
struct loaded {
	struct tree tree; /* first: tree_free() gets its address */
	struct arena *arena;
	struct tree_domain *domains;
	struct tree_certificate *certificates;
	struct dkim_key *dkim_keys;
	struct slice *passwords;
	size_t aliases_octets;
	uint64_t dkim_print; /* tree_keys_fingerprint(), before reading */
};

struct loader {
	struct loaded *to;
	const char *dir;
	struct conf_errors *errors;
};

/* "DIR/A/B/C" for messages and names of files; empty parts are left out. */
const char *tree_path(const struct loader *l, const char *a, const char *b,
		      const char *c);

/* Calls each for every directory in DIR/name, sorted by name. A link to one
 * counts; a plain file does not. Returns how many there were. */
size_t tree_for_each(struct loader *l, const char *name,
		     void (*each)(struct loader *l, const char *entry));

/* fingerprint.c: of one file, as far as tree_keys_fingerprint() goes. */
uint64_t tree_file_fingerprint(const char *path);

/* What scandir(3) gave. */
void tree_free_entries(struct dirent **entries, int count);

/* tree_certificates.c */
void tree_load_certificates(struct loader *l);
/* tree_dkim.c: of domains/ENTRY, whose canonical name is domain. */
void tree_load_dkim_keys(struct loader *l, const char *entry,
			 const char *domain);

/* Warns of a key that everyone on this machine can read. */
void tree_check_mode(const struct loader *l, const char *path,
		     const struct stat *st);

#endif
