#include "mail/tlsrpt_record.h"

#include "smtp/address.h"
#include "smtp/name.h"

enum { HTTPS_PORT = 443, PORT_MAX = 65535 };

static const struct slice version = SLICE("v=TLSRPTv1");
static const struct slice https = SLICE("https://");

bool tlsrpt_record_is_one(struct slice text)
{
	struct slice rest;

	if (!slice_starts(text, version))
		return false;
	rest = slice_trim(slice_tail(text, version.n));
	return rest.n > 0 && rest.p[0] == ';';
}

/* --- addresses --------------------------------------------------------------------- */

/* RFC 3986 2: what an address is made of; "%" comes with two digits. */
static bool is_uri_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '\\')
			return false;
	return s.n > 0 && s.n <= TLSRPT_URI_OCTETS;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3986 2.1 */
static bool decode(struct slice s, struct arena *arena, struct slice *ret_text)
{
	char *p = arena_alloc(arena, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		int high, low;

		if (s.p[i] != '%') {
			p[n++] = s.p[i];
			continue;
		}
		if (i + 2 >= s.n)
			return false;
		high = hex(s.p[i + 1]);
		low = hex(s.p[i + 2]);
		if (high < 0 || low < 0)
			return false;
		p[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*ret_text = (struct slice){ p, n };
	return true;
}

/* RFC 6068; header fields behind "?" are not for us. */
static bool parse_mail(struct slice text, struct arena *arena,
		       struct slice *ret_to)
{
	struct address address;
	struct slice rest;

	(void)slice_cut(text, '?', &text, &rest);
	if (!decode(text, arena, &text) || slice_has_high(text) ||
	    address_parse(text, arena, &address) != 0 ||
	    address.domain.n == 0 || address_is_literal(&address))
		return false;
	*ret_to = address_format(&address, arena);
	return true;
}

static bool parse_uri(struct slice text, struct arena *arena,
		      struct tlsrpt_uri *ret_uri)
{
	const struct slice mail = S("mailto:");

	if (!is_uri_text(text))
		return false;
	if (slice_starts_nocase(text, mail)) {
		ret_uri->is_mail = true;
		return parse_mail(slice_tail(text, mail.n), arena,
				  &ret_uri->to);
	}
	if (!slice_starts_nocase(text, https) || text.n == https.n)
		return false;
	ret_uri->is_mail = false;
	ret_uri->to = arena_copy(arena, text);
	return true;
}

static void parse_uris(struct slice text, struct arena *arena,
		       struct tlsrpt_record *r)
{
	bool has_more = true;

	while (has_more && r->count < TLSRPT_URIS_MAX) {
		struct slice one;

		has_more = slice_cut(text, ',', &one, &text);
		if (parse_uri(slice_trim(one), arena, &r->uris[r->count]))
			r->count++;
	}
}

bool tlsrpt_record_parse(struct slice text, struct arena *arena,
			 struct tlsrpt_record *ret_record)
{
	struct tlsrpt_record r = { .count = 0 };
	bool has_more, has_rua = false;
	struct slice field;

	if (text.n > TLSRPT_RECORD_OCTETS || !tlsrpt_record_is_one(text))
		return false;
	has_more = slice_cut(text, ';', &field, &text);
	while (has_more) {
		struct slice name, value;

		has_more = slice_cut(text, ';', &field, &text);
		if (!slice_cut(slice_trim(field), '=', &name, &value) ||
		    !slice_equal(slice_trim(name), S("rua")) || has_rua)
			continue;
		has_rua = true;
		parse_uris(value, arena, &r);
	}
	if (r.count == 0)
		return false;
	*ret_record = r;
	return true;
}

/* RFC 3986 3.2 */
bool tlsrpt_https_parse(struct slice uri, struct arena *arena,
			struct tlsrpt_https *ret_https)
{
	struct tlsrpt_https h = { .port = HTTPS_PORT };
	struct slice authority, host, port, rest;
	uint64_t number;
	size_t end;

	if (!is_uri_text(uri) || !slice_starts_nocase(uri, https))
		return false;
	uri = slice_tail(uri, https.n);
	(void)slice_cut(uri, '#', &uri, &rest);
	end = slice_find(uri, '/');
	authority = slice_head(uri, end);
	h.path = end < uri.n ? slice_tail(uri, end) : S("/");
	if (slice_find(authority, '@') < authority.n ||
	    slice_find(authority, '?') < authority.n)
		return false;
	if (slice_cut(authority, ':', &host, &port) && port.n > 0) {
		if (!slice_to_u64(port, PORT_MAX, &number) || number == 0)
			return false;
		h.port = (unsigned)number;
	}
	if (slice_find(host, '.') == host.n ||
	    name_domain(host, arena, &h.host) != 0)
		return false;
	*ret_https = h;
	return true;
}
