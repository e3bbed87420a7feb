/* sendmail_user() and sendmail_from() of sendmail.h. */
#include "ctl/sendmail.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_OCTETS = 120,
	ENCODED_OCTETS = 45, /* of a name: the word has at most 75 */
};

struct slice sendmail_user(struct arena *arena)
{
	const struct passwd *pw = getpwuid(getuid());

	if (pw != NULL && pw->pw_name[0] != '\0')
		return arena_copy(arena, slice_of(pw->pw_name));
	return arena_format(arena, "uid%u", (unsigned)getuid());
}

/* passwd(5): up to the first comma; "&" is the login name. */
static struct slice name_of_passwd(struct arena *arena)
{
	const struct passwd *pw = getpwuid(getuid());
	struct slice gecos, rest, before;

	if (pw == NULL || pw->pw_gecos == NULL)
		return S("");
	(void)slice_cut(slice_of(pw->pw_gecos), ',', &gecos, &rest);
	gecos = arena_copy(arena, gecos);
	if (slice_cut(gecos, '&', &before, &rest)) {
		char *login = arena_alloc(arena, strlen(pw->pw_name) + 1);
		const struct slice parts[] = { before,
					       { login, strlen(pw->pw_name) },
					       rest };

		memcpy(login, pw->pw_name, strlen(pw->pw_name));
		login[0] = (char)toupper((unsigned char)login[0]);
		gecos = arena_join(arena, parts, 3);
	}
	return gecos;
}

/* RFC 2047 2. */
static struct slice encoded(struct slice name, struct arena *arena)
{
	unsigned char *out = arena_alloc(arena, 2 * ENCODED_OCTETS);
	struct slice parts[] = { S("=?UTF-8?B?"), { .n = 0 }, S("?=") };
	size_t n = name.n < ENCODED_OCTETS ? name.n : ENCODED_OCTETS;

	while (n < name.n && ((unsigned char)name.p[n] & 0xC0) == 0x80)
		n--; /* a character is not cut */
	(void)EVP_EncodeBlock(out, (const unsigned char *)name.p, (int)n);
	parts[1] = slice_of((const char *)out);
	return arena_join(arena, parts, 3);
}

static struct slice quoted(struct slice name, struct arena *arena)
{
	char *out = arena_alloc(arena, 2 * name.n + 3);
	size_t n = 0;

	out[n++] = '"';
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			out[n++] = '\\';
		out[n++] = name.p[i];
	}
	out[n++] = '"';
	return (struct slice){ out, n };
}

static bool is_phrase(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!isalnum((unsigned char)name.p[i]) && name.p[i] != ' ' &&
		    name.p[i] != '-' && name.p[i] != '_')
			return false;
	return true;
}

struct slice sendmail_from(const struct sendmail *m, struct slice address,
			   struct arena *arena)
{
	struct slice name = m->full_name != NULL ? slice_of(m->full_name)
						 : name_of_passwd(arena);
	struct slice parts[] = { { .n = 0 }, S(" <"), address, S(">") };

	name = slice_trim(slice_head(name, NAME_OCTETS));
	if (name.n == 0 || slice_has_control(name) || !slice_is_utf8(name))
		return address;
	if (slice_has_high(name))
		parts[0] = encoded(name, arena);
	else
		parts[0] = is_phrase(name) ? name : quoted(name, arena);
	return arena_join(arena, parts, 4);
}
