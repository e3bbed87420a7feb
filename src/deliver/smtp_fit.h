/*
 * What a server can be given, by what it offers (RFC 6531 3.6, RFC 6152 3, RFC
 * 1870 6): we change no message on its way.
 */
#ifndef DELIVER_SMTP_FIT_H
#define DELIVER_SMTP_FIT_H

#include "deliver/smtp_features.h"
#include "deliver/smtp_message.h"
#include "deliver/smtp_recipients.h"

/* Decides those whom the server cannot be asked for. */
void smtp_fit_refuse(const struct smtp_features *features,
		     const struct smtp_message *message,
		     struct smtp_recipients *recipients);

/* Decides those who are left: this connection takes no more (RFC 9422). */
void smtp_fit_use_up(struct smtp_recipients *recipients);

/* The address as it is told to a server: a domain beyond ASCII in A-labels, if
 * nothing else of it is beyond ASCII. May be address itself, or in arena. */
struct slice smtp_fit_address(struct slice address, struct arena *arena);
/* SMTPUTF8 is needed for this one. */
bool smtp_fit_needs_utf8(struct slice address);

#endif
