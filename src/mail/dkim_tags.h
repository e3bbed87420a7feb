/*
 * Tag lists, "v=1; a=rsa-sha256; ...": RFC 6376 3.2, with values in UTF-8 as
 * RFC 8616 4 has them.
 */
#ifndef MAIL_DKIM_TAGS_H
#define MAIL_DKIM_TAGS_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	DKIM_TAGS_MAX = 40,       /* some fifteen are defined */
	DKIM_TAGS_OCTETS = 32768, /* z= may hold copies of fields */
};

struct dkim_tag {
	struct slice name;
	struct slice value; /* without blanks and folding around it */
	struct slice raw;   /* all between "=" and ";" */
};

struct dkim_tags {
	struct dkim_tag items[DKIM_TAGS_MAX]; /* in their order */
	size_t count;
};

/* in: a field's body, or a record; *ret_tags are views of it. Returns false if
 * it is no tag list, has a tag twice, or is longer than the limits above. */
bool dkim_tags_parse(struct slice in, struct dkim_tags *ret_tags);

/* The tag, or NULL. Names compare with their case. */
const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags,
				      struct slice name);
/* Its value; empty where there is none. */
struct slice dkim_tags_value(const struct dkim_tags *tags, struct slice name);

/* The next word of a list "a : b : c", without blanks around it; false when
 * there is none left. Empty words count. *rest.p is NULL at the end. */
bool dkim_tags_word(struct slice *rest, struct slice *ret_word);

/* Whether word is in such a list; without case. */
bool dkim_tags_lists(struct slice list, struct slice word);

/* text without blanks and folding, in arena. */
struct slice dkim_tags_compact(struct slice text, struct arena *arena);

/* base64 with folding and blanks anywhere (RFC 6376 2.10), into arena. Returns
 * false on anything else, and for nothing at all. */
bool dkim_tags_base64(struct slice text, struct arena *arena,
		      struct slice *ret_octets);

#endif
