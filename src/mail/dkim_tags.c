#include "mail/dkim_tags.h"

#include "base/blank.h"

#include <openssl/evp.h>

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!is_alpha(c) &&
		    (i == 0 || (c != '_' && (c < '0' || c > '9'))))
			return false;
	}
	return s.n > 0;
}

/* Inner blanks and folding are fine; controls are not. */
static bool is_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < ' ' && !blank_is(s.p[i])) || c == 127)
			return false;
	}
	return slice_is_utf8(s);
}

static bool add(struct dkim_tags *tags, struct slice text)
{
	struct dkim_tag tag;

	if (tags->count == DKIM_TAGS_MAX ||
	    !slice_cut(text, '=', &tag.name, &tag.raw))
		return false;
	tag.name = blank_trim(tag.name);
	tag.value = blank_trim(tag.raw);
	if (!is_name(tag.name) || !is_value(tag.value) ||
	    dkim_tags_find(tags, tag.name) != NULL)
		return false;
	tags->items[tags->count++] = tag;
	return true;
}

bool dkim_tags_parse(struct slice in, struct dkim_tags *ret_tags)
{
	ret_tags->count = 0;
	if (in.n > DKIM_TAGS_OCTETS)
		return false;
	while (in.n > 0) {
		struct slice text;
		bool has_more = slice_cut(in, ';', &text, &in);

		/* Only the last may be nothing: after its ";". */
		if (!has_more && blank_trim(text).n == 0)
			break;
		if (!add(ret_tags, text))
			return false;
	}
	return ret_tags->count > 0;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags,
				      struct slice name)
{
	for (size_t i = 0; i < tags->count; i++)
		if (slice_equal(tags->items[i].name, name))
			return &tags->items[i];
	return NULL;
}

struct slice dkim_tags_value(const struct dkim_tags *tags, struct slice name)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);

	return tag != NULL ? tag->value : S("");
}

bool dkim_tags_word(struct slice *rest, struct slice *ret_word)
{
	if (rest->p == NULL)
		return false;
	if (!slice_cut(*rest, ':', ret_word, rest))
		*rest = (struct slice){ .p = NULL };
	*ret_word = blank_trim(*ret_word);
	return true;
}

bool dkim_tags_lists(struct slice list, struct slice word)
{
	struct slice one;

	while (dkim_tags_word(&list, &one))
		if (slice_equal_nocase(one, word))
			return true;
	return false;
}

struct slice dkim_tags_compact(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (!blank_is(text.p[i]))
			out[n++] = text.p[i];
	return (struct slice){ out, n };
}

static bool is_base64(struct slice s)
{
	size_t n = s.n;

	while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		char c = s.p[i];

		if (!is_alpha(c) && (c < '0' || c > '9') && c != '+' &&
		    c != '/')
			return false;
	}
	return s.n > 0 && s.n % 4 == 0;
}

bool dkim_tags_base64(struct slice text, struct arena *arena,
		      struct slice *ret_octets)
{
	struct slice s = dkim_tags_compact(text, arena);
	unsigned char *out;
	size_t n;

	if (!is_base64(s) || s.n > DKIM_TAGS_OCTETS)
		return false;
	out = arena_alloc(arena, s.n / 4 * 3 + 1);
	/* It counts what the padding stands for. */
	if (EVP_DecodeBlock(out, (const unsigned char *)s.p, (int)s.n) < 0)
		return false;
	n = s.n / 4 * 3;
	n -= s.p[s.n - 1] == '=' ? 1 : 0;
	n -= s.p[s.n - 2] == '=' ? 1 : 0;
	*ret_octets = (struct slice){ (const char *)out, n };
	return true;
}
