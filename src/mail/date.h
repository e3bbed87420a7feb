/* Date-times of RFC 5322 3.3, as our own headers carry them. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

enum { DATE_OCTETS = 32 }; /* "Sat, 21 Nov 2026 10:04:00 +0000" and NUL */

/* Writes the date of wall-clock second t, in the zone of the process. */
void date_format(int64_t t, char ret_text[DATE_OCTETS]);

#endif
