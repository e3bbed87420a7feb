/*
 * All fields of a header section at once (field.h), as views of it. Where it
 * ends is judged as header.h does.
 */
#ifndef MAIL_FIELDS_H
#define MAIL_FIELDS_H

#include "base/arena.h"
#include "mail/field.h"

/* In their order; in arena. */
struct fields {
	const struct field *items;
	size_t count;
	struct slice section; /* all of them */
	struct slice body;    /* of the message: after the empty line */
};

/* Returns false when there are more than HEADER_FIELDS of them. */
bool fields_split(struct slice message, struct arena *arena,
		  struct fields *ret_fields);

#endif
