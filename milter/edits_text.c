#include "milter/edits-private.h"

#include <string.h>

bool edit_name_is_good(struct slice name, struct slice *ret_problem)
{
	if (name.n == 0) {
		*ret_problem = S("the header field has no name");
		return false;
	}
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 127 || name.p[i] == ':') {
			*ret_problem =
				S("this cannot be a header field's name");
			return false;
		}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_all_blank(struct slice line)
{
	return slice_trim(line).n == 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

static char *put_clean(char *p, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		p[i] = s.p[i];
		if (is_control(p[i]) && p[i] != '\t')
			p[i] = '?';
	}
	return p + s.n;
}

struct slice edit_clean_value(struct slice value, bool has_leading_space,
			      struct arena *arena)
{
	/* A line of one octet and its LF becomes four at most. */
	char *start = arena_alloc(arena, 2 * value.n + 2), *p = start;
	struct slice rest = value;
	bool is_first = true, has_more = true;

	if (!has_leading_space)
		*p++ = ' ';
	while (has_more) {
		struct slice line;

		has_more = slice_cut(rest, '\n', &line, &rest);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!is_first && is_all_blank(line))
			continue;
		if (!is_first) {
			*p++ = '\r';
			*p++ = '\n';
			if (!is_blank(line.p[0]))
				*p++ = '\t';
		}
		p = put_clean(p, line);
		is_first = false;
	}
	return (struct slice){ .p = start, .n = (size_t)(p - start) };
}

struct slice edit_clean_reason(struct slice reason, struct arena *arena)
{
	struct slice clipped =
		slice_head(slice_trim(reason), MILTER_REASON_OCTETS);
	char *p = arena_alloc(arena, clipped.n + 1);

	for (size_t i = 0; i < clipped.n; i++) {
		p[i] = clipped.p[i];
		if (is_control(p[i]) || (unsigned char)p[i] > 127)
			p[i] = '?';
	}
	return (struct slice){ .p = p, .n = clipped.n };
}
