/* RFC 9989: what a message's identifiers come to, in a DNS of a few names. */
#include "mail/dmarc.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ZONE = 8, IDS = 4 };

#define REJECT "v=DMARC1;p=reject"
#define NONE   "v=DMARC1;p=none"

/* An entry is "NAME TEXT", "NAME !" (NXDOMAIN) or "NAME ?" (it fails); all
 * other names exist without TXT. */
struct message {
	const char *name;
	const char *zone[ZONE];
	const char *from;      /* the value of the field */
	const char *spf;       /* "RESULT DOMAIN", or NULL */
	const char *dkim[IDS]; /* the same */
	const char *want;      /* result, policy, alignment */
	const char *record;    /* whose it was; NULL: any */
	unsigned queries;      /* in all; 0: any */
};

static const struct message messages[] = {
	/* --- which record --- */
	{ .name = "no record",
	  .from = "a@b.example",
	  .want = "none none fail" },
	{ .name = "its own record",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .want = "fail reject fail",
	  .record = "b.example" },
	{ .name = "quarantine",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example v=DMARC1; p=quarantine" },
	  .want = "fail quarantine fail" },
	{ .name = "none",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " NONE },
	  .want = "fail none fail" },
	{ .name = "a subdomain takes p of the organization",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .want = "fail reject fail",
	  .record = "b.example" },
	{ .name = "a subdomain takes sp",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " REJECT ";sp=quarantine" },
	  .want = "fail quarantine fail" },
	{ .name = "the domain itself does not",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";sp=none" },
	  .want = "fail reject fail" },
	{ .name = "a subdomain's own record leaves sp unread",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.x.b.example " NONE ";sp=reject",
		    "_dmarc.b.example " REJECT },
	  .want = "fail none fail",
	  .record = "x.b.example" },
	{ .name = "the topmost record is the organization's",
	  .from = "a@y.x.b.example",
	  .zone = { "_dmarc.x.b.example " NONE, "_dmarc.b.example " REJECT },
	  .want = "fail reject fail",
	  .record = "b.example" },
	{ .name = "psd=n ends the walk",
	  .from = "a@y.x.b.example",
	  .zone = { "_dmarc.x.b.example " NONE ";psd=n",
		    "_dmarc.b.example " REJECT },
	  .want = "fail none fail",
	  .record = "x.b.example" },
	{ .name = "a public suffix speaks for who says nothing",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.example " REJECT ";psd=y;sp=quarantine" },
	  .want = "fail quarantine fail",
	  .record = "example" },
	{ .name = "and not for who does",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " NONE,
		    "_dmarc.example " REJECT ";psd=y" },
	  .want = "fail none fail",
	  .record = "b.example" },
	{ .name = "what lies between organization and author is not asked",
	  .from = "a@y.x.b.example",
	  .zone = { "_dmarc.x.b.example " NONE,
		    "_dmarc.example " REJECT ";psd=y" },
	  .want = "fail reject fail",
	  .record = "example" },
	{ .name = "np for a name that does not exist",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " NONE ";np=reject", "x.b.example !" },
	  .want = "fail reject fail" },
	{ .name = "not for one that does",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " NONE ";np=reject" },
	  .want = "fail none fail" },
	{ .name = "without np it is sp",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " NONE ";sp=reject", "x.b.example !" },
	  .want = "fail reject fail" },
	{ .name = "t=y: one less than reject",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";t=y" },
	  .want = "fail quarantine fail" },
	{ .name = "t=y: one less than quarantine",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example v=DMARC1;t=y;p=quarantine" },
	  .want = "fail none fail" },
	{ .name = "pct is unknown",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";pct=0" },
	  .want = "fail reject fail" },
	{ .name = "two records are none",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.x.b.example " NONE, "_dmarc.x.b.example " NONE,
		    "_dmarc.b.example " REJECT },
	  .want = "fail reject fail",
	  .record = "b.example" },
	{ .name = "other texts are not counted",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example v=spf1 -all", "_dmarc.b.example " REJECT,
		    "_dmarc.b.example v=DMARC1.1;p=none" },
	  .want = "fail reject fail" },
	{ .name = "a record of no use",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example v=DMARC1;p=rejct" },
	  .want = "permerror none fail" },
	{ .name = "a record of no use with rua",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example v=DMARC1;p=rejct;rua=mailto:a@b" },
	  .want = "fail none fail" },
	{ .name = "DNS fails",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example ?" },
	  .want = "temperror none fail" },
	{ .name = "DNS fails further up",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example ?" },
	  .want = "temperror none fail" },
	{ .name = "eight questions and no more",
	  .from = "a@a.b.c.d.e.f.g.h.i.j.mail.b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .want = "fail reject fail",
	  .record = "b.example",
	  .queries = 8 },
	{ .name = "what the short cut leaves out is not asked",
	  .from = "a@a.b.c.d.e.f.g.h.example",
	  .zone = { "_dmarc.b.c.d.e.f.g.h.example " REJECT },
	  .want = "none none fail",
	  .queries = 8 },
	{ .name = "eight labels leave out none",
	  .from = "a@a.b.c.d.e.f.g.example",
	  .zone = { "_dmarc.b.c.d.e.f.g.example " REJECT },
	  .want = "fail reject fail",
	  .queries = 8 },
	{ .name = "a literal has no record",
	  .from = "a@[192.0.2.1]",
	  .want = "none none fail" },

	/* --- alignment --- */
	{ .name = "SPF of the same domain: one question",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass b.example",
	  .want = "pass none pass",
	  .queries = 1 },
	{ .name = "SPF of a subdomain",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass bounce.b.example",
	  .want = "pass none pass" },
	{ .name = "SPF of the parent",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass b.example",
	  .want = "pass none pass" },
	{ .name = "SPF of a sibling",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass y.b.example",
	  .want = "pass none pass" },
	{ .name = "SPF of another",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass c.example",
	  .want = "fail reject fail" },
	{ .name = "a name that ends alike",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass xb.example",
	  .want = "fail reject fail" },
	{ .name = "SPF softfail",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "softfail b.example",
	  .want = "fail reject fail" },
	{ .name = "aspf=s",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";aspf=s" },
	  .spf = "pass x.b.example",
	  .want = "fail reject pass" },
	{ .name = "aspf=s, the same",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";aspf=s" },
	  .spf = "pass b.example",
	  .want = "pass none pass" },
	{ .name = "aspf=s leaves DKIM relaxed",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";aspf=s" },
	  .dkim = { "pass x.b.example" },
	  .want = "pass none pass" },
	{ .name = "adkim=s",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT ";adkim=s" },
	  .dkim = { "pass x.b.example" },
	  .want = "fail reject pass" },
	{ .name = "a list that breaks SPF and keeps DKIM",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass lists.example",
	  .dkim = { "pass lists.example", "pass b.example" },
	  .want = "pass none pass" },
	{ .name = "a list that breaks both",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "pass lists.example",
	  .dkim = { "fail b.example", "pass lists.example" },
	  .want = "fail reject fail" },
	{ .name = "psd=n parts an organization",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.b.example " REJECT,
		    "_dmarc.x.b.example " REJECT ";psd=n" },
	  .dkim = { "pass b.example" },
	  .want = "fail reject fail" },
	{ .name = "on the other side too",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT,
		    "_dmarc.x.b.example " NONE ";psd=n" },
	  .dkim = { "pass y.x.b.example" },
	  .want = "fail reject fail" },
	{ .name = "neighbours under a public suffix",
	  .from = "a@b.example",
	  .zone = { "_dmarc.example " REJECT ";psd=y" },
	  .dkim = { "pass c.example" },
	  .want = "fail reject fail" },
	{ .name = "one below a public suffix, and below that",
	  .from = "a@b.example",
	  .zone = { "_dmarc.example " REJECT ";psd=y" },
	  .dkim = { "pass c.b.example" },
	  .want = "pass none pass" },
	{ .name = "a registry's record parts neighbours, psd or not",
	  .from = "a@b.co.uk",
	  .zone = { "_dmarc.co.uk " NONE, "_dmarc.b.co.uk " REJECT },
	  .dkim = { "pass c.co.uk" },
	  .want = "fail reject fail" },
	{ .name = "what others let under their name is as they say",
	  .from = "a@b.github.io",
	  .zone = { "_dmarc.github.io " REJECT },
	  .dkim = { "pass c.github.io" },
	  .want = "pass none pass" },
	{ .name = "for RFC 7489 the list parts them",
	  .from = "a@b.github.io",
	  .zone = { "_dmarc.github.io " REJECT ";pct=100" },
	  .dkim = { "pass c.github.io" },
	  .want = "fail reject fail" },
	{ .name = "a record below the organization: siblings of its own",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.x.b.example " REJECT },
	  .dkim = { "pass b.example" },
	  .want = "fail reject fail" },
	{ .name = "the same for RFC 7489: the organization is registered",
	  .from = "a@x.b.example",
	  .zone = { "_dmarc.x.b.example " REJECT ";rf=afrf" },
	  .dkim = { "pass b.example" },
	  .want = "pass none pass" },
	{ .name = "DKIM in trouble",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .dkim = { "temperror x.b.example" },
	  .want = "temperror none temperror" },
	{ .name = "another's in trouble changes nothing",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .dkim = { "temperror c.example" },
	  .want = "fail reject fail" },
	{ .name = "one that passes is enough",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT },
	  .spf = "temperror b.example",
	  .dkim = { "pass b.example" },
	  .want = "pass none pass" },
	{ .name = "DNS fails for another's organization",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example " REJECT, "_dmarc.x.b.example ?" },
	  .dkim = { "pass x.b.example" },
	  .want = "temperror none temperror" },
	{ .name = "without record the list says what is aligned",
	  .from = "a@b.example",
	  .dkim = { "pass x.b.example" },
	  .want = "none none pass" },
	{ .name = "without record, another",
	  .from = "a@b.co.uk",
	  .dkim = { "pass c.co.uk" },
	  .want = "none none fail" },
	{ .name = "DNS fails, and it is aligned",
	  .from = "a@b.example",
	  .zone = { "_dmarc.b.example ?" },
	  .dkim = { "pass b.example" },
	  .want = "temperror none pass" },

	/* --- several authors, or none --- */
	{ .name = "of two the stricter counts",
	  .from = "a@b.example, c@d.example",
	  .zone = { "_dmarc.b.example " REJECT, "_dmarc.d.example " NONE },
	  .dkim = { "pass d.example" },
	  .want = "fail reject fail" },
	{ .name = "one that passes does not help the other",
	  .from = "a@b.example, c@d.example",
	  .zone = { "_dmarc.b.example " REJECT, "_dmarc.d.example " REJECT },
	  .dkim = { "pass b.example" },
	  .want = "fail reject fail" },
	{ .name = "both pass",
	  .from = "a@b.example, c@d.example",
	  .zone = { "_dmarc.b.example " REJECT, "_dmarc.d.example " REJECT },
	  .spf = "pass d.example",
	  .dkim = { "pass b.example" },
	  .want = "pass none pass" },
	{ .name = "who cannot be read is refused",
	  .from = "a@b.example <c@d.example",
	  .dkim = { "pass d.example" },
	  .want = "permerror reject fail" },
	{ .name = "more authors than anyone has",
	  .from = "a@b, a@c, a@d, a@e, a@f",
	  .want = "permerror reject fail" },
	{ .name = "nobody", .from = "<>", .want = "none none fail" },
};

