#include "keyring/header_block.h"

#include "base/blank.h"

struct tags {
	struct header_block block;
	unsigned versions, domains, selectors, algorithms, signatures;
	bool is_version_1, is_empty;
};

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_tag_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alpha(s.p[i]) &&
		    (i == 0 ||
		     ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '_')))
			return false;
	return s.n > 0;
}

static void add_tag(struct tags *t, struct slice name, struct slice value)
{
	if (slice_equal(name, S("v"))) {
		t->versions++;
		t->is_version_1 = slice_equal(value, S("1"));
	} else if (slice_equal(name, S("d"))) {
		t->domains++;
		t->block.domain = value;
	} else if (slice_equal(name, S("s"))) {
		t->selectors++;
		t->block.selector = value;
	} else if (slice_equal(name, S("a"))) {
		t->algorithms++;
		t->block.algorithm = value;
	} else if (slice_equal(name, S("b"))) {
		t->signatures++;
		t->is_empty = value.n == 0;
	}
}

/* RFC 6376 3.2. */
static const char *read_tags(struct slice list, struct header_block *ret_block)
{
	struct tags t = { .is_empty = false };

	while (list.n > 0) {
		struct slice tag, name, value;

		(void)slice_cut(list, ';', &tag, &list);
		if (list.n == 0 && blank_trim(tag).n == 0)
			break; /* after a last semicolon */
		if (!slice_cut(tag, '=', &name, &value) ||
		    !is_tag_name(blank_trim(name)))
			return "its signature field is no list of tags";
		add_tag(&t, blank_trim(name), blank_trim(value));
	}
	if (t.versions != 1 || t.domains != 1 || t.selectors != 1 ||
	    t.algorithms != 1 || !t.is_version_1)
		return "its signature field lacks a tag or has one twice";
	if (t.signatures != 1 || !t.is_empty)
		return "its signature field is signed already";
	*ret_block = t.block;
	return NULL;
}

/* Cuts a field off, with the lines that continue it; *ret_has_end: it has its
 * CRLF. */
static bool cut_field(struct slice *rest, struct slice *ret_field,
		      bool *ret_has_end)
{
	for (size_t i = 0; i < rest->n; i++) {
		char c = rest->p[i];

		if (c == '\0' || c == '\n')
			return false;
		if (c != '\r')
			continue;
		if (i + 1 == rest->n || rest->p[++i] != '\n')
			return false;
		if (i + 1 < rest->n &&
		    (rest->p[i + 1] == ' ' || rest->p[i + 1] == '\t'))
			continue;
		*ret_field = slice_head(*rest, i - 1);
		*rest = slice_tail(*rest, i + 1);
		*ret_has_end = true;
		return true;
	}
	*ret_field = *rest;
	*rest = slice_tail(*rest, rest->n);
	*ret_has_end = false;
	return true;
}

/* RFC 5322 3.6.8; blanks before the colon are obsolete, but there (4.5.1). */
static bool split_field(struct slice field, struct slice *ret_name,
			struct slice *ret_value)
{
	struct slice name;

	if (!slice_cut(field, ':', &name, ret_value))
		return false;
	while (name.n > 0 &&
	       (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	*ret_name = name;
	return name.n > 0;
}

const char *header_block_read(struct slice text, struct header_block *ret_block)
{
	bool has_end = true, has_from = false;

	if (text.n > HEADER_BLOCK_OCTETS)
		return "it is too long";
	while (text.n > 0) {
		struct slice field, name, value;

		if (!cut_field(&text, &field, &has_end) ||
		    !split_field(field, &name, &value))
			return "it is no block of header fields";
		if (has_end) {
			has_from |= slice_equal_nocase(name, S("from"));
			continue;
		}
		if (!slice_equal_nocase(name, S("dkim-signature")))
			break;
		return has_from ? read_tags(value, ret_block)
				: "it has no From field";
	}
	return "it does not end with a signature field";
}
