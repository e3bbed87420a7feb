/* How long a server may take for each thing it owes us. */
#ifndef DELIVER_SMTP_PATIENCE_H
#define DELIVER_SMTP_PATIENCE_H

#include "deliver/smtp_dialog.h"

#include <event2/event.h>

/* The times of RFC 5321 4.5.3.2, where it has one; milliseconds. */
enum {
	SMTP_CONNECT_MS = 30 * 1000,
	SMTP_GREETING_MS = 5 * 60 * 1000, /* and EHLO */
	SMTP_TLS_MS = 2 * 60 * 1000,
	SMTP_MAIL_MS = 5 * 60 * 1000,
	SMTP_RCPT_MS = 5 * 60 * 1000,
	SMTP_DATA_MS = 2 * 60 * 1000,
	SMTP_BLOCK_MS = 3 * 60 * 1000,
	SMTP_FINAL_MS = 10 * 60 * 1000,
	SMTP_RESET_MS = 30 * 1000,
	SMTP_QUIT_MS = 10 * 1000,
};

struct smtp_patience;

/* The time is over; why is a literal. */
typedef void smtp_on_impatience(enum smtp_end end, const char *why, void *arg);

/* each_ms: 0: the times above; else this one for all of them. */
struct smtp_patience *smtp_patience_new(struct event_base *base,
					unsigned each_ms,
					smtp_on_impatience *on_end, void *arg);
void smtp_patience_free(struct smtp_patience **patience);
/* What is waited for now. The time runs from when that changed, or progress
 * did, a count of steps: octets are none, a server that sends one at a time is
 * not waited for. */
void smtp_patience_watch(struct smtp_patience *p, enum smtp_wait wait,
			 uint64_t progress);

#endif