struct world {
	const struct message *message;
	struct slice texts[ZONE];
	unsigned queries;
};

static enum dmarc_txt answer(void *arg, struct slice name,
			     const struct slice **ret_texts, size_t *ret_count)
{
	struct world *w = arg;
	size_t count = 0;

	w->queries++;
	for (size_t i = 0; i < ZONE && w->message->zone[i] != NULL; i++) {
		struct slice owner, text;

		(void)slice_cut(slice_of(w->message->zone[i]), ' ', &owner,
				&text);
		if (!slice_equal(owner, name))
			continue;
		if (slice_equal(text, S("?")))
			return DMARC_TXT_FAILED;
		if (slice_equal(text, S("!")))
			return DMARC_TXT_NO_NAME;
		w->texts[count++] = text;
	}
	*ret_texts = w->texts;
	*ret_count = count;
	return count > 0 ? DMARC_TXT_DATA : DMARC_TXT_NO_DATA;
}

static struct dmarc_identifier identifier(const char *text)
{
	struct dmarc_identifier id = { .domain = { .n = 0 } };
	struct slice word;

	if (text == NULL)
		return id;
	(void)slice_cut(slice_of(text), ' ', &word, &id.domain);
	for (unsigned i = 0; i < AUTHRES_COUNT; i++)
		if (slice_equal(word, slice_of(authres_word(i))))
			id.result = i;
	return id;
}

