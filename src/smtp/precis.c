#include "smtp/precis.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* A name as code points; of bounded length, as name.c bounds its input. */
struct text {
	ucs4_t c[512];
	size_t n;
};

enum verdict { VALID, DISALLOWED, CONTEXT, BY_CATEGORY };

/* RFC 8264 9.6 "Exceptions", and the joiners of 9.8. */
static const struct {
	ucs4_t first, last;
	enum verdict verdict;
} exceptions[] = {
	{ 0x00B7, 0x00B7, CONTEXT },    { 0x00DF, 0x00DF, VALID },
	{ 0x0375, 0x0375, CONTEXT },    { 0x03C2, 0x03C2, VALID },
	{ 0x05F3, 0x05F4, CONTEXT },    { 0x0640, 0x0640, DISALLOWED },
	{ 0x0660, 0x0669, CONTEXT },    { 0x06F0, 0x06F9, CONTEXT },
	{ 0x06FD, 0x06FE, VALID },      { 0x07FA, 0x07FA, DISALLOWED },
	{ 0x0F0B, 0x0F0B, VALID },      { 0x200C, 0x200D, CONTEXT },
	{ 0x3007, 0x3007, VALID },      { 0x302E, 0x302F, DISALLOWED },
	{ 0x3031, 0x3035, DISALLOWED }, { 0x303B, 0x303B, DISALLOWED },
	{ 0x30FB, 0x30FB, CONTEXT },
};

static enum verdict exception(ucs4_t c)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (c >= exceptions[i].first && c <= exceptions[i].last)
			return exceptions[i].verdict;
	return BY_CATEGORY;
}

static bool is_script(ucs4_t c, const char *name)
{
	const uc_script_t *script = uc_script(c);

	return script != NULL && strcmp(script->name, name) == 0;
}

static bool has_between(const struct text *t, ucs4_t first, ucs4_t last)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->c[i] >= first && t->c[i] <= last)
			return true;
	return false;
}

static bool has_kana_or_han(const struct text *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_script(t->c[i], "Hiragana") ||
		    is_script(t->c[i], "Katakana") || is_script(t->c[i], "Han"))
			return true;
	return false;
}

/* RFC 5892 appendix A. */
static bool fits_context(const struct text *t, size_t i)
{
	ucs4_t before = i > 0 ? t->c[i - 1] : 0;
	ucs4_t after = i + 1 < t->n ? t->c[i + 1] : 0;

	switch (t->c[i]) {
	case 0x200C:
	case 0x200D:
		return before != 0 && uc_combining_class(before) == UC_CCC_VR;
	case 0x00B7:
		return before == 'l' && after == 'l';
	case 0x0375:
		return is_script(after, "Greek");
	case 0x05F3:
	case 0x05F4:
		return is_script(before, "Hebrew");
	case 0x30FB:
		return has_kana_or_han(t);
	default: /* one of the two sorts of Arabic digits: never both */
		return !has_between(t, 0x0660, 0x0669) ||
		       !has_between(t, 0x06F0, 0x06F9);
	}
}

/* RFC 8264 9.17: the character has a compatibility equivalent. */
static bool has_compat(ucs4_t c)
{
	uint32_t in = c, out[64];
	size_t n = sizeof(out) / sizeof(out[0]);
	uint32_t *p = u32_normalize(UNINORM_NFKC, &in, 1, out, &n);
	bool same = p != NULL && n == 1 && p[0] == in;

	if (p != out)
		free(p);
	return !same;
}

static bool is_old_hangul(ucs4_t c)
{
	return (c >= 0x1100 && c <= 0x11FF) || (c >= 0xA960 && c <= 0xA97C) ||
	       (c >= 0xD7B0 && c <= 0xD7FB);
}

static bool is_identifier(const struct text *t, size_t i)
{
	ucs4_t c = t->c[i];

	if (c < 0x80)
		return c > ' ' && c < 0x7f;
	switch (exception(c)) {
	case VALID:
		return true;
	case DISALLOWED:
		return false;
	case CONTEXT:
		return fits_context(t, i);
	case BY_CATEGORY:
		break;
	}
	if (is_old_hangul(c) || has_compat(c) ||
	    uc_is_property_default_ignorable_code_point(c) ||
	    uc_is_property_not_a_character(c))
		return false;
	/* LetterDigits; what is unassigned is none. */
	return uc_is_general_category_withtable(
		c, UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu |
			   UC_CATEGORY_MASK_Lo | UC_CATEGORY_MASK_Nd |
			   UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
			   UC_CATEGORY_MASK_Mc);
}

