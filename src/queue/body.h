/*
 * Contents outside of the database: files in spool/, named by the queue_id in
 * hexadecimal, and sealed memfds. Names come from numbers only.
 */
#ifndef QUEUE_BODY_H
#define QUEUE_BODY_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { BODY_NAME_OCTETS = 32 };

void body_name(uint64_t queue_id, char ret_name[BODY_NAME_OCTETS]);
/* The reverse; false for any other name. */
bool body_parse_name(const char *name, uint64_t *ret_queue_id);

/* 0 if fd is a sealed memfd of that size, else -EBADMSG. */
int body_check_memfd(int fd, uint64_t octets);

/* Writes all of it where fd stands. */
int body_append(int fd, struct slice octets);

/* All three sync the file, not the directory. Return 0 or -errno. */
int body_write(int dir, uint64_t queue_id, struct slice octets);
int body_copy(int dir, uint64_t queue_id, int from, uint64_t octets);
/* Moves a spool file into place; -EBADMSG when its size is another. */
int body_adopt(int dir, uint64_t queue_id, const char *name, uint64_t octets);

/* For reading. Returns a descriptor or -errno. */
int body_open(int dir, uint64_t queue_id);
void body_remove(int dir, uint64_t queue_id);
/* The octets of all of them. */
uint64_t body_total(int dir);

/* A sealed memfd with these octets, or -errno. */
int body_memfd(struct slice octets);

/* Reads octets from offset 0 into buffer; a short file is -EBADMSG. */
int body_read(int fd, char *buffer, size_t octets);

#endif
