/* Content from another role: a descriptor, not trusted before this. */
#ifndef DELIVER_DESCRIPTOR_H
#define DELIVER_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether fd holds at least that many octets, and nobody can change them
 * under our hands: a memfd sealed against writing, growing and shrinking, or a
 * spool file, which `queue` alone can write.
 */
bool descriptor_is_fit(int fd, uint64_t content_octets);

#endif
