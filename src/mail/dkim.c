#include "mail/dkim.h"

#include "smtp/name.h"

static const char *const words[] = {
	[DKIM_RSA_SHA256] = "rsa-sha256",
	[DKIM_ED25519_SHA256] = "ed25519-sha256",
	[DKIM_RSA_SHA1] = "rsa-sha1",
	[DKIM_ALGORITHM_UNKNOWN] = "unknown",
};

const char *dkim_algorithm_word(enum dkim_algorithm algorithm)
{
	return words[algorithm];
}

enum dkim_algorithm dkim_algorithm_of(struct slice word)
{
	enum dkim_algorithm a = DKIM_RSA_SHA256;

	while (a < DKIM_ALGORITHM_UNKNOWN &&
	       !slice_equal_nocase(word, slice_of(words[a])))
		a++;
	return a;
}

struct slice dkim_key_name(struct slice selector, struct slice domain,
			   struct arena *arena)
{
	const struct slice parts[] = { selector, S("._domainkey."), domain };

	return arena_join(arena, parts, 3);
}

int dkim_selector(struct slice selector, struct arena *arena,
		  struct slice *ret_selector)
{
	struct slice canonical;
	int no = name_domain(selector, arena, &canonical);

	if (no == 0 && canonical.n > DKIM_SELECTOR_OCTETS)
		no = NAME_TOO_LONG;
	if (no == 0)
		*ret_selector = canonical;
	return no;
}
