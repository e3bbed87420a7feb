#include "mail/srs.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum {
	TAG_OCTETS = 4,
	HASH_CHARS = 8,
	DAY_CHARS = 2,
	DAYS = 1024, /* what DAY_CHARS can tell apart */
	DAY_S = 86400,
};

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#define JOIN(arena, ...)                                                       \
	arena_join((arena), (const struct slice[]){ __VA_ARGS__ },             \
		   sizeof((const struct slice[]){ __VA_ARGS__ }) /             \
			   sizeof(struct slice))

/* --- keys --------------------------------------------------------------------- */

static struct slice keep(char *octets, struct slice key)
{
	if (key.n != SRS_KEY_OCTETS)
		return S("");
	memcpy(octets, key.p, SRS_KEY_OCTETS);
	return (struct slice){ octets, SRS_KEY_OCTETS };
}

bool srs_keyring_set(struct srs_keyring *k, struct slice current,
		     struct slice previous)
{
	if (slice_equal(k->keys.current, current) &&
	    slice_equal(k->keys.previous, previous))
		return false;
	k->keys.current = keep(k->octets[0], current);
	k->keys.previous = keep(k->octets[1], previous);
	return true;
}

/* --- hash and day ------------------------------------------------------------ */

static struct slice folded(struct slice in, char from, char to, int distance,
			   struct arena *arena)
{
	char *out = arena_alloc(arena, in.n + 1);

	for (size_t i = 0; i < in.n; i++) {
		out[i] = in.p[i];
		if (in.p[i] >= from && in.p[i] <= to)
			out[i] = (char)(in.p[i] + distance);
	}
	return (struct slice){ out, in.n };
}

static struct slice lower(struct slice in, struct arena *arena)
{
	return folded(in, 'A', 'Z', 'a' - 'A', arena);
}

static struct slice upper(struct slice in, struct arena *arena)
{
	return folded(in, 'a', 'z', 'A' - 'a', arena);
}

/* kind: what is hashed with SRS0 says nothing about SRS1. */
static struct slice hash_of(struct slice key, char kind, struct slice what,
			    struct arena *arena)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct slice text =
		JOIN(arena, ((struct slice){ &kind, 1 }), lower(what, arena));
	char *out = arena_alloc(arena, HASH_CHARS);
	uint64_t bits = 0;
	const void *ok = HMAC(EVP_sha256(), key.p, (int)key.n,
			      (const unsigned char *)text.p, text.n, mac, &n);

	assert(ok != NULL && n * 8 >= HASH_CHARS * 5);
	(void)ok;
	for (size_t i = 0; i < HASH_CHARS * 5 / 8; i++)
		bits = bits << 8 | mac[i];
	for (size_t i = HASH_CHARS; i > 0; i--, bits >>= 5)
		out[i - 1] = base32[bits & 31];
	return (struct slice){ out, HASH_CHARS };
}

static bool is_hash_of(struct slice hash, struct slice key, char kind,
		       struct slice what, struct arena *arena)
{
	return key.n > 0 && hash.n == HASH_CHARS &&
	       CRYPTO_memcmp(upper(hash, arena).p,
			     hash_of(key, kind, what, arena).p,
			     HASH_CHARS) == 0;
}

static bool is_ours(const struct srs_keys *keys, char kind, struct slice hash,
		    struct slice what, struct arena *arena)
{
	return is_hash_of(hash, keys->current, kind, what, arena) ||
	       is_hash_of(hash, keys->previous, kind, what, arena);
}

static unsigned day_of(int64_t now)
{
	return (unsigned)(now / DAY_S % DAYS);
}

static struct slice day_write(int64_t now, struct arena *arena)
{
	unsigned day = day_of(now);
	const char text[DAY_CHARS] = { base32[day >> 5], base32[day & 31] };

	return arena_copy(arena, (struct slice){ text, DAY_CHARS });
}

/* text is ours: its hash was. */
static bool is_day_valid(struct slice text, int64_t now, struct arena *arena)
{
	struct slice digits = upper(text, arena);
	unsigned day = 0, age;

	for (size_t i = 0; i < digits.n; i++)
		day = day * 32 +
		      (unsigned)slice_find(slice_of(base32), digits.p[i]);
	age = (day_of(now) + DAYS - day % DAYS) % DAYS;
	/* One day in the future: clocks of two nodes around midnight. */
	return age <= SRS_DAYS || age == DAYS - 1;
}

