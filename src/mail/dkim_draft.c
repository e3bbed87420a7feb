#include "mail/dkim_draft.h"

#include "base/mem.h"
#include "mail/dkim_block.h"
#include "mail/dkim_signature.h"
#include "smtp/name.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

enum {
	LINE_OCTETS = 76,
	NAMES_MAX = DKIM_SIGNED_NAMES_MAX / 2, /* what others surely take */
	SIGNATURES_MAX = 32,                   /* that are there already */
	SIGNATURE_OCTETS = 4 << 20,
};

/* is_sealed: one more than there are. */
static const struct {
	struct slice name;
	bool is_sealed;
} signed_fields[] = {
	{ SLICE("From"), true },
	{ SLICE("To"), true },
	{ SLICE("Cc"), true },
	{ SLICE("Subject"), true },
	{ SLICE("Date"), true },
	{ SLICE("Message-ID"), true },
	{ SLICE("Reply-To"), true },
	{ SLICE("Sender"), true },
	{ SLICE("In-Reply-To"), true },
	{ SLICE("References"), true },
	{ SLICE("MIME-Version"), true },
	{ SLICE("Content-Type"), true },
	{ SLICE("Content-Transfer-Encoding"), true },
	{ SLICE("Content-Disposition"), false },
	{ SLICE("Content-ID"), false },
	{ SLICE("Content-Description"), false },
	{ SLICE("Resent-From"), false },
	{ SLICE("Resent-To"), false },
	{ SLICE("Resent-Cc"), false },
	{ SLICE("Resent-Sender"), false },
	{ SLICE("Resent-Date"), false },
	{ SLICE("Resent-Message-ID"), false },
	{ SLICE("List-Id"), false },
	{ SLICE("List-Help"), false },
	{ SLICE("List-Unsubscribe"), false },
	{ SLICE("List-Unsubscribe-Post"), false },
	{ SLICE("List-Subscribe"), false },
	{ SLICE("List-Post"), false },
	{ SLICE("List-Owner"), false },
	{ SLICE("List-Archive"), false },
	{ SLICE("Auto-Submitted"), false },
};

enum { SIGNED_FIELDS = sizeof(signed_fields) / sizeof(signed_fields[0]) };

/* --- h= ----------------------------------------------------------------------------- */

static size_t count_of(const struct fields *fields, struct slice name)
{
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++)
		count += field_is(&fields->items[i], name) ? 1 : 0;
	return count;
}

struct names {
	struct slice items[NAMES_MAX];
	size_t count;
};

static void add_names(struct names *names, struct slice name, size_t count)
{
	for (; count > 0 && names->count < NAMES_MAX; count--)
		names->items[names->count++] = name;
}

/* Seals first: they are what matters if there are too many fields. */
static void choose_names(const struct fields *fields, struct names *names)
{
	for (size_t i = 0; i < SIGNED_FIELDS; i++)
		if (signed_fields[i].is_sealed)
			add_names(names, signed_fields[i].name, 1);
	for (size_t i = 0; i < SIGNED_FIELDS; i++)
		add_names(names, signed_fields[i].name,
			  count_of(fields, signed_fields[i].name));
}

/* --- the field ---------------------------------------------------------------------- */

/* Text that is folded between its parts. */
struct folder {
	struct writer out;
	size_t column;
};

static void put(struct folder *f, struct slice part)
{
	if (f->column + part.n > LINE_OCTETS) {
		writer_put(&f->out, S("\r\n\t"));
		f->column = 8;
		part = slice_trim(part);
	}
	writer_put(&f->out, part);
	f->column += part.n;
}

static void put_tag(struct folder *f, struct slice name, struct slice value,
		    struct arena *arena)
{
	const struct slice parts[] = { S(" "), name, S("="), value, S(";") };

	put(f, arena_join(arena, parts, 5));
}

static void put_number(struct folder *f, struct slice name, int64_t value,
		       struct arena *arena)
{
	put_tag(f, name, arena_format(arena, "%" PRId64, value), arena);
}

static void put_names(struct folder *f, const struct names *names,
		      struct arena *arena)
{
	for (size_t i = 0; i < names->count; i++) {
		const struct slice parts[] = { i == 0 ? S(" h=") : S(""),
					       names->items[i],
					       i + 1 == names->count ? S(";")
								     : S(":") };

		put(f, arena_join(arena, parts, 3));
	}
}

