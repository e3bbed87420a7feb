#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *check(void *p)
{
	static const char text[] = "culver: out of memory\n";

	if (p == NULL) {
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		abort();
	}
	return p;
}

void *mem_new(size_t size)
{
	return check(calloc(1, size > 0 ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
	return check(calloc(count > 0 ? count : 1, size));
}

void *mem_resize(void *old, size_t count, size_t size)
{
	return check(reallocarray(old, count > 0 ? count : 1, size));
}

char *mem_string(const char *s)
{
	return check(strdup(s));
}

void mem_free_at(void *pointer_to_pointer)
{
	void **p = pointer_to_pointer;

	free(*p);
	*p = NULL;
}

void mem_free_string(char **s)
{
	mem_free(s);
}

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}
