#include "mail/dkim_signature.h"

#include "mail/dkim_tags.h"
#include "smtp/name.h"

#include <string.h>

enum {
	TIME_DIGITS = 12,
	IDENTITY_OCTETS = 1024,
};

/* One field, being read. */
struct reader {
	const struct field *f;
	struct dkim_tags tags;
	struct arena *arena;
	struct dkim_signature *s;
};

static struct slice value(const struct reader *r, struct slice name)
{
	return dkim_tags_value(&r->tags, name);
}

static bool has(const struct reader *r, struct slice name)
{
	return dkim_tags_find(&r->tags, name) != NULL;
}

/* --- what it says of itself --------------------------------------------------------- */

static bool canon_of(struct slice word, enum dkim_canon *ret_canon)
{
	for (int c = DKIM_SIMPLE; c <= DKIM_RELAXED; c++)
		if (slice_equal_nocase(word, slice_of(dkim_canon_word(c)))) {
			*ret_canon = c;
			return true;
		}
	return false;
}

static bool read_canon(struct reader *r)
{
	struct slice header, body;

	r->s->header = DKIM_SIMPLE;
	r->s->body = DKIM_SIMPLE;
	if (!has(r, S("c")))
		return true;
	if (!slice_cut(value(r, S("c")), '/', &header, &body))
		body = S("simple");
	return canon_of(header, &r->s->header) && canon_of(body, &r->s->body);
}

static bool read_kind(struct reader *r)
{
	r->s->algorithm = dkim_algorithm_of(value(r, S("a")));
	return read_canon(r) && r->s->algorithm != DKIM_ALGORITHM_UNKNOWN &&
	       (!has(r, S("q")) ||
		dkim_tags_lists(value(r, S("q")), S("dns/txt")));
}

/* --- who signed --------------------------------------------------------------------- */

static bool read_signer(struct reader *r)
{
	bool has_domain =
		name_domain(value(r, S("d")), r->arena, &r->s->domain) == 0;

	r->s->identity_domain = r->s->domain;
	return dkim_selector(value(r, S("s")), r->arena, &r->s->selector) ==
		       0 &&
	       has_domain;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* dkim-quoted-printable, RFC 6376 2.11. Returns false on a "=" that is none. */
static bool decode(struct slice text, struct arena *arena,
		   struct slice *ret_text)
{
	struct slice in = dkim_tags_compact(text, arena);
	char *out = arena_alloc(arena, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		out[n] = in.p[i];
		if (in.p[i] == '=') {
			if (in.n - i < 3 || hex_of(in.p[i + 1]) < 0 ||
			    hex_of(in.p[i + 2]) < 0)
				return false;
			out[n] = (char)(hex_of(in.p[i + 1]) * 16 +
					hex_of(in.p[i + 2]));
			i += 2;
		}
		n++;
	}
	*ret_text = (struct slice){ out, n };
	return true;
}

static bool read_identity(struct reader *r)
{
	struct slice text, domain;
	size_t at;

	if (!has(r, S("i")))
		return true;
	if (value(r, S("i")).n > IDENTITY_OCTETS ||
	    !decode(value(r, S("i")), r->arena, &text) ||
	    slice_has_control(text) || !slice_is_utf8(text))
		return false;
	at = slice_find_last(text, '@');
	if (name_domain(slice_tail(text, at + 1), r->arena, &domain) != 0)
		return false;
	r->s->identity = text;
	r->s->identity_domain = domain;
	return true;
}

/* i= is of d=, or of a name below it: RFC 6376 3.5. */
static bool is_within(struct slice name, struct slice domain)
{
	return slice_ends_nocase(name, domain) &&
	       (name.n == domain.n || name.p[name.n - domain.n - 1] == '.');
}

/* --- what is signed ------------------------------------------------------------------ */

static bool is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 127)
			return false;
	return name.n > 0;
}

