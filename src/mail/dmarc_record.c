#include "mail/dmarc_record.h"

struct tags {
	struct dmarc_record *record;
	bool has_p, has_sp, has_bad_policy, has_9989, has_7489;
	unsigned seen; /* bits, by place in the table */
};

const char *dmarc_policy_word(enum dmarc_policy policy)
{
	switch (policy) {
	case DMARC_NONE:
		return "none";
	case DMARC_QUARANTINE:
		return "quarantine";
	case DMARC_REJECT:
		return "reject";
	}
	return "?";
}

static bool is_word(struct slice value, const char *word)
{
	return slice_equal_nocase(value, slice_of(word));
}

/* --- values ------------------------------------------------------------------ */

static bool read_policy(struct tags *t, struct slice value,
			enum dmarc_policy *ret_policy)
{
	for (unsigned i = DMARC_NONE; i <= DMARC_REJECT; i++)
		if (is_word(value, dmarc_policy_word(i))) {
			*ret_policy = i;
			return true;
		}
	t->has_bad_policy = true;
	return false;
}

static void take_p(struct tags *t, struct slice value)
{
	t->has_p = read_policy(t, value, &t->record->p);
}

static void take_sp(struct tags *t, struct slice value)
{
	t->has_sp = read_policy(t, value, &t->record->sp);
}

static void take_np(struct tags *t, struct slice value)
{
	t->has_9989 = true;
	t->record->has_np = read_policy(t, value, &t->record->np);
}

static void take_adkim(struct tags *t, struct slice value)
{
	t->record->is_dkim_strict = is_word(value, "s");
}

static void take_aspf(struct tags *t, struct slice value)
{
	t->record->is_spf_strict = is_word(value, "s");
}

static void take_t(struct tags *t, struct slice value)
{
	t->has_9989 = true;
	t->record->is_test = is_word(value, "y");
}

static void take_psd(struct tags *t, struct slice value)
{
	t->has_9989 = true;
	if (is_word(value, "y"))
		t->record->psd = DMARC_PSD_YES;
	else if (is_word(value, "n"))
		t->record->psd = DMARC_PSD_NO;
}

static void take_fo(struct tags *t, struct slice value)
{
	static const struct slice names[] = { SLICE("0"), SLICE("1"),
					      SLICE("d"), SLICE("s") };
	struct slice one;
	unsigned fo = 0;

	while (value.n > 0) {
		(void)slice_cut(value, ':', &one, &value);
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (slice_equal_nocase(slice_trim(one), names[i]))
				fo |= 1U << i;
	}
	if (fo != 0)
		t->record->fo = fo;
}

static void take_rua(struct tags *t, struct slice value)
{
	if (value.n <= DMARC_URIS_OCTETS)
		t->record->rua = value;
}

static void take_ruf(struct tags *t, struct slice value)
{
	if (value.n <= DMARC_URIS_OCTETS)
		t->record->ruf = value;
}

static void take_old(struct tags *t, struct slice value)
{
	(void)value;
	t->has_7489 = true;
}

/* --- tags --------------------------------------------------------------------- */

static const struct {
	struct slice name;
	void (*take)(struct tags *t, struct slice value);
} table[] = {
	{ SLICE("p"), take_p },       { SLICE("sp"), take_sp },
	{ SLICE("np"), take_np },     { SLICE("adkim"), take_adkim },
	{ SLICE("aspf"), take_aspf }, { SLICE("t"), take_t },
	{ SLICE("psd"), take_psd },   { SLICE("fo"), take_fo },
	{ SLICE("rua"), take_rua },   { SLICE("ruf"), take_ruf },
	{ SLICE("pct"), take_old },   { SLICE("ri"), take_old },
	{ SLICE("rf"), take_old },
};

/* Of a tag that comes twice the first counts. */
static void take_tag(struct tags *t, struct slice name, struct slice value)
{
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (slice_equal_nocase(name, table[i].name) &&
		    (t->seen & 1U << i) == 0) {
			t->seen |= 1U << i;
			table[i].take(t, value);
		}
}

/* dmarc-value of RFC 9989 4.8, and tabs as blanks. */
static bool is_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
			return false;
	return true;
}

/* Takes "name = value;" off *rest. Returns false for what is no tag. */
static bool next_tag(struct slice *rest, struct slice *ret_name,
		     struct slice *ret_value)
{
	struct slice tag;
	bool is_tag;

	(void)slice_cut(*rest, ';', &tag, rest);
	is_tag = slice_cut(tag, '=', ret_name, ret_value);
	*ret_name = slice_trim(*ret_name);
	*ret_value = slice_trim(*ret_value);
	return is_tag && is_printable(tag) && !slice_has_high(tag);
}

static bool is_uri_octet(char c)
{
	return c > ' ' && c < 127 && c != '"' && c != '<' && c != '>' &&
	       c != '\\' && c != '^' && c != '`' && c != '{' && c != '|' &&
	       c != '}';
}

/* RFC 3986 3: a scheme, a colon, and what may follow it. */
static bool is_uri(struct slice s)
{
	size_t colon = slice_find(s, ':');

	if (colon == 0 || colon + 1 >= s.n ||
	    !((s.p[0] | ' ') >= 'a' && (s.p[0] | ' ') <= 'z'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_uri_octet(s.p[i]))
			return false;
	return true;
}

static bool has_uri(struct slice list)
{
	struct slice one;

	while (list.n > 0) {
		(void)slice_cut(list, ',', &one, &list);
		if (is_uri(slice_trim(one)))
			return true;
	}
	return false;
}

/* RFC 9989 4.10.1; without p it is "none": 4.7. */
static int set_policies(const struct tags *t)
{
	struct dmarc_record *r = t->record;

	if (t->has_bad_policy) {
		r->p = r->sp = r->np = DMARC_NONE;
		r->has_np = false;
		return has_uri(r->rua) ? 0 : DMARC_UNUSABLE;
	}
	if (!t->has_p)
		r->p = DMARC_NONE;
	if (!t->has_sp)
		r->sp = r->p;
	if (!r->has_np)
		r->np = r->sp;
	return 0;
}

int dmarc_parse(struct slice text, struct dmarc_record *ret_record)
{
	struct dmarc_record record = { .fo = DMARC_FO_ALL };
	struct tags tags = { .record = &record };
	struct slice name, value;
	int error;

	if (text.n > DMARC_RECORD_OCTETS || !next_tag(&text, &name, &value) ||
	    !is_word(name, "v") || !slice_equal(value, S("DMARC1")))
		return DMARC_OTHER;
	while (text.n > 0)
		if (next_tag(&text, &name, &value))
			take_tag(&tags, name, value);
	error = set_policies(&tags);
	record.is_7489 = tags.has_7489 && !tags.has_9989;
	*ret_record = record;
	return error;
}
