/* AUTH as a client (RFC 4954; RFC 4616 and LOGIN), for a smarthost. */
#ifndef DELIVER_SMTP_LOGIN_H
#define DELIVER_SMTP_LOGIN_H

#include "base/slice.h"
#include "lmtp/commands.h"
#include "smtp/reply.h"

enum { SMTP_LOGIN_OCTETS = 255 }; /* of the user, and of the password */

struct smtp_login {
	struct slice user, password; /* an empty user: do not log in */
};

enum smtp_mechanism { SMTP_LOGIN_NONE, SMTP_LOGIN_PLAIN, SMTP_LOGIN_LOGIN };

/* text: of the reply to EHLO. The best that both know. */
enum smtp_mechanism smtp_login_choose(struct slice text);

struct smtp_login_step {
	enum smtp_mechanism mechanism;
	unsigned answers; /* given to 334 */
};

/* Adds AUTH. */
void smtp_login_begin(struct smtp_login_step *step,
		      const struct smtp_login *login,
		      struct lmtp_commands *out);
/* Adds the answer to a 334; false if there is none. */
bool smtp_login_answer(struct smtp_login_step *step,
		       const struct smtp_login *login,
		       struct lmtp_commands *out);

#endif
