/*
 * DKIM keys as files of domains/NAME, by the state that the name says:
 *
 *   dkim:SELECTOR.pem.new      made, but nobody signs with it yet
 *   dkim:SELECTOR.pem          active: conf/dkim_key.h
 *   dkim:SELECTOR.pem.retired  the public part only, of one that was active
 */
#ifndef CTL_DKIM_FILES_H
#define CTL_DKIM_FILES_H

#include "base/arena.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

enum dkim_state { DKIM_NEW, DKIM_ACTIVE, DKIM_RETIRED };

struct dkim_file {
	const char *domain;   /* canonical */
	const char *selector; /* canonical */
	enum dkim_state state;
	const char *path;
	int64_t changed; /* wall-clock seconds */
	EVP_PKEY *key;   /* has a private part unless retired; or NULL */
};

struct dkim_files {
	struct arena *arena;
	const char *directory; /* domains/NAME of the domain asked for, or NULL:
	                          it is not ours */
	const char *domain;    /* canonical, if one was asked for */
	struct dkim_file *items; /* by domain, selector */
	size_t count;
};

/* "new" */
const char *dkim_state_word(enum dkim_state state);

/* Those of one domain, in any form, or of all if it is NULL. Says what is wrong
 * and returns false if the directory cannot be read, or the domain is none. */
bool dkim_files_read(const char *conf_dir, const char *domain,
		     struct dkim_files *ret_files);
void dkim_files_done(struct dkim_files *files);

/* The one with this selector, or NULL. */
struct dkim_file *dkim_files_find(const struct dkim_files *files,
				  const char *selector);

/* The path that a key of files->directory has in that state. */
const char *dkim_files_path(const struct dkim_files *files,
			    const char *selector, enum dkim_state state);

/* Writes a file that was not there, for the owner of the directory it is in,
 * and syncs it: all of the key, or only the public part. Says what is wrong. */
bool dkim_file_write(const char *path, EVP_PKEY *key, bool is_private);

#endif
