/* Where the log goes: the setting `log` as an open descriptor. */
#ifndef PARENT_LOG_SINK_H
#define PARENT_LOG_SINK_H

#include "base/log.h"
#include "conf/conf.h"

/*
 * Opens the sink that conf names; empty: standard error in the foreground,
 * else the journal, syslog, standard error, the first that is there. Returns
 * 0 or -errno.
 */
int log_sink_open(const struct conf *conf, bool is_foreground,
		  enum log_sink *ret_sink, int *ret_fd);

#endif
