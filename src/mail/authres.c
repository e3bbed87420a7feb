#include "mail/authres.h"

#include "base/mem.h"
#include "mail/writer.h"

#include <string.h>

const char *authres_word(enum authres_result result)
{
	static const char *const words[AUTHRES_COUNT] = {
		[AUTHRES_NONE] = "none",
		[AUTHRES_PASS] = "pass",
		[AUTHRES_FAIL] = "fail",
		[AUTHRES_SOFTFAIL] = "softfail",
		[AUTHRES_NEUTRAL] = "neutral",
		[AUTHRES_POLICY] = "policy",
		[AUTHRES_TEMPERROR] = "temperror",
		[AUTHRES_PERMERROR] = "permerror",
	};

	return result < AUTHRES_COUNT ? words[result] : "?";
}

/* --- a resinfo --------------------------------------------------------------- */

/* RFC 2045 5.1 */
static bool is_token_octet(char c)
{
	return c > ' ' && c < 127 && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_octet(s.p[i]))
			return false;
	return s.n > 0;
}

/* A value, or "local@domain": pvalue of RFC 8601 2.2. */
static bool is_plain(struct slice s)
{
	size_t at = slice_find(s, '@');

	return is_token(s) || (at < s.n && is_token(slice_head(s, at)) &&
			       is_token(slice_tail(s, at + 1)));
}

/* Octets that end what they stand in lose their meaning. */
static void put_tamed(struct writer *w, struct slice text, const char *marks)
{
	for (size_t i = 0; i < text.n;) {
		struct slice rest = slice_tail(text, i);
		size_t n = 0;

		while (n < rest.n &&
		       (rest.p[n] == '\0' || strchr(marks, rest.p[n]) == NULL))
			n++;
		writer_put_clean(w, slice_head(rest, n));
		if (n < rest.n)
			writer_put(w, S("?"));
		i += n + 1;
	}
}

static void put_quoted(struct writer *w, struct slice text)
{
	writer_put(w, S("\""));
	put_tamed(w, text, "\"\\");
	writer_put(w, S("\""));
}

static void put_value(struct writer *w, struct slice text)
{
	if (is_plain(text))
		writer_put(w, text);
	else
		put_quoted(w, text);
}

struct slice authres_value(struct slice text, struct arena *arena)
{
	AUTO(writer_done) struct writer w = { .keeps_utf8 = true };

	put_value(&w, text);
	return arena_copy(arena, writer_text(&w));
}

struct slice authres_quoted(struct slice text, struct arena *arena)
{
	AUTO(writer_done) struct writer w = { .keeps_utf8 = true };

	put_quoted(&w, text);
	return arena_copy(arena, writer_text(&w));
}

static void put_property(struct writer *w, const struct authres_property *p)
{
	if (p->value.n == 0)
		return;
	writer_put(w, S(" "));
	writer_put(w, p->name);
	writer_put(w, S("="));
	put_value(w, p->value);
}

struct slice authres_resinfo(const struct authres_info *info,
			     struct arena *arena)
{
	AUTO(writer_done) struct writer w = { .keeps_utf8 = true };

	writer_put(&w, info->method);
	writer_put(&w, S("="));
	writer_put(&w, slice_of(authres_word(info->result)));
	if (info->comment.n > 0) {
		writer_put(&w, S(" ("));
		put_tamed(&w, info->comment, "()\\");
		writer_put(&w, S(")"));
	}
	for (size_t i = 0; i < info->property_count; i++)
		put_property(&w, &info->properties[i]);
	return arena_copy(arena, writer_text(&w));
}

/* --- the field ----------------------------------------------------------------- */

struct slice authres_format(struct slice id, const struct slice *results,
			    size_t count, struct arena *arena)
{
	AUTO(writer_done) struct writer w = { .keeps_utf8 = true };

	writer_put(&w, S("Authentication-Results: "));
	writer_put_clean(&w, id);
	for (size_t i = 0; i < count; i++) {
		writer_put(&w, S(";\r\n    "));
		writer_put_folded(&w, results[i], 6);
	}
	writer_put(&w, count == 0 ? S("; none\r\n") : S("\r\n"));
	return arena_copy(arena, writer_text(&w));
}
