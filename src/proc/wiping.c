#include "proc/wiping.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void *get(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
}

static void forget(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* realloc(3) would leave the old octets where they were. */
static void *change(void *p, size_t n, const char *file, int line)
{
	size_t had = p != NULL ? malloc_usable_size(p) : 0;
	void *new = n > 0 ? malloc(n) : NULL;

	if (n > 0 && new == NULL)
		return NULL;
	if (had > 0 && n > 0)
		memcpy(new, p, had < n ? had : n);
	forget(p, file, line);
	return new;
}

void wiping_start(void)
{
	(void)CRYPTO_set_mem_functions(get, change, forget);
}
