#include "mail/field.h"

static size_t line_octets(struct slice text)
{
	return slice_head(text, slice_find(text, '\n') + 1).n;
}

static bool is_name_octet(char c)
{
	return c > ' ' && c < 127 && c != ':';
}

static bool is_blank_at(struct slice s, size_t i)
{
	return i < s.n && (s.p[i] == ' ' || s.p[i] == '\t');
}

static struct slice without_line_end(struct slice line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\n')
		line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

bool field_next(struct slice *rest, struct field *ret_field)
{
	struct slice whole = slice_head(*rest, line_octets(*rest));
	size_t n = 0, colon;

	while (n < whole.n && is_name_octet(whole.p[n]))
		n++;
	for (colon = n; is_blank_at(whole, colon);)
		colon++;
	if (n == 0 || colon == whole.n || whole.p[colon] != ':')
		return false;
	while (is_blank_at(*rest, whole.n))
		whole.n += line_octets(slice_tail(*rest, whole.n));
	*ret_field = (struct field){
		.whole = whole,
		.name = slice_head(whole, n),
		.value = slice_tail(without_line_end(whole), colon + 1),
	};
	*rest = slice_tail(*rest, whole.n);
	return true;
}

bool field_is(const struct field *f, struct slice name)
{
	return slice_equal_nocase(f->name, name);
}
