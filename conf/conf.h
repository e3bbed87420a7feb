/*
 * The settings as a struct, made from keys.def, milter.def and smarthost.def. In the parent it comes from
 * culver.conf (parse.h); in the other roles from the parent's CONF_SETTING
 * messages. Immutable once it is in use.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/arena.h"
#include "conf/check.h"
#include "conf/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct conf_list {
	const char **items;
	size_t count;
};

typedef const char *conf_text;
typedef struct conf_list conf_list;
typedef uint64_t conf_number;
typedef uint64_t conf_octets;
typedef uint64_t conf_seconds;
typedef bool conf_boolean;

enum {
	CONF_MILTERS_MAX = 32,
	CONF_MILTER_NAME_OCTETS = 32,
	CONF_SMARTHOSTS_MAX = 500,
	CONF_SMARTHOST_PORTS_MAX = 12, /* different ones */
};

/* A block `milter NAME { }`. */
struct conf_milter {
	const char *name;
#define CONF(type, name, value, min, max, doc) conf_##type name;
#include "conf/milter.def"
#undef CONF
};

/* A block `smarthost { }` or `smarthost DOMAIN { }`. */
struct conf_smarthost {
	const char *name; /* of the senders' domain, canonical; or empty: all */
#define CONF(type, name, value, min, max, doc) conf_##type name;
#include "conf/smarthost.def"
#undef CONF
};

struct conf {
	struct arena *arena;
	struct conf_milter *milters; /* in the file's order */
	size_t milter_count;
	struct conf_smarthost *smarthosts;
	size_t smarthost_count;
#define CONF(type, name, value, min, max, doc) conf_##type name;
#include "conf/keys.def"
#undef CONF
};

/* All defaults. */
struct conf *conf_new(void);
void conf_free(struct conf **conf);

/*
 * Sets setting i of conf_settings from text. count is 1 for all but lists. An error is added to
 * errors (with file, line, the name, what is allowed) and false returned;
 * the old value stays.
 */
bool conf_set(struct conf *conf, size_t i, const char *const *values,
	      size_t count, const char *file, unsigned line,
	      struct conf_errors *errors);

/* The value of setting i as text that conf_set() takes, in arena: count
 * strings, *ret_count of them. */
const char **conf_get(const struct conf *conf, size_t i, struct arena *arena,
		      size_t *ret_count);

/* Letters, digits, "_" and "-". */
bool conf_is_milter_name(struct slice name);
/* The block with that name (without case), or NULL. */
struct conf_milter *conf_milter_named(const struct conf *conf,
				      struct slice name);
/* A new block with all defaults, behind the others; conf owns it. NULL when
 * there are too many, the name is none or is taken. */
struct conf_milter *conf_add_milter(struct conf *conf, struct slice name);
/* The same for smarthosts: name is a domain, or empty. */
struct conf_smarthost *conf_smarthost_named(const struct conf *conf,
					    struct slice name);
struct conf_smarthost *conf_add_smarthost(struct conf *conf, struct slice name);
/* Through which mail of that sender goes: that of its domain, else that of all
 * others. NULL: by MX. reverse_path: without brackets, empty for the null
 * sender. */
const struct conf_smarthost *conf_smarthost_for(const struct conf *conf,
						struct slice reverse_path);
/* Its host: a canonical name or an address without brackets; in arena. */
struct slice conf_smarthost_host(const struct conf_smarthost *s,
				 struct arena *arena, bool *ret_is_address);
/* Whether it has TLS from the start. */
bool conf_smarthost_is_tls_first(const struct conf_smarthost *s);

/* What the machine says of itself where the configuration is silent: a
 * hostname, resolvers, workers. For the parent, after parsing. */
void conf_complete(struct conf *conf);

/* The man page's and the sample's text, from the .def files; for the build. */
void conf_print_man(FILE *out);
void conf_print_sample(FILE *out);

#endif
