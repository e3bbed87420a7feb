/* White space of text that may be folded: spaces, tabs, and line ends. */
#ifndef BASE_BLANK_H
#define BASE_BLANK_H

#include "base/slice.h"

#include <stdbool.h>

bool blank_is(char c);
/* Without it at both ends. */
struct slice blank_trim(struct slice s);

#endif
