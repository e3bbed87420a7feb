/*
 * What a login may do beyond its own address, as the extra fields of Dovecot's
 * passdb say (they come with the answer to AUTH):
 *
 *   smtp_senders          addresses it may send as, with commas or blanks
 *                         between; "@domain" is all of a domain, "*" any
 *   smtp_limit            messages a day, in place of login_message_limit
 *   smtp_recipient_limit  new recipients a day, in place of
 *                         login_recipient_limit; 0 is no limit
 */
#ifndef RECEIVE_RIGHTS_H
#define RECEIVE_RIGHTS_H

#include "auth/login.h"
#include "base/arena.h"
#include "base/log.h"
#include "conf/conf.h"
#include "smtp/address.h"

struct rights;

/* A number that is none is said in the log and counts as not given. */
struct rights *rights_new(const struct login_result *result,
			  const struct log_ctx *log);
void rights_free(struct rights **rights);

/* Whether login is this address, or smtp_senders has it. */
bool rights_have_sender(const struct rights *rights, struct slice login,
			const struct address *sender);
/* smtp_senders as Dovecot has it; may be empty. */
struct slice rights_senders(const struct rights *rights);

/* A day; 0: without limit. */
uint64_t rights_messages(const struct rights *rights, const struct conf *conf);
uint64_t rights_recipients(const struct rights *rights,
			   const struct conf *conf);

#endif