static unsigned bidi_bit(ucs4_t c)
{
	return 1U << uc_bidi_class(c);
}

#define BIDI(name) (1U << UC_BIDI_##name)

/* RFC 5893 2, for a name that has a right-to-left character. */
static bool obeys_bidi_rule(const struct text *t)
{
	const unsigned shared = BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) |
				BIDI(ON) | BIDI(BN) | BIDI(NSM);
	bool is_rtl = (bidi_bit(t->c[0]) & (BIDI(R) | BIDI(AL))) != 0;
	unsigned inside =
		shared | (is_rtl ? BIDI(R) | BIDI(AL) | BIDI(AN) : BIDI(L));
	unsigned at_end = is_rtl ? BIDI(R) | BIDI(AL) | BIDI(EN) | BIDI(AN)
				 : BIDI(L) | BIDI(EN);
	unsigned seen = 0;
	size_t last = t->n;

	for (size_t i = 0; i < t->n; i++)
		seen |= bidi_bit(t->c[i]);
	while (last > 1 && bidi_bit(t->c[last - 1]) == BIDI(NSM))
		last--;
	if (!is_rtl && (bidi_bit(t->c[0]) & BIDI(L)) == 0)
		return false;
	if (is_rtl && (seen & BIDI(EN)) != 0 && (seen & BIDI(AN)) != 0)
		return false;
	return (seen & ~inside) == 0 &&
	       (bidi_bit(t->c[last - 1]) & at_end) != 0;
}

static bool is_acceptable(const struct text *t)
{
	unsigned seen = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!is_identifier(t, i))
			return false;
		seen |= bidi_bit(t->c[i]);
	}
	if (t->n == 0)
		return false;
	return (seen & (BIDI(R) | BIDI(AL) | BIDI(AN))) == 0 ||
	       obeys_bidi_rule(t);
}

/* RFC 8264 7, the width mapping rule. */
static void map_width(struct text *t)
{
	for (size_t i = 0; i < t->n; i++) {
		ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
		int tag;
		int n = uc_decomposition(t->c[i], &tag, parts);

		if (n == 1 &&
		    (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
			t->c[i] = parts[0];
	}
}

static bool map(struct text *t)
{
	struct text out;
	uint32_t *p;

	map_width(t);
	out.n = sizeof(out.c) / sizeof(out.c[0]);
	p = u32_tolower(t->c, t->n, NULL, UNINORM_NFC, out.c, &out.n);
	if (p != out.c) { /* no memory, or longer than any name of ours */
		free(p);
		return false;
	}
	*t = out;
	return true;
}

static bool from_utf8(struct slice s, struct text *ret_text)
{
	size_t n = sizeof(ret_text->c) / sizeof(ret_text->c[0]);
	uint32_t *p = u8_to_u32((const uint8_t *)s.p, s.n, ret_text->c, &n);

	if (p != ret_text->c) {
		free(p);
		return false;
	}
	ret_text->n = n;
	return true;
}

static struct slice to_utf8(const struct text *t, struct arena *arena)
{
	uint8_t out[sizeof(t->c)];
	size_t n = sizeof(out);
	const uint8_t *p = u32_to_u8(t->c, t->n, out, &n);

	assert(p == out); /* four octets at most for each character */
	return arena_copy(arena, (struct slice){ (const char *)out, n });
}

bool precis_user(struct slice user, struct arena *arena, struct slice *ret_user)
{
	struct text once, twice;

	if (!from_utf8(user, &once) || !map(&once))
		return false;
	/* RFC 8264 7: a name whose mapping is not stable is no name. */
	twice = once;
	if (!map(&twice) || twice.n != once.n ||
	    u32_cmp(once.c, twice.c, once.n) != 0)
		return false;
	if (!is_acceptable(&once))
		return false;
	*ret_user = to_utf8(&once, arena);
	return true;
}
