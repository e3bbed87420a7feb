/* The queue on a terminal: entries of control/answer.h's queue_list. */
#ifndef CTL_QUEUE_PRINT_H
#define CTL_QUEUE_PRINT_H

#include "ctl/ask.h"

/* The names of the columns, and an entry as a line. */
void queue_print_titles(void);
void queue_print_entry(const json_t *entry);

/* An entry in full: the message's part, too, when is_first. */
void queue_print_full(const json_t *entry, bool is_first);
/* A header section, cleaned. */
void queue_print_header(const char *text);

/* Adds an entry to groups, an object of {"domain","reason","recipients",
 * "oldest"} by domain and reason. */
void queue_group(json_t *groups, const json_t *entry);
/* Prints and empties groups, the biggest first. */
void queue_print_groups(json_t *groups, bool is_json);

#endif
