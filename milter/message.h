/*
 * The message as filters see and change it: header fields, body, and what
 * they did to the envelope. Made of a complete message in a descriptor, which
 * is only read; what filters write is kept aside.
 */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>

struct milter_field {
	struct slice name;
	/* Everything after the colon, folds as CRLF, no line end at its end. */
	struct slice value;
	bool is_hidden; /* our own Received: no filter sees or hits it */
};

/* A part of a descriptor. */
struct milter_body {
	int fd; /* the message's, or a memfd of ours */
	uint64_t offset;
	uint64_t octets;
};

/* What filters did to the envelope, in order. */
enum milter_envelope_kind {
	MILTER_SENDER_CHANGED,
	MILTER_RECIPIENT_ADDED,
	MILTER_RECIPIENT_DELETED,
};

struct milter_envelope_edit {
	enum milter_envelope_kind kind;
	struct slice address; /* as the filter wrote it, "<>" and all */
	struct slice params;  /* between spaces; empty if none */
};

struct milter_message;

/*
 * Reads the header section of fd (octets of it, from offset 0; CRLF lines);
 * fd stays the caller's and open. The first `hidden` fields are hidden.
 * Returns 0; -EMSGSIZE when the header has more than 256 KiB and 10,000 fields
 * or so (its caller has refused such mail long before); -EIO and others.
 */
int milter_message_open(int fd, uint64_t octets, size_t hidden,
			struct milter_message **ret_message);
void milter_message_free(struct milter_message **message);

size_t milter_message_field_count(const struct milter_message *m);
const struct milter_field *milter_message_field(const struct milter_message *m,
						size_t i);
struct milter_body milter_message_body(const struct milter_message *m);
/* The octets of the longest field's name and value. */
size_t milter_message_longest_field(const struct milter_message *m);

/* Whether header or body differ from what was read. */
bool milter_message_is_changed(const struct milter_message *m);
/* The whole header section with its empty line, as it is to be written;
 * byte for byte what was read where nothing was changed. In arena. */
struct slice milter_message_header(const struct milter_message *m,
				   struct arena *arena);

size_t milter_message_envelope_count(const struct milter_message *m);
const struct milter_envelope_edit *milter_message_envelope(
	const struct milter_message *m, size_t i);
/* The reason; empty when nobody asked for it. */
struct slice milter_message_quarantine(const struct milter_message *m);
/* Who else may ask for it: on_failure = quarantine. The first reason stays. */
void milter_message_hold(struct milter_message *m, struct slice reason);

#endif
