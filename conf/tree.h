/*
 * The configuration directory: culver.conf, domains/NAME/aliases,
 * domains/NAME/dkim:SELECTOR.pem, certs/NAME/{fullchain,privkey}.pem, hooks/{post-data,alias-resolve}; and of
 * the system /etc/aliases. Read whole or not at all.
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "conf/conf.h"
#include "conf/dkim_key.h"

struct tree_domain {
	const char *name; /* canonical (smtp/name.h) */
	const char *path; /* of its aliases file, for messages */
	struct slice
		aliases; /* the text, checked by aliases_parse(); may be empty */
};

/* Keys are looked at when they are read, and not kept: whoever needs one reads
 * it again, from its path. */
struct tree_certificate {
	const char *name;
	const char *chain_path;
	const char *key_path;
	struct slice chain_pem;
};

struct tree {
	struct conf *conf;
	const struct tree_domain *domains; /* sorted by name */
	size_t domain_count;
	const struct tree_certificate *certificates; /* sorted by name */
	size_t certificate_count;
	const struct dkim_key *dkim_keys; /* dkim_key.h */
	size_t dkim_key_count;
	/* For each of conf's smarthosts; empty if it has none. Wiped by
	 * tree_free(). */
	const struct slice *passwords;
	struct slice system_aliases; /* what can be used (system_aliases.h) */
	uint64_t system_print;     /* tree_system_fingerprint(), before reading,
				* and tree_keys_fingerprint() */
	const char *directory;     /* its path from the root */
	struct slice trust_anchor; /* trust_anchor.h */
	struct slice roots;        /* roots.h */
	bool has_post_data, has_alias_resolve; /* there, if broken */
};

/*
 * Reads dir with the overrides ("key=value", count of them) on top. Links are
 * followed; plain files in domains/ and certs/ are passed over. Every error is
 * added to errors; returns NULL when there was one. A certificate directory
 * without both files is a warning; a pair that does not fit or does not parse,
 * a key readable by others (warning), an expired certificate (warning) are
 * said. No usable certificate at all is a warning that names the consequence,
 * and so is a hook that cannot be run.
 */
struct tree *tree_load(const char *dir, const char *const *overrides,
		       size_t count, struct conf_errors *errors);
void tree_free(struct tree **tree);

/*
 * Changes when anything tree_load() would read has changed on disk: names,
 * link targets, inode, size, change time. Cheap enough for every two seconds.
 */
uint64_t tree_fingerprint(const char *dir);
/* The same for what lies outside: the system's aliases, its names, its
 * resolvers, the trust anchor, roots, passwords. */
uint64_t tree_system_fingerprint(const struct conf *conf);
/* The same for the DKIM keys that the tree has: their directories tell of new
 * ones, but not of one that is written over. */
uint64_t tree_keys_fingerprint(const struct tree *tree);

#endif
