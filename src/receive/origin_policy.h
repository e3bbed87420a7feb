/* What is refused for where it comes from, and how the client is told. */
#ifndef RECEIVE_ORIGIN_POLICY_H
#define RECEIVE_ORIGIN_POLICY_H

#include "conf/conf.h"
#include "proc/message.h"
#include "smtp/reply.h"

struct session;

/* spf_fail = reject */
bool origin_refuses_spf(const struct conf *conf);
/* The text is in the scratch arena. */
struct reply origin_spf_reply(const struct session *s);

/* Why this message is refused, written to room, or NULL; its text is in the
 * scratch arena. */
const struct reply *origin_refusal(const struct session *s,
				   const struct msg_verified *answer,
				   struct reply *room);

/* Whether DMARC wants it in the Junk folder: quarantine, or reject where that
 * is not enforced. */
bool origin_is_junk(const struct msg_verified *answer);

#endif
