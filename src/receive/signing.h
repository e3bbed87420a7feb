/*
 * DKIM signatures for mail that we answer for: of logins, and of programs of
 * this machine. The last step before a message is handed over, since a
 * signature covers what filters and hooks have made of it (proc/dkim_signer.h).
 */
#ifndef RECEIVE_SIGNING_H
#define RECEIVE_SIGNING_H

#include "receive/outgoing.h"

struct session;

/* header: whole lines, to be put before the message. */
typedef void signing_put(struct session *s, struct slice header);

/* A step of complete.c: the next one was entered already. Calls put or refuse
 * later, then session_run(); or does nothing. */
void signing_start(struct session *s, signing_put *put,
		   outgoing_refuse *refuse);

#endif
