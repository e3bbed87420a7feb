/*
 * What a configuration lets run: which programs hooks/ has, and the commands
 * of aliases. One generation; made of CONF_HOOKS and CONF_DOMAIN.
 */
#ifndef HOOK_CATALOG_H
#define HOOK_CATALOG_H

#include "proc/message.h"

struct catalog;

struct catalog *catalog_new(void);
void catalog_free(struct catalog **catalog);

void catalog_add_hooks(struct catalog *catalog, const struct msg_conf_hooks *m);
/* Aliases without a command are passed over. */
void catalog_add_domain(struct catalog *catalog,
			const struct msg_conf_domain *m);
/* All has been added: reads the aliases. Returns false, and has logged why,
 * when they cannot be read. */
bool catalog_read(struct catalog *catalog, const char *drop_characters);

/* Absolute, and what it says is whole: "" before CONF_HOOKS. */
const char *catalog_directory(const struct catalog *catalog);
const char *catalog_post_data(const struct catalog *catalog);
const char *catalog_alias_resolve(const struct catalog *catalog);
bool catalog_has_alias_resolve(const struct catalog *catalog);
/* The command of "user@domain" in the aliases files; empty: none. */
struct slice catalog_command(const struct catalog *catalog, struct slice alias);

#endif
