/* A message's content on its way out, a piece at a time. */
#ifndef DELIVER_SMTP_PUMP_H
#define DELIVER_SMTP_PUMP_H

#include "deliver/smtp_dialog.h"
#include "lmtp/dots.h"

struct smtp_pump {
	int fd;
	uint64_t offset, octets;
	bool is_dotted;
	struct lmtp_dots dots;
	bool is_dry; /* the last piece was taken */
};

/* how is not SMTP_CONTENT_NONE. */
void smtp_pump_start(struct smtp_pump *pump, const struct smtp_message *message,
		     enum smtp_content how);
/* The next piece, valid until the next call for any pump. False if the content
 * cannot be read, or has become less: nobody may take it for whole. */
bool smtp_pump_next(struct smtp_pump *pump, struct slice *ret_piece);

/* What is said of a message may be more than it has: it is looked for where the
 * server takes less. What cannot be read has it. */
void smtp_pump_look(const struct smtp_features *features,
		    struct smtp_message *message);

#endif
