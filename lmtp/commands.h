/* The commands of a transaction, written one behind the other. */
#ifndef LMTP_COMMANDS_H
#define LMTP_COMMANDS_H

#include "lmtp/features.h"

enum {
	/* MAIL, RCPT and BDAT of one transaction; or LHLO; or RSET. */
	LMTP_COMMANDS_OCTETS = 2 * LMTP_ADDRESS_OCTETS + 512,
};

/* A transaction's steps in order. With CHUNKING there is no LMTP_STEP_DATA,
 * and LMTP_STEP_CONTENT has a command: BDAT. */
enum lmtp_step {
	LMTP_STEP_MAIL,
	LMTP_STEP_RCPT,
	LMTP_STEP_DATA,
	LMTP_STEP_CONTENT,
	LMTP_STEP_END,
};

enum lmtp_step lmtp_step_after(const struct lmtp_features *features,
			       enum lmtp_step step);

struct lmtp_commands {
	char octets[LMTP_COMMANDS_OCTETS];
	size_t n;
};

/* What does not fit is our own mistake. */
void lmtp_commands_add(struct lmtp_commands *to, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The command of one step, for such a server, which lmtp_features_refuse()
 * has nothing against. */
void lmtp_commands_add_step(struct lmtp_commands *to, enum lmtp_step step,
			    const struct lmtp_request *request,
			    const struct lmtp_features *features);

#endif
