#include "queue/body.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

void body_name(uint64_t queue_id, char ret_name[BODY_NAME_OCTETS])
{
	(void)snprintf(ret_name, BODY_NAME_OCTETS, "%016llx",
		       (unsigned long long)queue_id);
}

bool body_parse_name(const char *name, uint64_t *ret_queue_id)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t id = 0;

	if (strlen(name) != 16 || strspn(name, digits) != 16)
		return false;
	for (const char *p = name; *p != '\0'; p++)
		id = id << 4 | (uint64_t)(strchr(digits, *p) - digits);
	*ret_queue_id = id;
	return true;
}

int body_check_memfd(int fd, uint64_t octets)
{
	const int want = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & want) != want || fstat(fd, &st) < 0 ||
	    st.st_size < 0 || (uint64_t)st.st_size != octets)
		return -EBADMSG;
	return 0;
}

static int create(int dir, const char *name)
{
	int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	return fd < 0 ? -errno : fd;
}

int body_append(int fd, struct slice octets)
{
	while (octets.n > 0) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		octets = slice_tail(octets, (size_t)n);
	}
	return 0;
}

static int copy_all(int to, int from, uint64_t octets)
{
	off_t offset = 0;

	while ((uint64_t)offset < octets) {
		ssize_t n = sendfile(to, from, &offset,
				     (size_t)(octets - (uint64_t)offset));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
	}
	return 0;
}

/* Ends the writing of a new file: it is on disk, or it is gone. */
static int finish(int dir, const char *name, int *fd, int r)
{
	if (r == 0 && fsync(*fd) < 0)
		r = -errno;
	if (close(*fd) < 0 && r == 0)
		r = -errno;
	*fd = -1;
	if (r < 0)
		(void)unlinkat(dir, name, 0);
	return r;
}

int body_write(int dir, uint64_t queue_id, struct slice octets)
{
	char name[BODY_NAME_OCTETS];
	int fd;

	body_name(queue_id, name);
	fd = create(dir, name);
	if (fd < 0)
		return fd;
	return finish(dir, name, &fd, body_append(fd, octets));
}

int body_copy(int dir, uint64_t queue_id, int from, uint64_t octets)
{
	char name[BODY_NAME_OCTETS];
	int fd;

	body_name(queue_id, name);
	fd = create(dir, name);
	if (fd < 0)
		return fd;
	return finish(dir, name, &fd, copy_all(fd, from, octets));
}

int body_adopt(int dir, uint64_t queue_id, const char *name, uint64_t octets)
{
	AUTO(fd_close)
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char final[BODY_NAME_OCTETS];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 ||
	    (uint64_t)st.st_size != octets)
		return -EBADMSG;
	body_name(queue_id, final);
	if (fsync(fd) < 0 || renameat(dir, name, dir, final) < 0)
		return -errno;
	return 0;
}

int body_open(int dir, uint64_t queue_id)
{
	char name[BODY_NAME_OCTETS];
	int fd;

	body_name(queue_id, name);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t body_total(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	uint64_t total = 0, id;
	struct stat st;

	if (d == NULL) {
		fd_close(&fd);
		return 0;
	}
	while ((entry = readdir(d)) != NULL)
		if (body_parse_name(entry->d_name, &id) &&
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			total += (uint64_t)st.st_size;
	(void)closedir(d);
	return total;
}

void body_remove(int dir, uint64_t queue_id)
{
	char name[BODY_NAME_OCTETS];

	/* What cannot be removed now is swept at the next start. */
	body_name(queue_id, name);
	(void)unlinkat(dir, name, 0);
}

int body_memfd(struct slice octets)
{
	const int seals =
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = body_append(fd, octets);
	if (r == 0 &&
	    (lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0))
		r = -errno;
	if (r < 0)
		fd_close(&fd);
	return r < 0 ? r : fd;
}

int body_read(int fd, char *buffer, size_t octets)
{
	size_t done = 0;

	while (done < octets) {
		ssize_t n =
			pread(fd, buffer + done, octets - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}
