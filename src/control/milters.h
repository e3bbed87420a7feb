/*
 * What all receive processes know of the filters, put together: counters are
 * summed by the filter's name, the worst state and the last failure win.
 */
#ifndef CONTROL_MILTERS_H
#define CONTROL_MILTERS_H

#include "proc/link.h"

#include <event2/buffer.h>

struct milters;

/* The links have been asked; they are compared only. */
struct milters *milters_new(struct link *const *asked, size_t count);
void milters_free(struct milters **milters);

/* Whether that one was asked and has not said all. */
bool milters_is_open(const struct milters *milters, const struct link *peer);
/* What one process knows of one filter. */
void milters_add(struct milters *milters, const struct msg_milter_state *m);
/* That one has said all, or is gone; true when nobody is open any more. */
bool milters_end(struct milters *milters, const struct link *peer);

/* answer_milter() for each, in the order of the configuration. Returns how
 * many there are. */
size_t milters_answer(const struct milters *milters, struct evbuffer *out);

#endif
