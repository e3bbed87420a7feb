#include "queue/spool.h"

#include "base/list.h"
#include "base/mem.h"
#include "queue/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	TAILQ_ENTRY(file) entry;
	const struct link *owner;
	uint64_t id;
};

struct spool {
	int dir;
	TAILQ_HEAD(, file) files;
};

static const char prefix[] = "tmp-";

struct spool *spool_new(int dir)
{
	struct spool *s = mem_new(sizeof(*s));

	s->dir = dir;
	TAILQ_INIT(&s->files);
	return s;
}

void spool_name(uint64_t id, char ret_name[SPOOL_NAME_OCTETS])
{
	(void)snprintf(ret_name, SPOOL_NAME_OCTETS, "%s%016llx", prefix,
		       (unsigned long long)id);
}

bool spool_parse_name(const char *name, uint64_t *ret_id)
{
	size_t n = sizeof(prefix) - 1;

	return strncmp(name, prefix, n) == 0 &&
	       body_parse_name(name + n, ret_id);
}

static struct file *find(const struct spool *s, uint64_t id)
{
	struct file *f;

	TAILQ_FOREACH(f, &s->files, entry)
		if (f->id == id)
			return f;
	return NULL;
}

static size_t count_of(const struct spool *s, const struct link *owner)
{
	const struct file *f;
	size_t count = 0;

	TAILQ_FOREACH(f, &s->files, entry)
		count += f->owner == owner;
	return count;
}

static void forget(struct spool *s, struct file *f)
{
	TAILQ_REMOVE(&s->files, f, entry);
	mem_free(&f);
}

static void drop(struct spool *s, struct file *f)
{
	char name[SPOOL_NAME_OCTETS];

	/* What cannot be removed now is swept at the next start. */
	spool_name(f->id, name);
	(void)unlinkat(s->dir, name, 0);
	forget(s, f);
}

void spool_free(struct spool **spool)
{
	if (*spool == NULL)
		return;
	while (!TAILQ_EMPTY(&(*spool)->files))
		drop(*spool, TAILQ_FIRST(&(*spool)->files));
	mem_free(spool);
}

int spool_create(struct spool *s, const struct link *owner, uint64_t *ret_id,
		 int *ret_fd)
{
	char name[SPOOL_NAME_OCTETS];
	struct file *f;
	uint64_t id;
	int fd;

	if (count_of(s, owner) >= SPOOL_FILES_PER_LINK)
		return -EMFILE;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -EIO;
	id += id == 0;
	spool_name(id, name);
	fd = openat(s->dir, name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	f = mem_new(sizeof(*f));
	f->owner = owner;
	f->id = id;
	TAILQ_INSERT_TAIL(&s->files, f, entry);
	*ret_id = id;
	*ret_fd = fd;
	return 0;
}

bool spool_is_of(const struct spool *s, const struct link *owner, uint64_t id)
{
	const struct file *f = find(s, id);

	return f != NULL && f->owner == owner;
}

bool spool_has(const struct spool *s, uint64_t id)
{
	return find(s, id) != NULL;
}

int64_t spool_octets(const struct spool *s, uint64_t id)
{
	char name[SPOOL_NAME_OCTETS];
	struct stat st;

	spool_name(id, name);
	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return st.st_size;
}

void spool_forget(struct spool *s, uint64_t id)
{
	struct file *f = find(s, id);

	if (f != NULL)
		forget(s, f);
}

void spool_drop(struct spool *s, uint64_t id)
{
	struct file *f = find(s, id);

	if (f != NULL)
		drop(s, f);
}

void spool_drop_owner(struct spool *s, const struct link *owner)
{
	struct file *f, *next;

	TAILQ_FOREACH_SAFE(f, &s->files, entry, next)
		if (f->owner == owner)
			drop(s, f);
}
