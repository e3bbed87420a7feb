#include "queue/sweep.h"

#include "base/mem.h"
#include "queue/body.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILES_A_STEP = 256 };

struct sweep {
	struct store *store;
	struct spool *spool;
	DIR *dir;
	uint64_t removed;
};

struct sweep *sweep_new(struct store *store, struct spool *spool)
{
	int fd = openat(store_spool_dir(store), ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct sweep *s;

	if (dir == NULL) {
		int error = errno;

		fd_close(&fd);
		errno = error;
		return NULL;
	}
	s = mem_new(sizeof(*s));
	s->store = store;
	s->spool = spool;
	s->dir = dir;
	return s;
}

void sweep_free(struct sweep **sweep)
{
	if (*sweep == NULL)
		return;
	(void)closedir((*sweep)->dir);
	mem_free(sweep);
}

/* A name that is not ours is not ours to remove. */
static bool is_left_over(const struct sweep *s, const char *name)
{
	bool has = true;
	uint64_t id;

	if (spool_parse_name(name, &id))
		return !spool_has(s->spool, id);
	if (store_keeps_contents(s->store) && body_parse_name(name, &id))
		return store_has_message(s->store, id, &has) == 0 && !has;
	return false;
}

bool sweep_step(struct sweep *s)
{
	for (int i = 0; i < FILES_A_STEP; i++) {
		const struct dirent *d = readdir(s->dir);

		if (d == NULL)
			return false;
		if (is_left_over(s, d->d_name) &&
		    unlinkat(dirfd(s->dir), d->d_name, 0) == 0)
			s->removed++;
	}
	return true;
}

uint64_t sweep_removed(const struct sweep *s)
{
	return s->removed;
}
