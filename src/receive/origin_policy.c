#include "receive/origin_policy.h"

#include "base/mem.h"
#include "mail/dmarc.h"
#include "mail/field.h"
#include "mail/from.h"
#include "receive/session-private.h"
#include "smtp/name.h"

#include <string.h>

bool origin_refuses_spf(const struct conf *conf)
{
	return strcmp(conf->spf_fail, "reject") == 0;
}

/* A refusal in one line, whatever others had to say in it. */
static struct reply reply_of(const struct session *s, uint16_t code,
			     const struct slice *parts, size_t count)
{
	struct slice text = arena_join(s->server->scratch, parts, count);
	char *out = arena_alloc(s->server->scratch, text.n + 1);

	memcpy(out, text.p, text.n);
	for (size_t i = 0; i < text.n; i++)
		if (out[i] == '\n')
			out[i] = ' ';
	return (struct reply){
		.code = code,
		.status = { (uint8_t)(code / 100), 7, 1 },
		.text = { out, text.n },
	};
}

/* RFC 7208 8.4: 550, and 5.7.23 of RFC 7372. */
struct reply origin_spf_reply(const struct session *s)
{
	const struct origin *o = &s->tx->origin;
	const struct slice parts[] = {
		slice_of(s->peer_ip),
		S(" may not send for "),
		o->spf_domain,
		S(", as that says in its SPF record"),
		o->spf_explanation.n > 0 ? S(": ") : S(""),
		o->spf_explanation,
	};

	struct reply r = reply_of(s, 550, parts, 6);

	r.status[2] = 23;
	return r;
}

/* --- our own name --------------------------------------------------------------- */

static bool is_ours(const struct session *s, struct slice domain)
{
	return domain.n > 0 && domains_is_local(s->server->domains, domain);
}

/* "DOMAIN SELECTOR RESULT" */
static bool is_signature_of(struct slice signature, struct slice sender,
			    const char *result)
{
	struct slice signer, rest, selector, word;

	return slice_cut(signature, ' ', &signer, &rest) &&
	       slice_cut(rest, ' ', &selector, &word) &&
	       slice_equal(word, slice_of(result)) &&
	       (name_is_within(sender, signer) ||
		name_is_within(signer, sender));
}

static bool has_signature(const struct msg_verified *answer,
			  struct slice domain, const char *result)
{
	for (size_t i = 0; i < answer->signatures.count; i++)
		if (is_signature_of(answer->signatures.items[i], domain,
				    result))
			return true;
	return false;
}

/* Whether the sender of the envelope may be ours: PASS, FAIL, TEMPERROR. */
static enum authres_result sender_result(const struct session *s,
					 const struct msg_verified *answer,
					 struct slice domain)
{
	const struct origin *o = &s->tx->origin;

	if (o->spf == AUTHRES_PASS || has_signature(answer, domain, "pass"))
		return AUTHRES_PASS;
	if (o->spf == AUTHRES_TEMPERROR ||
	    has_signature(answer, domain, "temperror") ||
	    (answer->dmarc == AUTHRES_TEMPERROR && answer->results.count == 0))
		return AUTHRES_TEMPERROR;
	return AUTHRES_FAIL;
}

static struct slice own_of(const struct session *s, const struct slice *domains,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_ours(s, domains[i]))
			return domains[i];
	return S("");
}

/* Of any From field of the header section. */
static struct slice own_in(const struct session *s, struct slice section)
{
	AUTO(arena_free) struct arena *arena = arena_new(FROM_ARENA_OCTETS);
	struct slice own = S("");
	struct field field;
	struct from from;

	while (own.n == 0 && field_next(&section, &field)) {
		if (!field_is(&field, S("From")))
			continue;
		arena_clear(arena);
		from_parse(field.value, arena, &from);
		own = own_of(s, from.domains, from.domain_count);
	}
	return arena_copy(s->server->scratch, own);
}

/* `verify` names no author where there are several From fields, and where it
 * has no answer: then it is looked for here. */
static struct slice own_author(const struct session *s,
			       const struct msg_verified *answer)
{
	const struct transaction *t = s->tx;
	const struct slices known = answer->from_domains;
	AUTO(arena_free) struct arena *arena = NULL;
	size_t n = t->header.octets;
	char *section;

	if (known.count > 0)
		return own_of(s, known.items, known.count);
	arena = arena_new(n + 4096);
	section = arena_alloc(arena, n + 1);
	/* What cannot be read is not delivered either. */
	if (content_read(t->content, section, n, t->own.n) != 0)
		return S("");
	return own_in(s, (struct slice){ section, n });
}

static const struct reply *refuse_own(const struct session *s,
				      enum authres_result result,
				      struct slice domain, struct reply *room)
{
	const struct slice refused[] = {
		domain,
		S(" is a domain of this server, and neither SPF nor DKIM shows"
		  " that it sent this: log in to send, or add "),
		slice_of(s->peer_ip),
		S(" to its SPF record or sign with its"
		  " DKIM key")
	};
	const struct slice deferred[] = {
		S("Cannot find out now whether this is from "), domain,
		S(", try again later")
	};

	if (result == AUTHRES_PASS)
		return NULL;
	*room = result == AUTHRES_TEMPERROR ? reply_of(s, 451, deferred, 3)
					    : reply_of(s, 550, refused, 4);
	return room;
}

static const struct reply *check_own(const struct session *s,
				     const struct msg_verified *answer,
				     struct reply *room)
{
	const struct slice sender = transaction_sender_domain(s->tx);
	const struct slice author = own_author(s, answer);
	const struct reply *refusal = NULL;

	if (!s->server->conf->own_domain_check)
		return NULL;
	if (author.n > 0)
		refusal = refuse_own(s, answer->alignment, author, room);
	if (refusal == NULL && is_ours(s, sender))
		refusal = refuse_own(s, sender_result(s, answer, sender),
				     sender, room);
	return refusal;
}

/* --- DMARC ----------------------------------------------------------------------- */

bool origin_is_junk(const struct msg_verified *answer)
{
	return answer->policy != DMARC_NONE;
}

static const struct reply *check_dmarc(const struct session *s,
				       const struct msg_verified *answer,
				       struct reply *room)
{
	const struct slice parts[] = { S("Message refused: "),
				       answer->problem };

	if (answer->policy != DMARC_REJECT ||
	    strcmp(s->server->conf->dmarc, "enforce") != 0)
		return NULL;
	*room = reply_of(s, 550, parts, 2);
	return room;
}

const struct reply *origin_refusal(const struct session *s,
				   const struct msg_verified *answer,
				   struct reply *room)
{
	const struct reply *refusal = check_own(s, answer, room);

	return refusal != NULL ? refusal : check_dmarc(s, answer, room);
}
