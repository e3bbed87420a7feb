/* A record written anew for the library: only what asks DNS is left of it. */
#include "verify/spf_layer-private.h"

#include <assert.h>
#include <string.h>

enum { TEXT_OCTETS = 512 };

static unsigned add_target(struct spf_layer *l, enum target_kind kind,
			   struct slice name, bool is_any)
{
	assert(l->target_count < TARGETS_MAX);
	l->targets[l->target_count] =
		(struct target){ .kind = kind, .name = name, .is_any = is_any };
	return l->target_count++;
}

/* --- names ---------------------------------------------------------------------- */

/* RFC 7208 7.3: too long a name loses labels at its left. */
static struct slice shorten(struct slice name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	while (name.n > NAME_OCTETS_MAX)
		name = slice_tail(name, slice_find(name, '.') + 1);
	return name;
}

/* Labels of 1 to 63 octets that are visible, and mean themselves. */
static bool is_name(struct slice name)
{
	struct slice label, rest = name;

	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '\\')
			return false;
	while (slice_cut(rest, '.', &label, &rest))
		if (label.n == 0 || label.n > 63)
			return false;
	return label.n > 0 && label.n <= 63;
}

struct slice layer_expand(struct spf_layer *l, struct slice spec,
			  struct slice domain)
{
	struct spf_facts facts = l->facts;
	struct slice name;

	facts.domain = domain;
	if (spf_macro_uses(spec, "p"))
		facts.validated = layer_validated(l, domain);
	name = shorten(spf_macro_expand(spec, &facts, l->arena));
	return is_name(name) ? name : S("");
}

/* --- terms ----------------------------------------------------------------------- */

static bool is_within4(const struct spf_layer *l, const struct spf_term *t)
{
	uint32_t mask = t->cidr4 == 0 ? 0 : ~0U << (32 - t->cidr4);

	return l->facts.family == AF_INET &&
	       ((ntohl(l->facts.ipv4.s_addr) ^ ntohl(t->ipv4.s_addr)) & mask) ==
		       0;
}

static bool is_within6(const struct spf_layer *l, const struct spf_term *t)
{
	const uint8_t *a = l->facts.ipv6.s6_addr, *b = t->ipv6.s6_addr;
	unsigned whole = t->cidr6 / 8, rest = t->cidr6 % 8;

	return l->facts.family == AF_INET6 && memcmp(a, b, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Decided without DNS. */
static bool matches_now(const struct spf_layer *l, const struct spf_term *t)
{
	return t->mechanism == SPF_ALL ||
	       (t->mechanism == SPF_IP4 && is_within4(l, t)) ||
	       (t->mechanism == SPF_IP6 && is_within6(l, t));
}

/* RFC 8616 4: such a local part cannot be in a name. */
static bool never_matches(const struct spf_layer *l, struct slice spec)
{
	return slice_has_high(l->facts.local) && spf_macro_uses(spec, "sl");
}

static struct slice write_number(const struct spf_layer *l, char qualifier,
				 const char *word, unsigned target)
{
	return arena_format(l->arena, " %c%s:t%u", qualifier, word, target);
}

/* Of the client's family; the library has no /0. */
static struct slice write_hosts(struct spf_layer *l, const struct spf_term *t,
				struct slice name)
{
	bool is_mx = t->mechanism == SPF_MX, is_ipv4;
	unsigned length, target;

	is_ipv4 = l->facts.family == AF_INET;
	length = is_ipv4 ? t->cidr4 : t->cidr6;
	target = add_target(l, is_mx ? TARGET_MX : TARGET_A, name, length == 0);
	if (length == 0)
		length = is_ipv4 ? 32 : 128;
	return arena_format(l->arena, " %c%s:t%u%s%u", t->qualifier,
			    is_mx ? "mx" : "a", target, is_ipv4 ? "/" : "//",
			    length);
}

static struct slice write_term(struct spf_layer *l, const struct spf_term *t,
			       const struct target *from)
{
	struct slice name = from->name;

	if (t->domain.n > 0)
		name = layer_expand(l, t->domain, from->name);
	switch (t->mechanism) {
	case SPF_A:
	case SPF_MX:
		return write_hosts(l, t, name);
	case SPF_INCLUDE:
		return write_number(l, t->qualifier, "include",
				    add_target(l, TARGET_RECORD, name, false));
	case SPF_EXISTS:
		return write_number(l, t->qualifier, "exists",
				    add_target(l, TARGET_EXISTS, name, false));
	case SPF_PTR:
		return write_number(l, t->qualifier, "exists",
				    add_target(l, TARGET_PTR, name, false));
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
		break;
	}
	return S("");
}

static struct slice write_redirect(struct spf_layer *l, struct slice spec,
				   const struct target *from)
{
	struct slice name = layer_expand(l, spec, from->name);
	unsigned target = add_target(l, TARGET_RECORD, name, false);

	l->targets[target].is_main = from->is_main;
	return arena_format(l->arena, " redirect=t%u", target);
}

/* What ends the list: the first term that is certain, or the redirect. */
static struct slice write_end(struct spf_layer *l, const struct spf_record *r,
			      const struct spf_term *certain,
			      const struct target *from)
{
	if (certain != NULL)
		return arena_format(l->arena, " %call", certain->qualifier);
	if (r->redirect.n > 0 && !never_matches(l, r->redirect))
		return write_redirect(l, r->redirect, from);
	return S("");
}

/* More terms than may be asked for need not be written: the limit is met
 * before. */
const char *layer_write(struct spf_layer *l, const struct spf_record *record,
			const struct target *from)
{
	struct slice parts[TERMS_MAX + 3] = { SLICE("v=spf1") };
	const struct target of = *from;
	const struct spf_term *certain = NULL;
	size_t count = 1;

	for (size_t i = 0; i < record->count && count <= TERMS_MAX + 1; i++) {
		const struct spf_term *t = &record->terms[i];

		if (matches_now(l, t)) {
			certain = t;
			break;
		}
		if (t->mechanism != SPF_IP4 && t->mechanism != SPF_IP6 &&
		    !never_matches(l, t->domain))
			parts[count++] = write_term(l, t, &of);
	}
	parts[count++] = write_end(l, record, certain, &of);
	return arena_string(l->arena, arena_join(l->arena, parts, count));
}
