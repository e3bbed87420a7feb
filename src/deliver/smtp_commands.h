/* The commands of a transaction for such a server. */
#ifndef DELIVER_SMTP_COMMANDS_H
#define DELIVER_SMTP_COMMANDS_H

#include "deliver/smtp_features.h"
#include "deliver/smtp_message.h"
#include "lmtp/commands.h"

enum { SMTP_COMMAND_OCTETS = 1700 }; /* at most, each of these */

/* What smtp_fit_*() has nothing against. arena is for scratch. */
void smtp_commands_add_mail(struct lmtp_commands *to,
			    const struct smtp_features *features,
			    const struct smtp_message *message, bool is_utf8,
			    struct arena *arena);
void smtp_commands_add_rcpt(struct lmtp_commands *to,
			    const struct smtp_features *features,
			    const struct smtp_recipient *recipient,
			    struct arena *arena);

#endif
