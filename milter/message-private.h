/* The members of a message, for the two files that change them. */
#ifndef MILTER_MESSAGE_PRIVATE_H
#define MILTER_MESSAGE_PRIVATE_H

#include "milter/message.h"

enum {
	/* What is read, and what it may become by edits. */
	HEADER_READ_OCTETS = 320 << 10,
	HEADER_READ_FIELDS = 10100,
	HEADER_OCTETS = 384 << 10,
	HEADER_FIELDS = 11100,
	/* What all filters may ask for the envelope. */
	ENVELOPE_EDITS = 10000,
	ENVELOPE_OCTETS = 8 << 20,
};

struct field {
	struct milter_field is;
	struct slice raw; /* as read, line end and all; empty: a filter's */
	bool is_deleted;  /* still counted until the filter is done */
	uint32_t name_id; /* struct edit's, while edits are applied; or 0 */
	char text[];      /* a filter's: what `is` looks at */
};

struct milter_message {
	int fd; /* the caller's */
	char *header;
	size_t header_octets; /* with the empty line, if there is one */
	struct milter_body body;
	int body_fd; /* a filter's body, ours; or -1 */
	struct field **fields;
	size_t field_count;
	size_t field_room;
	size_t octets; /* of all fields but the deleted, as they are written */
	bool is_changed;
	struct milter_envelope_edit *envelope;
	size_t envelope_count;
	size_t envelope_room;
	struct arena *arena; /* of the envelope's edits and the reason */
	struct slice reason;
};

/* As it is written, with its line end. */
size_t field_octets(const struct field *field);
/* Makes room for one more at i, and puts it there. */
void message_put_field(struct milter_message *m, size_t i, struct field *field);

#endif
