/* A scripted server for a dialog: what it says, and what is to be sent. */
#ifndef TEST_SMTP_SCRIPT_H
#define TEST_SMTP_SCRIPT_H

#include "deliver/smtp_dialog.h"

/* Content stands there as <plain> or <dotted>. server: NULL: it hangs up. */
struct exchange {
	const char *server;
	const char *client;
};

/* Says EHLO and what belongs to it, up to SMTP_IDLE. */
struct smtp_dialog *script_greeted(const char *hello);
/* Plays until an exchange without a client's part, or count. keeps_content: it
 * does not get through. Fails the test, by that name, when something else is
 * sent. */
void script_play(struct smtp_dialog *d, const char *name,
		 const struct exchange *script, size_t count,
		 bool keeps_content);
/* All results of the message as text: for each recipient a letter (Delivered,
 * Refused, Later, Uncertain), the code, * if it is untouched and + if reports
 * were taken over; "D250+ R550 L0*". */
const char *script_results(const struct smtp_dialog *d, size_t count,
			   char *ret_text, size_t room);

#endif