/* --- parts ------------------------------------------------------------------- */

static bool is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

/* Takes "SRS0=" or the like off *in. */
static bool take_tag(struct slice tag, struct slice *in)
{
	if (!slice_starts_nocase(*in, tag) || in->n <= tag.n + 1 ||
	    !is_separator(in->p[tag.n]))
		return false;
	*in = slice_tail(*in, tag.n + 1);
	return true;
}

struct srs0 {
	struct slice hash, hashed; /* day=domain=local */
	struct slice day, domain, local;
};

static bool read_srs0(struct slice local, struct srs0 *ret)
{
	struct srs0 s;

	if (!take_tag(S("SRS0"), &local) ||
	    !slice_cut(local, '=', &s.hash, &s.hashed) ||
	    !slice_cut(s.hashed, '=', &s.day, &local) ||
	    !slice_cut(local, '=', &s.domain, &s.local) || s.domain.n == 0 ||
	    s.local.n == 0)
		return false;
	*ret = s;
	return true;
}

struct srs1 {
	struct slice hash, hashed; /* domain=rest */
	struct slice domain, rest; /* rest: after SRS0, separator first */
};

static bool read_srs1(struct slice local, struct srs1 *ret)
{
	struct srs1 s;

	if (!take_tag(S("SRS1"), &local) ||
	    !slice_cut(local, '=', &s.hash, &s.hashed) ||
	    !slice_cut(s.hashed, '=', &s.domain, &s.rest) || s.domain.n == 0 ||
	    s.rest.n < 2 || !is_separator(s.rest.p[0]))
		return false;
	*ret = s;
	return true;
}

/* --- there ------------------------------------------------------------------- */

static struct slice write_srs1(const struct srs_keys *keys, struct slice first,
			       struct slice rest, struct arena *arena)
{
	struct slice what = JOIN(arena, first, S("="), rest);

	return JOIN(arena, S("SRS1="), hash_of(keys->current, '1', what, arena),
		    S("="), what);
}

static struct slice write_srs0(const struct srs_keys *keys,
			       const struct address *sender, int64_t now,
			       struct arena *arena)
{
	struct slice what = JOIN(arena, day_write(now, arena), S("="),
				 sender->domain, S("="), sender->local);

	return JOIN(arena, S("SRS0="), hash_of(keys->current, '0', what, arena),
		    S("="), what);
}

struct slice srs_forward(const struct srs_keys *keys,
			 const struct address *sender, int64_t now,
			 struct arena *arena)
{
	struct slice rest = sender->local;
	struct srs1 again;

	if (read_srs1(sender->local, &again))
		return write_srs1(keys, again.domain, again.rest, arena);
	if (take_tag(S("SRS0"), &rest))
		/* With the separator that was cut off. */
		return write_srs1(
			keys, sender->domain,
			slice_tail(sender->local, sender->local.n - rest.n - 1),
			arena);
	return write_srs0(keys, sender, now, arena);
}

/* --- and back ---------------------------------------------------------------- */

enum srs_result srs_reverse(const struct srs_keys *keys, struct slice local,
			    int64_t now, struct arena *arena,
			    struct address *ret_address)
{
	struct srs0 zero;
	struct srs1 one;

	/* Ours have "=" there: a mailbox may be called srs0-x. */
	if (local.n > TAG_OCTETS && local.p[TAG_OCTETS] != '=')
		return SRS_NONE;
	if (read_srs0(local, &zero)) {
		if (!is_ours(keys, '0', zero.hash, zero.hashed, arena))
			return SRS_FORGED;
		if (!is_day_valid(zero.day, now, arena))
			return SRS_EXPIRED;
		*ret_address = (struct address){
			.local = zero.local,
			.domain = lower(zero.domain, arena),
			.is_utf8 = slice_has_high(zero.local),
		};
		return SRS_OK;
	}
	if (!read_srs1(local, &one))
		return take_tag(S("SRS0"), &local) ||
				       take_tag(S("SRS1"), &local)
			       ? SRS_FORGED
			       : SRS_NONE;
	if (!is_ours(keys, '1', one.hash, one.hashed, arena))
		return SRS_FORGED;
	*ret_address = (struct address){
		.local = JOIN(arena, S("SRS0"), one.rest),
		.domain = lower(one.domain, arena),
		.is_utf8 = slice_has_high(one.rest),
	};
	return SRS_OK;
}