static void check(const struct message *m, struct arena *arena,
		  struct dmarc_verdict *v)
{
	struct dmarc_identifier signatures[IDS];
	struct world world = { .message = m };
	struct from from;
	const struct dmarc_request request = {
		.from = &from,
		.spf = identifier(m->spf),
		.signatures = signatures,
		.signature_count = IDS,
		.ask = answer,
		.ask_arg = &world,
	};

	from_parse(slice_of(m->from), arena, &from);
	for (size_t i = 0; i < IDS; i++)
		signatures[i] = identifier(m->dkim[i]);
	dmarc_check(&request, arena, v);
	if (m->queries > 0)
		assert_int_equal(world.queries, m->queries);
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		AUTO(arena_free)
		struct arena *a = arena_new(DMARC_ARENA_OCTETS);
		const struct message *m = &messages[i];
		struct dmarc_verdict v;
		char got[64];

		print_message("%s\n", m->name);
		check(m, a, &v);
		(void)snprintf(
			got, sizeof(got), "%s %s %s", authres_word(v.result),
			dmarc_policy_word(v.policy), authres_word(v.alignment));
		assert_string_equal(got, m->want);
		if (m->record != NULL)
			assert_true(slice_equal(v.authors[0].record_domain,
						slice_of(m->record)));
		assert_true((v.problem.n > 0) ==
			    (v.result == AUTHRES_FAIL ||
			     v.result == AUTHRES_TEMPERROR ||
			     v.result == AUTHRES_PERMERROR));
	}
}

