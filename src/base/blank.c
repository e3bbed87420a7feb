#include "base/blank.h"

bool blank_is(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice blank_trim(struct slice s)
{
	while (s.n > 0 && blank_is(s.p[0]))
		s = slice_tail(s, 1);
	while (s.n > 0 && blank_is(s.p[s.n - 1]))
		s.n--;
	return s;
}
