#include "mail/received.h"

#include "mail/date.h"

static bool is_host_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '-' ||
	       c == '_' || c == '[' || c == ']';
}

/* What would be a comment or another clause in the field becomes "?". */
static struct slice host_text(struct slice s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.n + 1);

	for (size_t i = 0; i < s.n; i++) {
		out[i] = '?';
		if (is_host_octet(s.p[i]))
			out[i] = s.p[i];
	}
	return (struct slice){ .p = out, .n = s.n };
}

/* RFC 5321 4.1.3 */
static struct slice ip_literal(struct slice ip, struct arena *arena)
{
	bool is_ipv6 = slice_find(ip, ':') < ip.n;
	const struct slice parts[] = { is_ipv6 ? S("[IPv6:") : S("["), ip,
				       S("]") };

	return arena_join(arena, parts, 3);
}

/* The From-domain; who hides the address hides a literal in EHLO as well. */
static struct slice from_clause(const struct received *r, struct arena *arena)
{
	bool hides = r->client_ip.n == 0;
	bool says_ip = r->hello.n > 0 && r->hello.p[0] == '[';
	struct slice parts[4] = { host_text(r->hello, arena) };
	struct slice ip = S("");

	if (!hides)
		ip = ip_literal(r->client_ip, arena);
	if (hides && (says_ip || r->hello.n == 0))
		return S("unknown");
	if (hides)
		return parts[0];
	if (r->hello.n == 0)
		parts[0] = ip;
	parts[1] = S(" (");
	parts[2] = ip;
	parts[3] = S(")");
	return arena_join(arena, parts, 4);
}

/* RFC 3848 and RFC 6531 4.3. There is no registered name for HELO over TLS. */
static struct slice protocol(const struct received *r)
{
	static const struct slice names[2][2][2] = {
		{ { SLICE("ESMTP"), SLICE("ESMTPA") },
		  { SLICE("ESMTPS"), SLICE("ESMTPSA") } },
		{ { SLICE("UTF8SMTP"), SLICE("UTF8SMTPA") },
		  { SLICE("UTF8SMTPS"), SLICE("UTF8SMTPSA") } },
	};

	if (!r->is_esmtp)
		return S("SMTP");
	return names[r->is_smtputf8][r->tls_version.n > 0][r->is_authenticated];
}

static struct slice for_clause(const struct received *r, struct arena *arena)
{
	const struct slice parts[] = { S("\r\n\tfor <"), r->recipient, S(">") };

	return r->recipient.n > 0 ? arena_join(arena, parts, 3) : S("");
}

/* RFC 8314 4.3: an additional clause, and RFC 5321 4.4 puts those last. */
static struct slice tls_clause(const struct received *r, struct arena *arena)
{
	const struct slice parts[] = {
		S("\r\n\ttls "), host_text(r->tls_cipher, arena),
		S(" ("),         host_text(r->tls_version, arena),
		S(")"),
	};

	if (r->tls_version.n == 0 || r->tls_cipher.n == 0)
		return S("");
	return arena_join(arena, parts, 5);
}

static struct slice date_text(int64_t date, struct arena *arena)
{
	char text[DATE_OCTETS];

	date_format(date, text);
	return arena_copy(arena, slice_of(text));
}

/* As Postfix has it, which readers of such fields know. */
static struct slice local_format(const struct received *r, struct arena *arena)
{
	const struct slice parts[] = {
		S("Received: by "),
		r->hostname,
		S(" (Culver, from userid "),
		r->user,
		S(")\r\n\tid "),
		r->trace,
		for_clause(r, arena),
		S(";\r\n\t"),
		date_text(r->date, arena),
		S("\r\n"),
	};

	return arena_join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

static struct slice smtp_format(const struct received *r, struct arena *arena)
{
	const struct slice parts[] = {
		S("Received: from "),
		from_clause(r, arena),
		S("\r\n\tby "),
		r->hostname,
		S(" (Culver) with "),
		protocol(r),
		S("\r\n\tid "),
		r->trace,
		for_clause(r, arena),
		tls_clause(r, arena),
		S(";\r\n\t"),
		date_text(r->date, arena),
		S("\r\n"),
	};

	return arena_join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

struct slice received_format(const struct received *r, struct arena *arena)
{
	return r->user.n > 0 ? local_format(r, arena) : smtp_format(r, arena);
}
