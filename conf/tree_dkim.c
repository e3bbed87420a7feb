/* DKIM's keys in domains/ of tree.h. */
#include "base/mem.h"
#include "conf/file.h"
#include "conf/tree-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { KEYS_MAX = 20000 };

/* Host names know no case. */
static const char *lower(struct arena *arena, struct slice s)
{
	char *text = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		text[i] = c;
	}
	return text;
}

static bool check_key(struct loader *l, struct dkim_key *key)
{
	struct stat st;
	struct slice pem = { .n = 0 };
	int r = file_read(AT_FDCWD, key->path, DKIM_KEY_OCTETS, &pem, &st);
	bool ok;

	if (r < 0) {
		conf_errors_add(l->errors, key->path, 0, NULL,
				"cannot be read: %s", strerror(-r));
		return false;
	}
	tree_check_mode(l, key->path, &st);
	ok = dkim_key_check(pem, key->path, l->errors, &key->kind);
	file_forget(&pem);
	return ok;
}

static void load_key(struct loader *l, const char *entry, const char *domain,
		     const char *file_name)
{
	struct slice selector = dkim_key_selector(slice_of(file_name));
	struct loaded *to = l->to;
	struct dkim_key *key;
	uint64_t print;

	if (selector.n == 0)
		return;
	if (to->tree.dkim_key_count >= KEYS_MAX) {
		conf_errors_add(l->errors, tree_path(l, "domains", entry, ""),
				0, NULL, "over %d DKIM keys in all", KEYS_MAX);
		return;
	}
	to->dkim_keys = mem_resize(to->dkim_keys, to->tree.dkim_key_count + 1,
				   sizeof(*to->dkim_keys));
	key = &to->dkim_keys[to->tree.dkim_key_count];
	*key = (struct dkim_key){
		.domain = domain,
		.selector = lower(to->arena, selector),
		.path = tree_path(l, "domains", entry, file_name),
	};
	print = tree_file_fingerprint(key->path);
	if (!check_key(l, key))
		return;
	to->tree.dkim_key_count++;
	to->tree.dkim_keys = to->dkim_keys;
	to->dkim_print += print;
}

static int is_key(const struct dirent *entry)
{
	return dkim_key_selector(slice_of(entry->d_name)).n > 0;
}

void tree_load_dkim_keys(struct loader *l, const char *entry,
			 const char *domain)
{
	const char *path = tree_path(l, "domains", entry, "");
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_key, alphasort);

	if (count < 0)
		conf_errors_add(l->errors, path, 0, NULL, "cannot be read: %s",
				strerror(errno));
	for (int i = 0; i < count; i++)
		load_key(l, entry, domain, entries[i]->d_name);
	tree_free_entries(entries, count);
}