static struct slice base64(struct slice octets, struct arena *arena)
{
	unsigned char *out = arena_alloc(arena, octets.n / 3 * 4 + 5);
	int n = EVP_EncodeBlock(out, (const unsigned char *)octets.p,
				(int)octets.n);

	return (struct slice){ (const char *)out, (size_t)n };
}

static void write_field(const struct dkim_draft_request *r,
			const struct names *names, struct arena *arena,
			struct folder *f)
{
	const struct slice hash = { (const char *)r->body_hash,
				    DKIM_HASH_OCTETS };

	put(f, S("DKIM-Signature: v=1;"));
	put_tag(f, S("a"), slice_of(dkim_algorithm_word(r->algorithm)), arena);
	put_tag(f, S("c"), S("relaxed/relaxed"), arena);
	put_tag(f, S("d"), r->domain, arena);
	put_tag(f, S("s"), r->selector, arena);
	put_number(f, S("t"), r->now, arena);
	if (r->lasts_s > 0)
		put_number(f, S("x"), r->now + r->lasts_s, arena);
	put_names(f, names, arena);
	put_tag(f, S("bh"), base64(hash, arena), arena);
	put(f, S(" b="));
}

void dkim_draft_make(const struct dkim_draft_request *request,
		     struct arena *arena, struct dkim_draft *ret_draft)
{
	struct names names = { .count = 0 };
	struct folder folder = { .column = 0 };
	struct writer block = { .n = 0 };
	struct dkim_block_request wanted = {
		.fields = request->fields,
		.canon = DKIM_RELAXED,
		.names = names.items,
	};

	choose_names(request->fields, &names);
	write_field(request, &names, arena, &folder);
	ret_draft->field = arena_copy(arena, writer_text(&folder.out));
	wanted.name_count = names.count;
	wanted.signature = (struct field){
		.name = S("DKIM-Signature"),
		.whole = ret_draft->field,
		.value = slice_tail(ret_draft->field, S("DKIM-Signature:").n),
	};
	(void)dkim_block_write(&wanted, arena, &block);
	ret_draft->text = arena_copy(arena, writer_text(&block));
	writer_done(&block);
	writer_done(&folder.out);
}

/* --- finished ----------------------------------------------------------------------- */

struct slice dkim_draft_finish(const struct dkim_draft *draft,
			       struct slice signature, struct arena *arena)
{
	struct slice rest = base64(signature, arena), whole;
	struct writer out = { .n = 0 };
	size_t lf = slice_find_last(draft->field, '\n');
	size_t column =
		lf < draft->field.n ? draft->field.n - lf + 6 : draft->field.n;

	writer_put(&out, draft->field);
	while (rest.n > 0) {
		size_t n = column < LINE_OCTETS ? LINE_OCTETS - column : 0;

		writer_put(&out, slice_head(rest, n));
		rest = slice_tail(rest, n);
		if (rest.n > 0)
			writer_put(&out, S("\r\n\t"));
		column = 8;
	}
	writer_put(&out, S("\r\n"));
	whole = arena_copy(arena, writer_text(&out));
	writer_done(&out);
	return whole;
}

static bool is_signed_by(const struct field *f, struct slice domain,
			 struct slice selector, struct arena *arena)
{
	struct dkim_signature s;

	return field_is(f, S("DKIM-Signature")) &&
	       dkim_signature_parse(f, arena, &s) == DKIM_OK &&
	       slice_equal(s.domain, domain) &&
	       slice_equal(s.selector, selector);
}

/* In an arena of its own: there may be thousands that say nothing. */
bool dkim_draft_is_signed(const struct fields *fields, struct slice domain,
			  struct slice selector)
{
	AUTO(arena_free) struct arena *arena = arena_new(SIGNATURE_OCTETS);
	size_t looked_at = 0;
	bool is_signed = false;

	for (size_t i = 0;
	     i < fields->count && !is_signed && looked_at < SIGNATURES_MAX;
	     i++) {
		const struct field *f = &fields->items[i];

		looked_at += field_is(f, S("DKIM-Signature")) ? 1 : 0;
		is_signed = is_signed_by(f, domain, selector, arena);
		arena_clear(arena);
	}
	return is_signed;
}