static bool read_names(struct reader *r)
{
	struct slice rest = value(r, S("h")), *names;
	size_t count = 0;

	names = arena_array(r->arena, DKIM_SIGNED_NAMES_MAX, sizeof(*names));
	while (count < DKIM_SIGNED_NAMES_MAX &&
	       dkim_tags_word(&rest, &names[count])) {
		if (!is_field_name(names[count]))
			return false;
		count++;
	}
	r->s->names = names;
	r->s->name_count = count;
	return rest.p == NULL;
}

static bool signs_from(const struct dkim_signature *s)
{
	for (size_t i = 0; i < s->name_count; i++)
		if (slice_equal_nocase(s->names[i], S("from")))
			return true;
	return false;
}

static bool read_time(struct reader *r, struct slice name, uint64_t *ret_time)
{
	return !has(r, name) ||
	       (value(r, name).n <= TIME_DIGITS &&
		slice_to_u64(value(r, name), UINT64_MAX, ret_time));
}

static bool read_times(struct reader *r)
{
	struct dkim_signature *s = r->s;

	return read_time(r, S("t"), &s->signed_at) &&
	       read_time(r, S("x"), &s->expires_at) &&
	       (!has(r, S("t")) || !has(r, S("x")) ||
		s->expires_at > s->signed_at);
}

static bool read_length(struct reader *r)
{
	r->s->length = UINT64_MAX;
	return !has(r, S("l")) ||
	       slice_to_u64(value(r, S("l")), UINT64_MAX - 1, &r->s->length);
}

static bool read_hashes(struct reader *r)
{
	r->s->signature_text = dkim_tags_compact(value(r, S("b")), r->arena);
	return dkim_tags_base64(value(r, S("b")), r->arena, &r->s->signature) &&
	       dkim_tags_base64(value(r, S("bh")), r->arena, &r->s->body_hash);
}

/* The field as it was when it was signed: RFC 6376 3.7. */
static void take_signature_out(struct reader *r)
{
	const struct dkim_tag *b = dkim_tags_find(&r->tags, S("b"));
	struct slice whole = r->f->whole, text, parts[2];
	size_t at;

	if (b == NULL)
		return;
	at = (size_t)(b->raw.p - whole.p);
	parts[0] = slice_head(whole, at);
	parts[1] = slice_tail(whole, at + b->raw.n);
	text = arena_join(r->arena, parts, 2);
	at = (size_t)(r->f->value.p - whole.p);
	r->s->unsigned_field = (struct field){
		.whole = text,
		.name = r->f->name,
		.value = slice_head(slice_tail(text, at),
				    r->f->value.n - b->raw.n),
	};
}

/* --- all of it ------------------------------------------------------------------------ */

static bool has_all(const struct reader *r)
{
	static const struct slice names[] = { SLICE("a"),  SLICE("b"),
					      SLICE("bh"), SLICE("d"),
					      SLICE("h"),  SLICE("s") };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!has(r, names[i]))
			return false;
	return true;
}

enum dkim_fault dkim_signature_parse(const struct field *f, struct arena *arena,
				     struct dkim_signature *ret_signature)
{
	struct reader r = { .f = f, .arena = arena, .s = ret_signature };
	bool is_known, is_sound;

	*ret_signature = (struct dkim_signature){
		.algorithm = DKIM_ALGORITHM_UNKNOWN,
	};
	if (!dkim_tags_parse(f->value, &r.tags))
		return DKIM_SYNTAX;
	/* All are read, so that a fault can be told with what is there. */
	is_known = read_kind(&r);
	is_sound = read_signer(&r);
	is_sound &= read_hashes(&r);
	is_sound &= read_names(&r) && read_times(&r) && read_length(&r) &&
		    read_identity(&r) && has_all(&r);
	take_signature_out(&r);
	if (has(&r, S("v")) && !slice_equal(value(&r, S("v")), S("1")))
		return DKIM_VERSION;
	if (!is_sound || !has(&r, S("v")))
		return DKIM_SYNTAX;
	if (!is_known)
		return DKIM_UNKNOWN;
	if (!is_within(ret_signature->identity_domain, ret_signature->domain))
		return DKIM_MISMATCH;
	return signs_from(ret_signature) ? DKIM_OK : DKIM_FROM;
}
