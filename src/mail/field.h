/*
 * The fields of a header section, one after the other: RFC 5322 2.2 with
 * folding (2.2.3) and the blanks before a colon of 4.5. Names and values are as
 * they came; line ends are CRLF, or LF.
 */
#ifndef MAIL_FIELD_H
#define MAIL_FIELD_H

#include "base/slice.h"

struct field {
	struct slice whole; /* with its line ends */
	struct slice name;  /* without blanks */
	struct slice value; /* behind the colon, folds and all, without the last
	                       line end */
};

/*
 * Takes the next field off *rest. Returns false where no field begins: at the
 * empty line, at a line that is no field, at the end.
 */
bool field_next(struct slice *rest, struct field *ret_field);

/* Whether that is its name, in letters of either case. */
bool field_is(const struct field *f, struct slice name);

#endif
