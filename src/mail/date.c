#include "mail/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* RFC 5322 3.3 wants English whatever the locale. */
static const char days[7][4] = {
	"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
};
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void date_format(int64_t t, char ret_text[DATE_OCTETS])
{
	const time_t when = (time_t)t;
	struct tm tm = { .tm_mday = 1 };
	long zone;

	(void)localtime_r(&when, &tm);
	zone = labs(tm.tm_gmtoff / 60) % (24 * 60);
	(void)snprintf(ret_text, DATE_OCTETS,
		       "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld",
		       days[tm.tm_wday % 7], tm.tm_mday % 100,
		       months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000,
		       tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100,
		       tm.tm_gmtoff < 0 ? '-' : '+', zone / 60, zone % 60);
}
