#include "verify/spf_record.h"

#include "verify/spf_macro.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum { CIDR4_MAX = 32, CIDR6_MAX = 128 };

static const struct kind {
	struct slice name;
	enum spf_mechanism mechanism;
	enum { NO_VALUE, DOMAIN, ANY_DOMAIN, ADDRESS } value;
	bool has_cidr;
} kinds[] = {
	{ SLICE("all"), SPF_ALL, NO_VALUE, false },
	{ SLICE("include"), SPF_INCLUDE, DOMAIN, false },
	{ SLICE("a"), SPF_A, ANY_DOMAIN, true },
	{ SLICE("mx"), SPF_MX, ANY_DOMAIN, true },
	{ SLICE("ptr"), SPF_PTR, ANY_DOMAIN, false },
	{ SLICE("ip4"), SPF_IP4, ADDRESS, true },
	{ SLICE("ip6"), SPF_IP6, ADDRESS, true },
	{ SLICE("exists"), SPF_EXISTS, DOMAIN, false },
};

bool spf_record_is(struct slice text)
{
	const struct slice version = SLICE("v=spf1");

	return slice_starts_nocase(text, version) &&
	       (text.n == version.n || text.p[version.n] == ' ');
}

/* --- values -------------------------------------------------------------------- */

/* "/24" at the end of *value, cut off. False: there is none, or it is none. */
static bool cut_length(struct slice *value, uint64_t max, unsigned *ret_length)
{
	size_t slash = slice_find_last(*value, '/');
	struct slice digits = slice_tail(*value, slash + 1);
	uint64_t n;

	if (slash == value->n || digits.n > 3 ||
	    !slice_to_u64(digits, max, &n) ||
	    (digits.n > 1 && digits.p[0] == '0'))
		return false;
	*value = slice_head(*value, slash);
	*ret_length = (unsigned)n;
	return true;
}

static bool ends_with_length(struct slice value)
{
	size_t n = value.n;

	while (n > 0 && isdigit((unsigned char)value.p[n - 1]))
		n--;
	return n > 0 && n < value.n && value.p[n - 1] == '/';
}

/* dual-cidr-length: "/24", "//64", "/24//64", or nothing. */
static bool cut_lengths(struct slice *value, struct spf_term *t)
{
	size_t slash = slice_find_last(*value, '/');

	if (!ends_with_length(*value))
		return true;
	if (slash > 0 && value->p[slash - 1] == '/') {
		if (!cut_length(value, CIDR6_MAX, &t->cidr6))
			return false;
		value->n--;
	}
	return !ends_with_length(*value) ||
	       cut_length(value, CIDR4_MAX, &t->cidr4);
}

static bool read_address(struct slice value, struct spf_term *t)
{
	char text[INET6_ADDRSTRLEN];
	bool is_ipv4 = t->mechanism == SPF_IP4;
	void *address = is_ipv4 ? (void *)&t->ipv4 : (void *)&t->ipv6;

	if (ends_with_length(value) &&
	    !cut_length(&value, is_ipv4 ? CIDR4_MAX : CIDR6_MAX,
			is_ipv4 ? &t->cidr4 : &t->cidr6))
		return false;
	if (value.n == 0 || value.n >= sizeof(text) ||
	    slice_find(value, '\0') < value.n)
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return inet_pton(is_ipv4 ? AF_INET : AF_INET6, text, address) == 1;
}

/* rest: what follows the mechanism's name. */
static bool read_value(struct slice rest, const struct kind *k,
		       struct spf_term *t)
{
	bool has_colon = rest.n > 0 && rest.p[0] == ':';

	if (k->value == ADDRESS)
		return has_colon && read_address(slice_tail(rest, 1), t);
	if (k->has_cidr && !cut_lengths(&rest, t))
		return false;
	if (k->value == NO_VALUE || !has_colon)
		return rest.n == 0 && k->value != DOMAIN;
	t->domain = slice_tail(rest, 1);
	return spf_macro_is_domain(t->domain);
}

/* --- terms ----------------------------------------------------------------------- */

static size_t name_octets(struct slice s)
{
	size_t n = 0;

	while (n < s.n &&
	       (isalnum((unsigned char)s.p[n]) ||
		(n > 0 && strchr("-_.", s.p[n]) != NULL && s.p[n] != '\0')))
		n++;
	return n;
}

static const char *read_mechanism(struct slice text, struct spf_term *ret_term)
{
	struct spf_term t = { .qualifier = '+',
			      .cidr4 = CIDR4_MAX,
			      .cidr6 = CIDR6_MAX };
	struct slice name;

	if (strchr("+-~?", text.p[0]) != NULL && text.p[0] != '\0') {
		t.qualifier = text.p[0];
		text = slice_tail(text, 1);
	}
	name = slice_head(text, name_octets(text));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!slice_equal_nocase(name, kinds[i].name))
			continue;
		t.mechanism = kinds[i].mechanism;
		if (!read_value(slice_tail(text, name.n), &kinds[i], &t))
			return "syntax error";
		*ret_term = t;
		return NULL;
	}
	return "unknown mechanism";
}

static const char *take_domain(struct slice value, struct slice *where)
{
	if (where->n > 0)
		return "given twice";
	if (!spf_macro_is_domain(value))
		return "syntax error";
	*where = value;
	return NULL;
}

static const char *read_modifier(struct slice name, struct slice value,
				 struct spf_record *r)
{
	if (!isalpha((unsigned char)name.p[0]))
		return "syntax error";
	if (slice_equal_nocase(name, S("redirect")))
		return take_domain(value, &r->redirect);
	if (slice_equal_nocase(name, S("exp")))
		return take_domain(value, &r->explanation);
	/* RFC 7208 6: what nobody knows is ignored, if it is well-formed */
	return spf_macro_is_valid(value) ? NULL : "syntax error";
}

static const char *read_term(struct slice term, struct spf_record *r,
			     struct spf_term *next)
{
	size_t name = name_octets(term);
	const char *problem;

	if (name > 0 && name < term.n && term.p[name] == '=')
		return read_modifier(slice_head(term, name),
				     slice_tail(term, name + 1), r);
	problem = read_mechanism(term, next);
	r->count += problem == NULL;
	return problem;
}

static size_t count_terms(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == ' ';
	return n;
}

const char *spf_record_parse(struct slice text, struct arena *arena,
			     struct spf_record *ret_record,
			     struct slice *ret_wrong)
{
	struct spf_term *terms =
		arena_array(arena, count_terms(text), sizeof(*terms));
	struct spf_record r = { .terms = terms };
	const char *problem = NULL;
	struct slice term = S("");

	(void)slice_cut(text, ' ', &term, &text); /* the version */
	while (text.n > 0 && problem == NULL) {
		(void)slice_cut(text, ' ', &term, &text);
		if (term.n > 0)
			problem = read_term(term, &r, &terms[r.count]);
	}
	if (problem == NULL)
		*ret_record = r;
	else
		*ret_wrong = term;
	return problem;
}
