/* Names that the client has: RFC 7208 5.5, 7.3. */
#include "verify/spf_layer-private.h"

#include "dns/record.h"

#include <stdio.h>
#include <string.h>

enum dns_type layer_address_type(const struct spf_layer *l)
{
	return l->facts.family == AF_INET ? DNS_A : DNS_AAAA;
}

bool layer_is_client(const struct spf_layer *l, const struct dns_answer *answer)
{
	struct slice client;

	if (l->facts.family == AF_INET)
		client = (struct slice){ (const char *)&l->facts.ipv4,
					 sizeof(l->facts.ipv4) };
	else
		client = (struct slice){ (const char *)&l->facts.ipv6,
					 sizeof(l->facts.ipv6) };
	for (size_t i = 0; i < answer->count; i++)
		if (slice_equal(answer->records[i], client))
			return true;
	return false;
}

/* "4.3.2.1.in-addr.arpa" */
static struct slice reverse_name(struct spf_layer *l)
{
	return spf_macro_expand(S("%{ir}.%{v}.arpa"), &l->facts, l->arena);
}

/* RFC 7208 5.5: an error is as good as no name. */
void layer_validate(struct spf_layer *l)
{
	struct slice names[HOSTS_MAX];
	struct dns_answer answer;
	size_t count = 0;

	if (l->is_validated)
		return;
	l->is_validated = true;
	layer_ask(l, reverse_name(l), DNS_PTR, &answer);
	l->reverse_result = answer.result;
	for (size_t i = 0; i < answer.count && i < HOSTS_MAX; i++)
		count +=
			record_name(answer.records[i], l->arena, &names[count]);
	for (size_t i = 0; i < count; i++) {
		layer_ask(l, names[i], layer_address_type(l), &answer);
		if (layer_is_client(l, &answer))
			l->validated[l->validated_count++] = names[i];
	}
}

static bool is_below(struct slice name, struct slice domain)
{
	return name.n > domain.n && slice_ends_nocase(name, domain) &&
	       name.p[name.n - domain.n - 1] == '.';
}

bool layer_has_validated(const struct spf_layer *l, struct slice domain)
{
	for (size_t i = 0; i < l->validated_count; i++)
		if (slice_equal_nocase(l->validated[i], domain) ||
		    is_below(l->validated[i], domain))
			return true;
	return false;
}

struct slice layer_validated(struct spf_layer *l, struct slice domain)
{
	layer_validate(l);
	for (size_t i = 0; i < l->validated_count; i++)
		if (slice_equal_nocase(l->validated[i], domain))
			return l->validated[i];
	for (size_t i = 0; i < l->validated_count; i++)
		if (is_below(l->validated[i], domain))
			return l->validated[i];
	return l->validated_count > 0 ? l->validated[0] : S("unknown");
}
