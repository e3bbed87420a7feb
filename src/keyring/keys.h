/* The keys of one configuration, found by what they may sign and their name. */
#ifndef KEYRING_KEYS_H
#define KEYRING_KEYS_H

#include "keyring/key.h"
#include "proc/message.h"

struct keys;

/* A key and who it is. */
struct owned_key {
	struct key *key;
	enum signing signing;
	const char *domain;   /* of DKIM; else the name of its certificate */
	const char *selector; /* of DKIM; else empty */
};

struct keys *keys_new(void);
void keys_free(struct keys **keys);

/* Returns false if the PEM holds no key that can be used. */
bool keys_add(struct keys *keys, const struct msg_conf_key *m);

/* name: as SIGN has it. NULL if there is none; keys may be NULL. */
const struct owned_key *keys_find(const struct keys *keys, enum signing signing,
				  struct slice name);
size_t keys_count(const struct keys *keys);

#endif
