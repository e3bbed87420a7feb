/* How long a server may take for each thing it owes us. */
#ifndef DELIVER_SMTP_PATIENCE_H
#define DELIVER_SMTP_PATIENCE_H

#include "deliver/smtp_dialog.h"

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

/* 0: for ever. */
unsigned smtp_patience_ms(enum smtp_wait wait);
/* What it means when the time is over; *ret_why is a literal. */
enum smtp_end smtp_patience_end(enum smtp_wait wait, const char **ret_why);

#endif
