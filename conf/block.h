/*
 * Blocks of culver.conf, `KIND NAME { }`: the kinds there are, and a way to go
 * through the settings of any of them. Who knows which kind it has takes the
 * struct itself (conf.h).
 */
#ifndef CONF_BLOCK_H
#define CONF_BLOCK_H

#include "conf/conf.h"

enum block_kind {
	BLOCK_MILTER,    /* struct conf_milter */
	BLOCK_SMARTHOST, /* struct conf_smarthost */
	BLOCK_KINDS,
};

/* One block; conf has it. */
struct block {
	enum block_kind kind;
	const char *name;
	void *values; /* the struct */
};

/* "milter" */
const char *block_word(enum block_kind kind);
/* The kind of that word, or BLOCK_KINDS. */
enum block_kind block_kind_named(const char *word);
const struct settings *block_settings(enum block_kind kind);

/* How many of a kind conf has, and number i, in the file's order. */
size_t block_count(const struct conf *conf, enum block_kind kind);
struct block block_at(const struct conf *conf, enum block_kind kind, size_t i);

/* Whether a block may have that name; what is wrong is added to at->errors. */
bool block_check_name(enum block_kind kind, struct slice name,
		      const struct check_place *at);
/* The one with that name. False: there is none. */
bool block_find(const struct conf *conf, enum block_kind kind,
		struct slice name, struct block *ret_block);
/* A new one with all defaults, behind the others. False: there are too many,
 * the name is none or is taken. */
bool block_add(struct conf *conf, enum block_kind kind, struct slice name,
	       struct block *ret_block);
size_t block_max(enum block_kind kind);

/* As conf_set() and conf_get(), with i from block_settings(). What place says
 * of the setting does not matter. */
bool block_set(struct conf *conf, const struct block *block, size_t i,
	       const char *const *values, size_t count,
	       const struct check_place *place);
const char **block_get(const struct block *block, size_t i, struct arena *arena,
		       size_t *ret_count);

/* Whether its settings go together: is_given says which of them the file has.
 * What is wrong is added to at->errors. */
bool block_check(const struct block *block, const unsigned *is_given,
		 const struct check_place *at);
/* The same for all that conf has. */
bool block_check_all(const struct conf *conf, const struct check_place *at);

#endif
