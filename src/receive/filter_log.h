/* What filters do, in the log: a line an event, but one that is away says so
 * once a second at most. */
#ifndef RECEIVE_FILTER_LOG_H
#define RECEIVE_FILTER_LOG_H

#include "base/log.h"
#include "milter/chain.h"

struct filter_log;

struct filter_log *filter_log_new(void);
void filter_log_free(struct filter_log **log);

/* ctx: the transaction, or the session. */
void filter_log_event(struct filter_log *log, const struct log_ctx *ctx,
		      const struct milter_event *event);

#endif
