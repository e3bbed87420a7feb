#include "receive/origin_fields.h"

#include "base/mem.h"
#include "mail/authres.h"
#include "mail/dmarc.h"
#include "mail/field.h"
#include "mail/writer.h"
#include "receive/origin_policy.h"
#include "receive/session-private.h"

#include <string.h>

static struct slice our_id(const struct session *s)
{
	return slice_of(s->server->conf->hostname);
}

/* --- the results ------------------------------------------------------------------ */

static struct slice spf_resinfo(const struct session *s)
{
	const struct origin *o = &s->tx->origin;
	const struct authres_property property = {
		.name = o->is_helo ? S("smtp.helo") : S("smtp.mailfrom"),
		.value = o->is_helo ? slice_of(s->hello)
				    : transaction_sender_domain(s->tx),
	};
	const struct authres_info info = {
		.method = S("spf"),
		.result = o->spf,
		.properties = &property,
		.property_count = 1,
	};

	return authres_resinfo(&info, s->server->scratch);
}

/* SPF's first. Where `verify` did not answer, it says so for DMARC. */
static struct slices all_results(const struct session *s,
				 const struct msg_verified *answer)
{
	const struct slices said = answer->results;
	struct slice *items =
		arena_array(s->server->scratch, said.count + 2, sizeof(*items));
	const struct authres_info failed = { .method = S("dmarc"),
					     .result = AUTHRES_TEMPERROR };
	size_t count = 0;

	items[count++] = spf_resinfo(s);
	for (size_t i = 0; i < said.count; i++)
		items[count++] = said.items[i];
	if (said.count == 0)
		items[count++] = authres_resinfo(&failed, s->server->scratch);
	return (struct slices){ items, count };
}

struct slice origin_results(const struct session *s,
			    const struct msg_verified *answer)
{
	const struct slices all = all_results(s, answer);
	struct slice *parts =
		arena_array(s->server->scratch, 2 * all.count, sizeof(*parts));

	for (size_t i = 0; i < all.count; i++) {
		parts[2 * i] = all.items[i];
		parts[2 * i + 1] = S("; ");
	}
	return arena_join(s->server->scratch, parts, 2 * all.count - 1);
}

/* --- fields -------------------------------------------------------------------------- */

/* RFC 7208 9.1: "pass (HOST: explanation) client-ip=...; ..." */
static struct slice received_spf(const struct session *s)
{
	const struct origin *o = &s->tx->origin;
	AUTO(writer_done) struct writer w = { .keeps_utf8 = true };

	if (!s->server->conf->received_spf)
		return S("");
	writer_put(&w, S("Received-SPF: "));
	writer_put(&w, slice_of(authres_word(o->spf)));
	writer_put(&w, S(" ("));
	writer_put_clean(&w, our_id(s));
	writer_put(&w, S(")\r\n    receiver="));
	writer_put_clean(&w, our_id(s));
	writer_put(&w, S("; client-ip="));
	writer_put_clean(&w, slice_of(s->peer_ip));
	writer_put(&w, o->is_helo ? S("; identity=helo;\r\n    helo=")
				  : S("; identity=mailfrom;\r\n    helo="));
	writer_put(&w, authres_value(slice_of(s->hello), s->server->scratch));
	writer_put(&w, S(";\r\n    envelope-from="));
	writer_put(&w, authres_quoted(s->tx->reverse_path, s->server->scratch));
	writer_put(&w, S("\r\n"));
	return arena_copy(s->server->scratch, writer_text(&w));
}

/* What the recipe in doc/authentication.md looks for. */
static struct slice junk_field(const struct msg_verified *answer)
{
	return origin_is_junk(answer) ? S("X-Culver-Quarantine: dmarc\r\n")
				      : S("");
}

struct slice origin_fields(const struct session *s,
			   const struct msg_verified *answer)
{
	const struct slices all = all_results(s, answer);
	const struct slice parts[] = {
		junk_field(answer),
		authres_format(our_id(s), all.items, all.count,
			       s->server->scratch),
		received_spf(s),
	};

	return arena_join(s->server->scratch, parts, 3);
}

struct slice origin_login_fields(const struct session *s)
{
	const struct authres_info info = { .method = S("auth"),
					   .result = AUTHRES_PASS };
	const struct slice result = authres_resinfo(&info, s->server->scratch);

	return authres_format(our_id(s), &result, 1, s->server->scratch);
}

/* --- fields that claim to be ours ----------------------------------------------------- */

static bool is_claimed(const struct field *f, struct slice id)
{
	return slice_equal_nocase(f->name, S("authentication-results")) &&
	       authres_claims(f->value, id);
}

static struct slice strip(struct slice section, struct slice id,
			  struct arena *arena)
{
	char *out = arena_alloc(arena, section.n + 1);
	struct field field;
	size_t n = 0;

	while (field_next(&section, &field)) {
		if (is_claimed(&field, id))
			continue;
		memcpy(out + n, field.whole.p, field.whole.n);
		n += field.whole.n;
	}
	if (section.n > 0)
		memcpy(out + n, section.p, section.n);
	return (struct slice){ out, n + section.n };
}

int origin_parts(const struct session *s, struct slice fields,
		 struct rewrite_parts *ret_parts)
{
	const struct transaction *t = s->tx;
	const size_t section = t->header.has_authres ? t->header.octets : 0;
	char *came = arena_alloc(t->arena, section + 1);
	struct slice parts[] = { t->own, fields, { came, section } };
	int error = content_read(t->content, came, section, t->own.n);

	if (error != 0)
		return error;
	if (section > 0)
		parts[2] = strip(parts[2], our_id(s), t->arena);
	*ret_parts = (struct rewrite_parts){
		.header = arena_join(t->arena, parts, 3),
		.body = { .fd = content_fd(t->content),
			  .offset = t->own.n + section,
			  .octets = content_octets(t->content) - t->own.n -
				    section },
	};
	return 0;
}