static void test_resinfo(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(DMARC_ARENA_OCTETS);
	const struct message failing = {
		.from = "a@b.example",
		.zone = { "_dmarc.b.example " REJECT ";t=y" },
	};
	const struct message bare = { .from = "a@b.example" };
	struct dmarc_verdict v;

	(void)state;
	check(&failing, a, &v);
	assert_string_equal(dmarc_resinfo(&v.authors[0], a).p,
			    "dmarc=fail header.from=b.example"
			    " policy.dmarc=quarantine");
	check(&bare, a, &v);
	assert_string_equal(dmarc_resinfo(&v.authors[0], a).p,
			    "dmarc=none header.from=b.example");
}

/* However many names a message brings, the questions are bounded. */
static void test_bounds(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(DMARC_ARENA_OCTETS);
	const struct message m = { .zone = { "_dmarc.b " REJECT } };
	struct dmarc_identifier ids[100];
	struct world world = { .message = &m };
	struct dmarc_verdict v;
	struct from from;
	const struct dmarc_request request = {
		.from = &from,
		.signatures = ids,
		.signature_count = 100,
		.ask = answer,
		.ask_arg = &world,
	};

	(void)state;
	from_parse(S("a@x.b"), a, &from);
	for (size_t i = 0; i < 100; i++)
		ids[i] = (struct dmarc_identifier){
			.domain = arena_format(a, "a%zu.c%zu.d%zu.b", i, i, i),
			.result = AUTHRES_PASS,
		};
	dmarc_check(&request, a, &v);
	assert_int_equal(v.result, AUTHRES_PASS); /* the first is aligned */
	assert_in_range(world.queries, 8, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_resinfo),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
