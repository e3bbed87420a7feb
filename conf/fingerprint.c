/* tree_fingerprint() of tree.h. */
#include "base/mem.h"
#include "conf/roots.h"
#include "conf/tree-private.h"
#include "conf/trust_anchor.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* FNV-1a: no enemy chooses what is hashed here. */
static uint64_t hash(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

/* A change of one number always changes the result. */
static uint64_t hash_numbers(uint64_t h, const uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		h = (h ^ numbers[i]) * 0x100000001b3ULL;
	return h;
}

static uint64_t hash_stat(uint64_t h, const struct stat *st)
{
	const uint64_t facts[] = {
		(uint64_t)st->st_dev,         (uint64_t)st->st_ino,
		(uint64_t)st->st_mode,        (uint64_t)st->st_size,
		(uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
	};

	return hash_numbers(h, facts, sizeof(facts) / sizeof(facts[0]));
}

/* The name itself, which may be a link, and what it leads to. */
static uint64_t hash_file(int dirfd, const char *name)
{
	uint64_t h = hash(0xcbf29ce484222325ULL, name, strlen(name));
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return h;
	h = hash_stat(h, &st);
	if (S_ISLNK(st.st_mode) && fstatat(dirfd, name, &st, 0) == 0)
		h = hash_stat(h, &st);
	return h;
}

/* The entries' order changes nothing: their hashes are added up. */
static uint64_t hash_directory(int dirfd, const char *name,
			       const char *const *files)
{
	AUTO(fd_close)
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	uint64_t sum = hash_file(dirfd, name);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		uint64_t h;

		if (entry->d_name[0] == '.')
			continue;
		h = hash_file(fd, entry->d_name);
		for (size_t i = 0; files[i] != NULL; i++) {
			uint64_t inner;

			(void)snprintf(path, sizeof(path), "%s/%s",
				       entry->d_name, files[i]);
			inner = hash_file(fd, path);
			h = hash_numbers(h, &inner, 1);
		}
		sum += h;
	}
	if (dir != NULL)
		(void)closedir(dir);
	else
		fd_close(&copy);
	return sum;
}

uint64_t tree_fingerprint(const char *dir)
{
	static const char *const domain_files[] = { "aliases", NULL };
	static const char *const certificate_files[] = { "fullchain.pem",
							 "privkey.pem", NULL };
	AUTO(fd_close)
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t parts[6];

	if (fd < 0)
		return 0;
	parts[0] = hash_file(fd, "culver.conf");
	parts[1] = hash_directory(fd, "domains", domain_files);
	parts[2] = hash_directory(fd, "certs", certificate_files);
	parts[3] = hash_file(fd, "hooks");
	parts[4] = hash_file(fd, "hooks/post-data");
	parts[5] = hash_file(fd, "hooks/alias-resolve");
	return hash_numbers(0xcbf29ce484222325ULL, parts,
			    sizeof(parts) / sizeof(parts[0]));
}

uint64_t tree_file_fingerprint(const char *path)
{
	return hash_file(AT_FDCWD, path);
}

uint64_t tree_keys_fingerprint(const struct tree *tree)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tree->dkim_key_count; i++)
		sum += tree_file_fingerprint(tree->dkim_keys[i].path);
	return sum;
}

uint64_t tree_system_fingerprint(const struct conf *conf)
{
	const uint64_t parts[] = { hash_file(AT_FDCWD, conf->system_aliases),
				   hash_file(AT_FDCWD, "/etc/mailname"),
				   hash_file(AT_FDCWD, "/etc/resolv.conf"),
				   hash_file(AT_FDCWD, trust_anchor_path(conf)),
				   hash_file(AT_FDCWD, roots_path(conf)) };
	uint64_t h = hash_numbers(0xcbf29ce484222325ULL, parts,
				  sizeof(parts) / sizeof(parts[0]));

	for (size_t i = 0; i < conf->smarthost_count; i++) {
		const uint64_t password =
			hash_file(AT_FDCWD, conf->smarthosts[i].password_file);

		h = hash_numbers(h, &password, 1);
	}
	return h;
}
