#include "deliver/smtp_login.h"

#include <openssl/evp.h>
#include <string.h>

enum {
	PLAIN_OCTETS = 2 * SMTP_LOGIN_OCTETS + 2,
	BASE64_OCTETS = (PLAIN_OCTETS + 2) / 3 * 4 + 1,
};

static enum smtp_mechanism in_line(struct slice words)
{
	enum smtp_mechanism best = SMTP_LOGIN_NONE;
	bool has_more = true;

	while (has_more) {
		struct slice word;

		has_more = slice_cut(words, ' ', &word, &words);
		if (slice_equal_nocase(word, S("PLAIN")))
			return SMTP_LOGIN_PLAIN;
		if (slice_equal_nocase(word, S("LOGIN")))
			best = SMTP_LOGIN_LOGIN;
	}
	return best;
}

enum smtp_mechanism smtp_login_choose(struct slice text)
{
	enum smtp_mechanism best = SMTP_LOGIN_NONE;
	struct slice line;
	bool has_more = slice_cut(text, '\n', &line, &text); /* its name */

	while (has_more && best != SMTP_LOGIN_PLAIN) {
		struct slice words;

		has_more = slice_cut(text, '\n', &line, &text);
		(void)slice_cut(line, ' ', &line, &words);
		if (slice_equal_nocase(line, S("AUTH")) &&
		    in_line(words) != SMTP_LOGIN_NONE)
			best = in_line(words);
	}
	return best;
}

static void add_base64(struct lmtp_commands *out, const char *before,
		       const void *octets, size_t n)
{
	char text[BASE64_OCTETS];

	(void)EVP_EncodeBlock((unsigned char *)text, octets, (int)n);
	lmtp_commands_add(out, "%s%s\r\n", before, text);
	explicit_bzero(text, sizeof(text));
}

static size_t put(char *to, struct slice s)
{
	s = slice_head(s, SMTP_LOGIN_OCTETS);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return s.n;
}

/* RFC 4616 2: no authorization identity. */
static void add_plain(struct lmtp_commands *out, const struct smtp_login *login)
{
	char octets[PLAIN_OCTETS];
	size_t n = 0;

	octets[n++] = '\0';
	n += put(octets + n, login->user);
	octets[n++] = '\0';
	n += put(octets + n, login->password);
	add_base64(out, "AUTH PLAIN ", octets, n);
	explicit_bzero(octets, sizeof(octets));
}

void smtp_login_begin(struct smtp_login_step *step,
		      const struct smtp_login *login, struct lmtp_commands *out)
{
	switch (step->mechanism) {
	case SMTP_LOGIN_NONE:
		break;
	case SMTP_LOGIN_PLAIN:
		add_plain(out, login);
		break;
	case SMTP_LOGIN_LOGIN:
		lmtp_commands_add(out, "AUTH LOGIN\r\n");
		break;
	}
}

bool smtp_login_answer(struct smtp_login_step *step,
		       const struct smtp_login *login,
		       struct lmtp_commands *out)
{
	struct slice word = step->answers == 0 ? login->user : login->password;

	if (step->mechanism != SMTP_LOGIN_LOGIN || step->answers++ > 1)
		return false;
	word = slice_head(word, SMTP_LOGIN_OCTETS);
	add_base64(out, "", word.p, word.n);
	return true;
}
