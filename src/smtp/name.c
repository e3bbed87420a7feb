#include "smtp/name.h"

#include "smtp/precis.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

enum {
	DOMAIN_OCTETS = 253, /* without a root label: RFC 1035 2.3.4 */
	LABEL_OCTETS = 63,
	DOMAIN_IN_OCTETS = 1024, /* as written; mapping may make it shorter */
	USER_IN_OCTETS = 64,     /* RFC 5321 4.5.3.1.1 */
	LITERAL_OCTETS = 255,
};

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool is_let_dig(char c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static struct slice lower_copy(struct slice s, struct arena *arena)
{
	char *p = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = lower(s.p[i]);
	return (struct slice){ .p = p, .n = s.n };
}

/* Letters, digits and inner hyphens: RFC 5321's sub-domain. And underscores,
 * which it lacks: hosts with such names send mail, and Postfix takes it. */
static int check_label(struct slice label)
{
	if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return NAME_SYNTAX;
	for (size_t i = 0; i < label.n; i++)
		if (!is_let_dig(label.p[i]) && label.p[i] != '-' &&
		    label.p[i] != '_')
			return NAME_SYNTAX;
	return label.n > LABEL_OCTETS ? NAME_TOO_LONG : 0;
}

static bool is_a_label(struct slice label)
{
	return slice_starts_nocase(label, S("xn--"));
}

/* Checks the ASCII form; *ret_has_a_label when a label needs IDNA's eye. */
static int check_ascii(struct slice domain, bool *ret_has_a_label)
{
	bool more = true, found = false;
	int no = domain.n > DOMAIN_OCTETS ? NAME_TOO_LONG : 0;

	while (more && no == 0) {
		struct slice label;

		more = slice_cut(domain, '.', &label, &domain);
		found = found || is_a_label(label);
		no = check_label(label);
	}
	if (no == 0)
		*ret_has_a_label = found;
	return no;
}

static int to_name_error(int idn2)
{
	return idn2 == IDN2_TOO_BIG_DOMAIN || idn2 == IDN2_TOO_BIG_LABEL
		       ? NAME_TOO_LONG
		       : NAME_SYNTAX;
}

/*
 * The STD3 rules are ours to check, on the result. libidn2 2.3.3, told to use
 * them, drops what they forbid instead of refusing it: a full-width at sign,
 * a slash or an underscore would vanish, and another domain be left.
 */
static int through_idna(struct slice domain, struct arena *arena,
			struct slice *ret_domain)
{
	const char *in = arena_string(arena, domain);
	uint8_t *out = NULL;
	bool ignored;
	int no;

	no = idn2_lookup_u8((const uint8_t *)in, &out,
			    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (no != IDN2_OK)
		return to_name_error(no);
	no = check_ascii(slice_of((const char *)out), &ignored);
	if (no == 0)
		*ret_domain = lower_copy(slice_of((const char *)out), arena);
	idn2_free(out);
	return no;
}

int name_domain(struct slice domain, struct arena *arena,
		struct slice *ret_domain)
{
	bool has_a_label;
	int no;

	if (domain.n > DOMAIN_IN_OCTETS)
		return NAME_TOO_LONG;
	if (slice_has_control(domain) || !slice_is_utf8(domain))
		return NAME_SYNTAX;
	if (slice_has_high(domain))
		return through_idna(domain, arena, ret_domain);
	no = check_ascii(domain, &has_a_label);
	if (no != 0)
		return no;
	domain = lower_copy(domain, arena);
	if (has_a_label)
		return through_idna(domain, arena, ret_domain);
	*ret_domain = domain;
	return 0;
}

struct slice name_domain_for_people(struct slice domain, struct arena *arena)
{
	struct slice people, again;
	char *out = NULL;

	if (slice_find_slice(domain, S("xn--")) == domain.n ||
	    slice_has_control(domain))
		return domain;
	if (idn2_to_unicode_8z8z(arena_string(arena, domain), &out,
				 IDN2_NONTRANSITIONAL) != IDN2_OK)
		return domain;
	people = arena_copy(arena, slice_of(out));
	idn2_free(out);
	/* A form that leads elsewhere would mislead. */
	if (name_domain(people, arena, &again) != 0 ||
	    !slice_equal(again, domain))
		return domain;
	return people;
}

int name_user(struct slice local, struct arena *arena, struct slice *ret_local)
{
	if (local.n > USER_IN_OCTETS)
		return NAME_TOO_LONG;
	if (local.n == 0 || slice_find(local, ' ') < local.n ||
	    slice_has_control(local))
		return NAME_SYNTAX;
	if (slice_has_high(local))
		return precis_user(local, arena, ret_local) ? 0 : NAME_SYNTAX;
	*ret_local = lower_copy(local, arena);
	return 0;
}

bool name_is_within(struct slice domain, struct slice ancestor)
{
	if (slice_equal(domain, ancestor))
		return true;
	return ancestor.n > 0 && domain.n > ancestor.n &&
	       domain.p[domain.n - ancestor.n - 1] == '.' &&
	       slice_equal(slice_tail(domain, domain.n - ancestor.n), ancestor);
}

static bool is_ip(int family, struct slice text)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr ip;

	if (text.n >= sizeof(copy) || slice_find(text, '\0') < text.n)
		return false;
	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return inet_pton(family, copy, &ip) == 1;
}

/* General-address-literal: Standardized-tag ":" 1*dcontent. */
static bool is_general_literal(struct slice tag, struct slice content)
{
	if (check_label(tag) != 0 || content.n == 0)
		return false;
	for (size_t i = 0; i < content.n; i++) {
		char c = content.p[i];

		if (c < '!' || c > '~' || (c >= '[' && c <= ']'))
			return false;
	}
	return true;
}

bool name_is_literal(struct slice name)
{
	struct slice tag, content;

	if (name.n < 3 || name.n > LITERAL_OCTETS || name.p[0] != '[' ||
	    name.p[name.n - 1] != ']')
		return false;
	name = (struct slice){ .p = name.p + 1, .n = name.n - 2 };
	if (!slice_cut(name, ':', &tag, &content))
		return is_ip(AF_INET, name);
	if (slice_equal_nocase(tag, S("IPv6")))
		return is_ip(AF_INET6, content);
	return is_general_literal(tag, content);
}
