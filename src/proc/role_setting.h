/* The configuration as a role has it from the parent: a setting a message. The
 * parent has checked the values. */
#ifndef PROC_ROLE_SETTING_H
#define PROC_ROLE_SETTING_H

#include "conf/conf.h"
#include "proc/message.h"

/* Both: in conf, which may be NULL: then it is for nobody. */
void role_setting_take(struct conf *conf, const struct msg_conf_setting *m);
/* The same of a block, which is added with its first setting. */
void role_setting_take_block(struct conf *conf, const struct msg_conf_block *m);

#endif
