/* sts_record_parse() of sts.h: RFC 8461 3.1. */
#include "mail/sts.h"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static bool is_name(struct slice s)
{
	if (s.n == 0 || s.n > STS_ID_OCTETS || !is_alnum(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-' &&
		    s.p[i] != '.')
			return false;
	return true;
}

static bool is_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == '=')
			return false;
	return s.n > 0;
}

static bool is_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]))
			return false;
	return s.n > 0 && s.n <= STS_ID_OCTETS;
}

/* "name=value"; the first id counts. */
static bool take_field(struct slice field, struct slice *id)
{
	struct slice name, value;

	if (!slice_cut(field, '=', &name, &value))
		return false;
	name = slice_trim(name);
	value = slice_trim(value);
	if (!slice_equal(name, S("id")))
		return is_name(name) && is_value(value);
	if (!is_id(value))
		return false;
	if (id->n == 0)
		*id = value;
	return true;
}

/* What follows "v=STSv1". */
static int parse_fields(struct slice rest, struct slice *ret_id)
{
	struct slice id = S("");

	while (rest.n > 0) {
		struct slice field;

		(void)slice_cut(rest, ';', &field, &rest);
		field = slice_trim(field);
		if (field.n == 0 && slice_trim(rest).n == 0)
			break; /* a last ";" */
		if (!take_field(field, &id))
			return STS_RECORD_SYNTAX;
	}
	if (id.n == 0)
		return STS_RECORD_SYNTAX;
	*ret_id = id;
	return 0;
}

/* "v=STSv1", and a field's end. */
static bool is_ours(struct slice text, struct slice *ret_rest)
{
	struct slice version;

	return slice_cut(text, ';', &version, ret_rest) &&
	       slice_starts(version, S("v=STSv1")) &&
	       slice_trim(version).n == sizeof("v=STSv1") - 1;
}

int sts_record_parse(const struct slice *texts, size_t count,
		     struct slice *ret_id)
{
	struct slice rest = S("");
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += is_ours(texts[i], &rest);
	if (found != 1)
		return STS_RECORD_NONE;
	for (size_t i = 0; i < count; i++)
		if (is_ours(texts[i], &rest))
			break;
	return parse_fields(rest, ret_id);
}
