/*
 * PRECIS (RFC 8264) as far as name.c needs it: the profile UsernameCaseMapped
 * of RFC 8265 3.3 for a user name with characters beyond ASCII.
 *
 * Of the joiners U+200C and U+200D only the use after a virama is taken;
 * RFC 5892 A.1 knows a second one for Arabic scripts.
 */
#ifndef SMTP_PRECIS_H
#define SMTP_PRECIS_H

#include "base/arena.h"
#include "base/slice.h"

/*
 * Width mapping, lower case, NFC; then the IdentifierClass and the Bidi Rule
 * (RFC 5893 2). Returns false when the profile refuses the name.
 */
bool precis_user(struct slice user, struct arena *arena,
		 struct slice *ret_user);

#endif
