/*
 * What a message says of its origin: fields of ours, and no others that claim
 * to be.
 */
#ifndef RECEIVE_ORIGIN_FIELDS_H
#define RECEIVE_ORIGIN_FIELDS_H

#include "base/arena.h"
#include "proc/message.h"
#include "receive/rewrite.h"

struct session;

/* For the log: the resinfos in one line. In the scratch arena. */
struct slice origin_results(const struct session *s,
			    const struct msg_verified *answer);

/* Authentication-Results (RFC 8601) of mail from outside, Received-SPF (RFC
 * 7208 9.1) for who asks, and ORIGIN_JUNK_FIELD for who is to be put into the
 * Junk folder. In the scratch arena. */
struct slice origin_fields(const struct session *s,
			   const struct msg_verified *answer);

/* Of mail of a login: "auth=pass", and not whose. In the scratch arena. */
struct slice origin_login_fields(const struct session *s);

/*
 * The content anew: our first fields, then these, then all that came but the
 * Authentication-Results fields that bear our id. Returns 0 or negative errno;
 * *ret_parts is of the transaction's arena and content.
 */
int origin_parts(const struct session *s, struct slice fields,
		 struct rewrite_parts *ret_parts);

#endif
