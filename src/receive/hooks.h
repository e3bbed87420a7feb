/*
 * The way from receive to `hook`: runs of hooks/post-data and
 * hooks/alias-resolve (chasquid's contract; doc/hooks.md).
 */
#ifndef RECEIVE_HOOKS_H
#define RECEIVE_HOOKS_H

#include "proc/role.h"

struct hooks; /* all of this process */
struct hook_call;

struct hooks *hooks_new(struct role_self *self);
void hooks_free(struct hooks **hooks);
/* The role's on_conf_part, on_message and on_peer_gone pass these on:
 * CONF_HOOKS; POST_DATA_RESULT, ALIAS_RESOLVED; `hook` gone. */
void hooks_configure(struct hooks *hooks, const struct msg_conf_hooks *m);
void hooks_on_message(struct hooks *hooks, const struct message *m);
void hooks_on_hook_gone(struct hooks *hooks);

bool hooks_has_post_data(const struct hooks *hooks);
bool hooks_has_alias_resolve(const struct hooks *hooks);

/* Answers live during the call, which comes once, never from within the
 * starter. `hook` away, or silent beyond its time: HOOK_TRY_LATER, or
 * is_answered false. */
typedef void hooks_on_post_data(const struct msg_post_data_result *result,
				void *arg);
typedef void hooks_on_alias(const struct msg_alias_resolved *result, void *arg);

/* message: all of it but the id; content_fd stays the caller's. */
struct hook_call *hooks_post_data(struct hooks *hooks,
				  const struct msg_post_data *message,
				  int content_fd, hooks_on_post_data *done,
				  void *arg);
struct hook_call *hooks_alias_resolve(struct hooks *hooks, struct slice address,
				      hooks_on_alias *done, void *arg);
/* Nobody waits any more; the program is killed. */
void hook_call_cancel(struct hook_call **call);

#endif
