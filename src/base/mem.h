/*
 * Heap memory that is always there: running out ends the process (one role;
 * the parent restarts it), in this file alone. Whoever handles a peer's input
 * bounds it before it allocates.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Frees what the local points to when it goes out of scope. fn takes a
 * pointer to the local, leaves NULL there, and accepts NULL. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Zeroed memory. Free with mem_free(). */
void *mem_new(size_t size) __attribute__((malloc, returns_nonnull));

/* count zeroed members of size octets each; an overflow ends the process. */
void *mem_array(size_t count, size_t size)
	__attribute__((malloc, returns_nonnull));

/* As realloc(3) for an array; what is new is not zeroed. */
void *mem_resize(void *old, size_t count, size_t size)
	__attribute__((returns_nonnull));

/* A copy of a C string. */
char *mem_string(const char *s) __attribute__((malloc, returns_nonnull));

/* Frees *p and leaves NULL there; p points to a pointer. */
#define mem_free(p) mem_free_at((void *)(p))
void mem_free_at(void *pointer_to_pointer);

/* For AUTO: a local "char *". */
void mem_free_string(char **s);

/* For AUTO: closes a local descriptor unless it is -1, and leaves -1. */
void fd_close(int *fd);

#endif
