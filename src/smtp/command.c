#include "smtp/command.h"

#include "smtp/name.h"

enum { HELLO_OCTETS = 255, LABEL_OCTETS = 63 };

static const uint64_t bdat_octets_max = UINT64_C(1) << 53;

static const struct {
	struct slice word;
	enum verb verb;
} verbs[] = {
	{ SLICE("HELO"), VERB_HELO },
	{ SLICE("EHLO"), VERB_EHLO },
	{ SLICE("MAIL"), VERB_MAIL },
	{ SLICE("RCPT"), VERB_RCPT },
	{ SLICE("DATA"), VERB_DATA },
	{ SLICE("BDAT"), VERB_BDAT },
	{ SLICE("RSET"), VERB_RSET },
	{ SLICE("NOOP"), VERB_NOOP },
	{ SLICE("VRFY"), VERB_VRFY },
	{ SLICE("EXPN"), VERB_EXPN },
	{ SLICE("HELP"), VERB_HELP },
	{ SLICE("QUIT"), VERB_QUIT },
	{ SLICE("STARTTLS"), VERB_STARTTLS },
	{ SLICE("AUTH"), VERB_AUTH },
	/* What a web page can make a browser send here. */
	{ SLICE("GET"), VERB_HTTP },
	{ SLICE("POST"), VERB_HTTP },
	{ SLICE("PUT"), VERB_HTTP },
	{ SLICE("HEAD"), VERB_HTTP },
	{ SLICE("DELETE"), VERB_HTTP },
	{ SLICE("PATCH"), VERB_HTTP },
	{ SLICE("OPTIONS"), VERB_HTTP },
	{ SLICE("CONNECT"), VERB_HTTP },
	{ SLICE("TRACE"), VERB_HTTP },
	{ SLICE("PRI"), VERB_HTTP },
	{ SLICE("Host:"), VERB_HTTP },
	{ SLICE("User-Agent:"), VERB_HTTP },
	{ SLICE("Accept:"), VERB_HTTP },
	{ SLICE("Connection:"), VERB_HTTP },
	{ SLICE("Content-Type:"), VERB_HTTP },
	{ SLICE("Content-Length:"), VERB_HTTP },
	{ SLICE("Cookie:"), VERB_HTTP },
	{ SLICE("Origin:"), VERB_HTTP },
	{ SLICE("Referer:"), VERB_HTTP },
};

struct command command_parse(struct slice line)
{
	struct command c = { .verb = VERB_UNKNOWN };
	struct slice word;

	while (line.n > 0 &&
	       (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	(void)slice_cut(line, ' ', &word, &c.args);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (slice_equal_nocase(word, verbs[i].word))
			c.verb = verbs[i].verb;
	return c;
}

const char *verb_name(enum verb verb)
{
	if (verb == VERB_HTTP)
		return "HTTP";
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].verb == verb)
			return verbs[i].word.p;
	return "?";
}

bool command_strip_keyword(struct slice args, struct slice keyword,
			   struct slice *ret_rest)
{
	if (!slice_starts_nocase(args, keyword))
		return false;
	args = slice_tail(args, keyword.n);
	while (args.n > 0 && args.p[0] == ' ')
		args = slice_tail(args, 1);
	*ret_rest = args;
	return true;
}

static bool is_hello_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_hello_label(struct slice label)
{
	if (label.n == 0 || label.n > LABEL_OCTETS || label.p[0] == '-' ||
	    label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++)
		if (!is_hello_octet(label.p[i]))
			return false;
	return true;
}

bool command_is_hello_name(struct slice name)
{
	bool more = true;
	struct slice label;

	if (name.n == 0 || name.n > HELLO_OCTETS)
		return false;
	if (name.p[0] == '[')
		return name_is_literal(name);
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--; /* a host that knows the root */
	while (more) {
		more = slice_cut(name, '.', &label, &name);
		if (!is_hello_label(label))
			return false;
	}
	return true;
}

bool command_parse_bdat(struct slice args, uint64_t *ret_octets, bool *ret_last)
{
	struct slice size, word;
	bool has_word = slice_cut(args, ' ', &size, &word);
	uint64_t octets;

	if (!slice_to_u64(size, bdat_octets_max, &octets) ||
	    (has_word && !slice_equal_nocase(word, S("LAST"))))
		return false;
	*ret_octets = octets;
	*ret_last = has_word;
	return true;
}

static bool is_base64_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool command_is_base64(struct slice text)
{
	if (text.n % 4 != 0)
		return false;
	for (int padding = 0; padding < 2; padding++)
		if (text.n > 0 && text.p[text.n - 1] == '=')
			text.n--;
	for (size_t i = 0; i < text.n; i++)
		if (!is_base64_octet(text.p[i]))
			return false;
	return true;
}
