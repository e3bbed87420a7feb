/* The filters of a configuration: conf's blocks as the milter library wants
 * them, their sockets from the parent, what `control` hears of them. */
#ifndef RECEIVE_FILTER_SET_H
#define RECEIVE_FILTER_SET_H

#include "milter/filter.h"
#include "proc/role.h"

/* Which mail a filter sees: bits of milter_filter_config.listeners. */
enum { FILTER_SMTP = 1, FILTER_SUBMISSION = 2, FILTER_LOCAL = 4 };

/* previous (or NULL) goes on in the new set, and is released. NULL when conf
 * has no filter. */
struct milter_set *filter_set_new(struct role_self *self,
				  const struct conf *conf,
				  struct milter_set *previous);
/* Answers MILTER_LIST. set may be NULL. */
void filter_set_list(const struct milter_set *set, struct link *from,
		     uint64_t id);

#endif
