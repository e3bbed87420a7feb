#include "mail/dmarc_fact.h"

#include "base/mem.h"
#include "mail/writer.h"

/* A word's octets that could end it become "?". */
static void put(struct writer *w, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c <= ' ' || c >= 127)
			c = '?';
		writer_put(w, (struct slice){ &c, 1 });
	}
}

/* " name=" and what follows; the first has no blank. */
static void put_name(struct writer *w, const char *name)
{
	if (w->n > 0)
		writer_put(w, S(" "));
	writer_put(w, slice_of(name));
	writer_put(w, S("="));
}

static void put_word(struct writer *w, const char *name, struct slice text)
{
	put_name(w, name);
	put(w, text);
}

static void put_policy(struct writer *w, const struct dmarc_record *r)
{
	const struct slice parts[] = {
		slice_of(dmarc_policy_word(r->p)),
		slice_of(dmarc_policy_word(r->sp)),
		slice_of(dmarc_policy_word(r->np)),
		r->is_dkim_strict ? S("s") : S("r"),
		r->is_spf_strict ? S("s") : S("r"),
		r->is_test ? S("y") : S("n"),
	};

	put_name(w, "policy");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (i > 0)
			writer_put(w, S(","));
		writer_put(w, parts[i]);
	}
}

static struct slice pass_or_fail(bool passes)
{
	return passes ? S("pass") : S("fail");
}

/* What an outline has as well. */
static void put_head(struct writer *w, const struct dmarc_fact *f,
		     struct slice source)
{
	put_word(w, "source", source);
	put_policy(w, f->record);
	put_word(w, "disposition", slice_of(dmarc_policy_word(f->disposition)));
	put_word(w, "dkim", pass_or_fail(f->is_dkim_aligned));
	put_word(w, "spf", pass_or_fail(f->is_spf_aligned));
	put_word(w, "from", f->from);
}

static void put_spf(struct writer *w, const struct dmarc_fact *f)
{
	put_word(w, "auth_spf", f->spf_domain);
	writer_put(w, f->is_helo ? S("/helo/") : S("/mfrom/"));
	writer_put(w, slice_of(authres_word(f->spf)));
}

static void put_signature(struct writer *w, struct slice signature)
{
	struct slice part;
	bool has_more = true;

	put_name(w, "auth_dkim");
	while (has_more) {
		has_more = slice_cut(signature, ' ', &part, &signature);
		put(w, part);
		if (has_more)
			writer_put(w, S("/"));
	}
}

struct slice dmarc_fact_write(const struct dmarc_fact *f, struct arena *arena)
{
	AUTO(writer_done) struct writer w = { .p = NULL };
	struct slice text;

	put_head(&w, f, f->source);
	put_word(&w, "envelope", f->envelope);
	put_spf(&w, f);
	for (size_t i = 0; i < f->signature_count; i++)
		put_signature(&w, f->signatures[i]);
	text = writer_text(&w);
	if (text.n > DMARC_FACT_OCTETS) {
		text = slice_head(text, DMARC_FACT_OCTETS);
		text = slice_head(text, slice_find_last(text, ' '));
	}
	return arena_copy(arena, text);
}

struct slice dmarc_fact_outline(const struct dmarc_fact *f, struct arena *arena)
{
	AUTO(writer_done) struct writer w = { .p = NULL };

	put_head(&w, f, S("*"));
	return arena_copy(arena, writer_text(&w));
}
