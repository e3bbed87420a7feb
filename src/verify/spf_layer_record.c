/* Texts that domains publish: records, and explanations. */
#include "verify/spf_layer-private.h"

#include "dns/record.h"

enum { EXPLANATION_OCTETS = 400 };

/* --- records ----------------------------------------------------------------------- */

/* Returns how many there are; *ret_text is one of them, in scratch. */
static size_t find_records(struct spf_layer *l, const struct dns_answer *answer,
			   struct slice *ret_text)
{
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++) {
		struct slice text;

		if (record_txt(answer->records[i], answer->records[i].n,
			       l->scratch, &text) &&
		    spf_record_is(text)) {
			*ret_text = text;
			count++;
		}
	}
	return count;
}

static void decide_wrong(struct spf_layer *l, struct slice domain,
			 const char *problem, struct slice term)
{
	const struct slice parts[] = { SLICE("the record of "),
				       domain,
				       SLICE(": "),
				       slice_of(problem),
				       term.n > 0 ? S(": ") : S(""),
				       term };

	layer_decide(l, AUTHRES_PERMERROR, arena_join(l->arena, parts, 6));
}

/* Returns NULL where the record is none to go on with; that was decided. */
static const char *read_record(struct spf_layer *l, const struct target *t,
			       struct slice text)
{
	struct slice wrong = S("");
	struct spf_record record;
	const char *problem = NULL;

	if (text.n > RECORD_OCTETS)
		problem = "over 1024 octets";
	else if (slice_has_high(text) || slice_has_control(text))
		problem = "not visible ASCII (RFC 7208 4.5)";
	if (problem == NULL) {
		text = arena_copy(l->arena, text);
		problem = spf_record_parse(text, l->arena, &record, &wrong);
	}
	if (problem != NULL) {
		decide_wrong(l, t->name, problem, wrong);
		return NULL;
	}
	if (t->is_main) {
		l->explanation = record.explanation;
		l->explanation_domain = t->name;
	}
	return layer_write(l, &record, t);
}

bool layer_find_record(struct spf_layer *l, const struct target *t,
		       const char **ret_text)
{
	struct dns_answer answer;
	struct slice text = S("");

	*ret_text = NULL;
	if (!layer_must_ask(l, t->name, DNS_TXT, &answer))
		return false;
	switch (find_records(l, &answer, &text)) {
	case 0:
		return true;
	case 1:
		*ret_text = read_record(l, t, text);
		return *ret_text != NULL;
	default:
		decide_wrong(l, t->name, "there are several", S(""));
		return false;
	}
}

/* --- the explanation -------------------------------------------------------------------------- */

static struct slice printable(struct spf_layer *l, struct slice text)
{
	char *out = arena_alloc(l->arena, EXPLANATION_OCTETS);
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < EXPLANATION_OCTETS; i++)
		out[n++] =
			(char)(text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i]
								    : '?');
	return (struct slice){ .p = out, .n = n };
}

struct slice spf_layer_explain(struct spf_layer *l)
{
	struct spf_facts facts = l->facts;
	struct dns_answer answer;
	struct slice name, text;

	if (l->explanation.n == 0)
		return S("");
	name = layer_expand(l, l->explanation, l->explanation_domain);
	layer_ask(l, name, DNS_TXT, &answer);
	if (answer.count != 1 ||
	    !record_txt(answer.records[0], SPF_MACRO_OCTETS, l->arena, &text) ||
	    !spf_macro_is_explanation(text))
		return S("");
	facts.domain = l->explanation_domain;
	if (spf_macro_uses(text, "p"))
		facts.validated = layer_validated(l, facts.domain);
	return printable(l, spf_macro_expand(text, &facts, l->arena));
}
