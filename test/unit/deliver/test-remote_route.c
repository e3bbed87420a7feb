/* What policies of MTA-STS make of a route; the rest is test-remote.c's. */
#include "deliver/remote_route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct slice pattern[] = { SLICE("*.good.example") };
static const struct slice address[] = { SLICE("192.0.2.1") };
static const struct slice tlsa[] = { SLICE("\3\1\1"
					   "0123456789abcdef"
					   "0123456789abcdef") };

enum kind { NAMED, UNNAMED, WITH_TLSA, UNUSABLE, KINDS };

static const struct host hosts[KINDS] = {
	[NAMED] = { .name = SLICE("a.good.example"),
		    .addresses = { address, 1 } },
	[UNNAMED] = { .name = SLICE("a.bad.example"),
		      .addresses = { address, 1 } },
	[WITH_TLSA] = { .name = SLICE("b.bad.example"),
			.addresses = { address, 1 },
			.tlsa = { tlsa, 1 },
			.has_tlsa = true },
	[UNUSABLE] = { .name = SLICE("b.good.example"),
		       .addresses = { address, 1 },
		       .has_tlsa = true },
};

static const struct {
	const char *name;
	enum sts_mode mode;
	bool is_relaxed;
	size_t count; /* of the hosts, from the first on */
	/* Of each hop: the host's place, the level, "!" for what testing would
	 * forbid, "*" if its name is proven. */
	const char *want;
} cases[] = {
	{ "no policy", STS_NONE, false, KINDS, "0:1 1:1 2:4 3:2 " },
	{ "enforced", STS_ENFORCE, false, KINDS, "0:3* 2:4 3:3* " },
	{ "in testing", STS_TESTING, false, KINDS, "0:1 1:1! 2:4 3:2 " },
	{ "enforced, and nobody is named", STS_ENFORCE, false, 0, "" },
	{ "arriving counts more", STS_ENFORCE, true, KINDS,
	  "0:1 1:1 2:4 3:2 " },
};

static struct msg_route route_of(enum sts_mode mode, const struct host *items,
				 size_t count)
{
	struct msg_route m = {
		.result = ROUTE_HOSTS,
		.hosts = { items, count },
		.sts = { .mode = mode },
	};

	if (mode == STS_NONE)
		return m;
	m.sts.id = S("1");
	m.sts.patterns = (struct slices){ pattern, 1 };
	return m;
}

static size_t place_of(struct slice name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (slice_equal(hosts[i].name, name))
			return i;
	return KINDS;
}

static void describe(const struct remote_route *r, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < remote_route_count(r); i++) {
		const struct remote_hop *hop = remote_route_hop(r, i);

		n += (size_t)snprintf(text + n, size - n, "%zu:%d%s%s ",
				      place_of(hop->host), (int)hop->security,
				      hop->is_host_proven ? "*" : "",
				      hop->is_unnamed ? "!" : "");
	}
}

static void test_hops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct remote_rules rules = {
			.port = 25, .is_relaxed = cases[i].is_relaxed
		};
		const struct msg_route m =
			route_of(cases[i].mode, hosts, cases[i].count);
		struct remote_route *r =
			remote_route_new(&m, S("x.example"), &rules);
		char text[200];

		describe(r, text, sizeof(text));
		if (strcmp(text, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, text);
		remote_route_free(&r);
	}
}

static void test_nobody_is_named(void **state)
{
	const struct remote_rules rules = { .port = 25 };
	const struct msg_route m = route_of(STS_ENFORCE, &hosts[UNNAMED], 1);
	struct remote_route *r = remote_route_new(&m, S("x.example"), &rules);
	const struct outcome *refusal = remote_route_refusal(r);

	(void)state;
	assert_int_equal(remote_route_count(r), 0);
	assert_true(remote_route_is_forbidden(r));
	assert_int_equal(refusal->kind, OUTCOME_DEFERRED);
	assert_true(slice_find_slice(refusal->text, S("MTA-STS")) <
		    refusal->text.n);
	assert_int_equal(remote_route_unnamed(r).count, 1);
	assert_true(slice_equal(remote_route_unnamed(r).items[0],
				hosts[UNNAMED].name));
	assert_true(slice_equal(remote_route_sts(r)->id, S("1")));
	remote_route_free(&r);
}

static void test_failures_are_told(void **state)
{
	const struct remote_rules rules = { .port = 25 };
	struct msg_route m = route_of(STS_NONE, hosts, 1);
	struct remote_route *r;

	(void)state;
	m.sts_failure = TLSRPT_STS_WEBPKI_INVALID;
	m.sts_problem = S("self-signed");
	r = remote_route_new(&m, S("x.example"), &rules);
	assert_int_equal(remote_route_sts_failure(r),
			 TLSRPT_STS_WEBPKI_INVALID);
	assert_true(slice_equal(remote_route_sts_problem(r), S("self-signed")));
	assert_false(remote_route_is_forbidden(r));
	remote_route_free(&r);
	m.sts_failure = TLSRPT_RESULTS;
	r = remote_route_new(&m, S("x.example"), &rules);
	assert_int_equal(remote_route_sts_failure(r), TLSRPT_SUCCESS);
	remote_route_free(&r);
}

/* With TLSA records they alone decide, and the roots are not asked. */
static void test_a_smarthost_is_proven_by_the_roots(void **state)
{
	const struct remote_rules rules = { .port = 587, .is_smarthost = true };
	const struct msg_route m = route_of(STS_NONE, &hosts[WITH_TLSA], 1);
	struct remote_route *r = remote_route_new(&m, S(""), &rules);

	(void)state;
	assert_int_equal(remote_route_count(r), 1);
	assert_int_equal(remote_route_hop(r, 0)->security, SMTP_VERIFIED);
	assert_int_equal(remote_route_hop(r, 0)->tlsa.count, 0);
	remote_route_free(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_nobody_is_named),
		cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_a_smarthost_is_proven_by_the_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
