/* Values as they stand in culver.conf: numbers with units, addresses with
 * ports, paths. Text in, value out; the words for errors are conf.c's. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/arena.h"

/* A count, a size ("50M", "64K", "100"), a time ("20s", "5d"; without a unit
 * in seconds). False when it is none or does not fit into 64 bits. */
bool value_number(struct slice text, uint64_t *ret_value);
bool value_octets(struct slice text, uint64_t *ret_octets);
bool value_seconds(struct slice text, uint64_t *ret_seconds);

/* The shortest text that reads as that value. */
const char *value_write_octets(uint64_t octets, struct arena *arena);
const char *value_write_seconds(uint64_t seconds, struct arena *arena);

/* An address of that family, without brackets. */
bool value_is_address(int family, struct slice text);
/* "192.0.2.1:25" or "[2001:db8::1]:25": numeric, port 1 to 65535. */
bool value_is_address_port(struct slice text);
/* A path from the root, without control octets. */
bool value_is_path(struct slice text);

#endif
