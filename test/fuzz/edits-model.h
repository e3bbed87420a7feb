/* Edits the slow way: a message as an array of strings, each rule of
 * milter/edits.h written down as it is read, nothing shared with the code
 * that is tested. For messages and edits far below the limits. */
#ifndef FUZZ_EDITS_MODEL_H
#define FUZZ_EDITS_MODEL_H

#include <stdbool.h>
#include <stddef.h>

struct model_text {
	char *p; /* NUL behind it */
	size_t n;
};

struct model_field {
	struct model_text name;
	struct model_text value;
	struct model_text written; /* with its line end */
	bool is_hidden;
	bool is_dead;
};

struct model {
	struct model_field *fields;
	size_t count;
	struct model_text body;
	bool is_changed;
	bool has_new_body; /* of the filter at hand */
};

void model_read(struct model *m, const char *message, size_t n, size_t hidden);
void model_free(struct model *m);

enum model_verb { MODEL_ADD, MODEL_INSERT, MODEL_CHANGE };

struct model_edit {
	enum model_verb verb;
	unsigned index;
	const char *name;
	const char *value;
	bool has_leading_space;
	bool counts_dead;
};

/* Returns false if the edit is none. */
bool model_edit(struct model *m, const struct model_edit *edit);
/* The filter's body in one piece, or one more piece of it. */
void model_body(struct model *m, const char *octets, size_t n);
/* The filter is done. */
void model_end_filter(struct model *m);
/* The header section with its empty line. free() it. */
struct model_text model_header(const struct model *m);

#endif
