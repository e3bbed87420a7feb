/*
 * Scripted conversations: the test plays Dovecot on the other end of a
 * socketpair. A script is lines of one step each; '|' stands for TAB:
 *
 *   connect      waits until a socket is wanted, and gives one
 *   refuse       the same, and refuses with ECONNREFUSED
 *   > LINE       Dovecot sends LINE
 *   < LINE       the next line Dovecot gets is LINE; a '*' at its end stands
 *                for anything
 *   <-           Dovecot has got nothing more
 *   eof          Dovecot hangs up
 *   gone         the client hung up
 *   event NAME   the last event told is NAME
 *
 * and the steps the test adds. A step that waits does so in the event loop,
 * for at most 10 s.
 */
#ifndef TEST_UNIT_AUTH_DIALOG_H
#define TEST_UNIT_AUTH_DIALOG_H

#include <event2/event.h>
#include <stdbool.h>

#include "auth/auth_event.h"
#include "base/slice.h"

struct dialog;

struct dialog_owner {
	void (*connected)(int fd, int error, void *arg);
	/* A step of the test's own; false when there is none of that name. */
	bool (*step)(struct slice verb, struct slice rest, void *arg);
	void *arg;
};

struct dialog *dialog_new(const struct dialog_owner *owner);
void dialog_free(struct dialog **dialog);
struct event_base *dialog_base(struct dialog *dialog);

/* For login_client_new() and login_client_on_event(); arg is the dialog. */
void dialog_want(void *arg);
void dialog_event(enum auth_event event, const char *text, void *arg);

/* Runs the loop until *is_true, or fails. */
void dialog_wait(struct dialog *dialog, const bool *is_true);
/* Lets happen what can happen now. */
void dialog_settle(struct dialog *dialog);
/* Dovecot sends this, as it is. */
void dialog_send_raw(struct dialog *dialog, const char *text);
void dialog_run(struct dialog *dialog, const char *script);

#endif
