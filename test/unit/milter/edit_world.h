/* A message in a memfd, and edits as short calls. */
#ifndef TEST_MILTER_EDIT_WORLD_H
#define TEST_MILTER_EDIT_WORLD_H

#include "milter/edits.h"

struct edit_world {
	int fd;
	struct milter_message *m;
	struct milter_edits *edits;
	struct arena *arena;
};

/* hidden: of the message's fields. */
void edit_world_build(struct edit_world *w, struct slice message,
		      size_t hidden);
void edit_world_done(struct edit_world *w);
/* The next filter's edits; with LEADSPC: as its values are written. */
void edit_world_filter(struct edit_world *w,
		       const struct milter_edits_config *config);

/* Each gives an edit to the filter's list. */
enum milter_edit_result edit_field(struct edit_world *w, enum milter_code code,
				   uint32_t index, const char *name,
				   const char *value);
enum milter_edit_result edit_body_piece(struct edit_world *w,
					struct slice octets);
enum milter_edit_result edit_address(struct edit_world *w,
				     enum milter_code code, const char *address,
				     const char *params);

struct slice edit_world_header(struct edit_world *w);
struct slice edit_world_body(struct edit_world *w);
void assert_slice(struct slice got, struct slice want, const char *name);

#endif
