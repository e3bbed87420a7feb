/* What the filter saw, one JSON object a line; octets are latin-1 there. */
#ifndef FILTER_JOURNAL_H
#define FILTER_JOURNAL_H

#include <stddef.h>

struct entry; /* a line in the making */

void journal_open(const char *path);
struct entry *entry_new(unsigned session, const char *stage);
void entry_number(struct entry *e, const char *key, long value);
/* A list of strings; value NULL is left out. */
void entry_begin(struct entry *e, const char *key);
void entry_string(struct entry *e, const char *value, size_t length);
void entry_end(struct entry *e);
/* An object of strings. */
void entry_begin_object(struct entry *e, const char *key);
void entry_pair(struct entry *e, const char *key, const char *value);
void entry_end_object(struct entry *e);
/* Writes it in one step, and frees it. */
void entry_write(struct entry *e);

#endif
