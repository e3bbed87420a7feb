/* The members of a list of edits, for the files that fill and apply it. */
#ifndef MILTER_EDITS_PRIVATE_H
#define MILTER_EDITS_PRIVATE_H

#include "milter/edits.h"

enum edit_outcome {
	EDIT_PENDING,
	EDIT_DONE,
	EDIT_NO_FIELD, /* nothing to delete */
	EDIT_NO_ROOM,
};

struct edit {
	enum milter_code code;
	uint32_t index;
	struct slice name;
	uint32_t name_id;   /* the same for edits and fields of that name */
	struct slice value; /* as it is written: all behind the colon */
	bool is_deletion;
	struct slice address;
	struct slice params;
	enum edit_outcome outcome;
};

/* A new body as it comes. */
struct edit_body {
	int fd; /* a memfd; -1 before the first piece */
	uint64_t octets;
	char *run; /* the last of them, not in fd yet */
	size_t run_n;
	bool is_after_cr; /* it was the last octet; its line end is due */
	bool is_open_line;
};

struct milter_edits {
	struct milter_edits_config config;
	struct arena *arena;
	struct edit *list;
	size_t count;
	size_t room;
	size_t octets; /* of MILTER_EDIT_OCTETS */
	bool has_body;
	struct edit_body body;
	struct slice reason;
};

/* edits_text.c */

/* Returns false, with the problem, if there can be no such name. */
bool edit_name_is_good(struct slice name, struct slice *ret_problem);
/* The value as it is written behind the colon. */
struct slice edit_clean_value(struct slice value, bool has_leading_space,
			      struct arena *arena);
/* Without line ends, with "?" for what cannot be printed. */
struct slice edit_clean_reason(struct slice reason, struct arena *arena);

/* edits_body.c */

void edit_body_init(struct edit_body *body);
void edit_body_done(struct edit_body *body);
enum milter_edit_result edit_body_add(struct edit_body *body,
				      struct slice octets, uint64_t limit);
/* This was all: ends the last line. */
void edit_body_finish(struct edit_body *body);

#endif
