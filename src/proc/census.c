#include "proc/census.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUCKETS = 16384 };

struct row {
	_Atomic uint32_t total;
	_Atomic uint32_t from[BUCKETS];
};

struct census {
	struct row *rows;
	unsigned count;
	unsigned own;
	uint64_t hash_key;
};

int census_create(unsigned rows, int *ret_fd)
{
	AUTO(fd_close)
	int fd = memfd_create("census", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	/* Sealed in size: who shrinks it would crash all who have it mapped. */
	if (fd < 0 || ftruncate(fd, (off_t)(rows * sizeof(struct row))) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) <
		    0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

void census_clear_row(int fd, unsigned rows, unsigned row)
{
	struct census *c;

	if (row >= rows || census_open(fd, rows, row, 0, &c) < 0)
		return;
	/* NOLINTNEXTLINE(clang-analyzer-core.*): errno is not 0 after a failure */
	atomic_store(&c->rows[row].total, 0);
	for (size_t i = 0; i < BUCKETS; i++)
		atomic_store(&c->rows[row].from[i], 0);
	census_free(&c);
}

int census_open(int fd, unsigned rows, unsigned row, uint64_t hash_key,
		struct census **ret_census)
{
	struct census *c;
	void *p = mmap(NULL, rows * sizeof(struct row), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	c = mem_new(sizeof(*c));
	c->rows = p;
	c->count = rows;
	c->own = row < rows ? row : 0;
	c->hash_key = hash_key;
	*ret_census = c;
	return 0;
}

void census_free(struct census **census)
{
	if (*census == NULL)
		return;
	(void)munmap((*census)->rows, (*census)->count * sizeof(struct row));
	mem_free(census);
}

/* The finalizer of splitmix64, keyed: who wants to share a bucket with a
 * victim would have to know the key. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

static size_t bucket(const struct census *c, const struct sockaddr *address)
{
	uint64_t prefix = 0;

	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		prefix = in.sin_addr.s_addr;
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		memcpy(&prefix, &in6.sin6_addr, sizeof(prefix));
	} else if (address->sa_family == AF_UNIX) {
		struct census_user user;

		memcpy(&user, address, sizeof(user));
		prefix = (uint64_t)1 << 32 | user.uid; /* no IPv4 address */
	}
	return mix(mix(prefix ^ c->hash_key) + c->hash_key) % BUCKETS;
}

unsigned census_from(const struct census *c, const struct sockaddr *address)
{
	size_t b = bucket(c, address);
	unsigned sum = 0;

	for (unsigned i = 0; i < c->count; i++)
		sum += atomic_load(&c->rows[i].from[b]);
	return sum;
}

unsigned census_total(const struct census *c)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < c->count; i++)
		sum += atomic_load(&c->rows[i].total);
	return sum;
}

void census_enter(struct census *c, const struct sockaddr *address)
{
	atomic_fetch_add(&c->rows[c->own].total, 1);
	atomic_fetch_add(&c->rows[c->own].from[bucket(c, address)], 1);
}

void census_leave(struct census *c, const struct sockaddr *address)
{
	atomic_fetch_sub(&c->rows[c->own].total, 1);
	atomic_fetch_sub(&c->rows[c->own].from[bucket(c, address)], 1);
}
