/* One event of one session: what is written down of it, and done. */
#ifndef FILTER_ACT_H
#define FILTER_ACT_H

#include "script.h"

#include <libmilter/mfapi.h>

struct session {
	unsigned number;
	struct script script;
	bool is_quiet; /* nothing is written down */
	char sender[512];
	unsigned calls[16]; /* by stage, in this message */
};

enum stage {
	AT_NEGOTIATE,
	AT_CONNECT,
	AT_HELO,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_HEADER,
	AT_EOH,
	AT_BODY,
	AT_EOM,
	AT_ABORT,
	AT_CLOSE,
	AT_UNKNOWN,
};

const char *stage_name(enum stage stage);

struct event {
	enum stage stage;
	const char *about;          /* what conditions look into */
	const char *const *strings; /* up to a NULL, or NULL */
	const unsigned char *body;
	size_t body_length;
};

/* Writes it down, does what the script says, and returns the verdict. */
sfsistat act(SMFICTX *ctx, struct session *session, const struct event *event);

#endif
