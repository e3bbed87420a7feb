/* What the configuration says to those who deliver: to Dovecot, and outside. */
#ifndef DELIVER_DELIVER_CONFIG_H
#define DELIVER_DELIVER_CONFIG_H

#include "conf/conf.h"
#include "deliver/remote.h"
#include "lmtp/pool.h"

/* Both: texts are conf's. */
struct lmtp_pool_config deliver_config_inside(const struct conf *conf);
struct remote_config deliver_config_outside(const struct conf *conf);

#endif
