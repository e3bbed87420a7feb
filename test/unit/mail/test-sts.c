#include "mail/sts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *a;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

/* --- the record -------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *texts[3];
	int want;
	const char *id;
} records[] = {
	{ "the usual one",
	  { "v=STSv1; id=20260101T000000;" },
	  0,
	  "20260101T000000" },
	{ "no last semicolon", { "v=STSv1;id=1" }, 0, "1" },
	{ "spaces and tabs", { "v=STSv1 ;\t id=ab \t; " }, 0, "ab" },
	{ "fields of a later day",
	  { "v=STSv1; x-y.z=1:2; id=7; q=!;" },
	  0,
	  "7" },
	{ "the first id counts", { "v=STSv1; id=1; id=2" }, 0, "1" },
	{ "an id of 32",
	  { "v=STSv1; id=01234567890123456789012345678901" },
	  0,
	  "01234567890123456789012345678901" },
	{ "texts of others beside it",
	  { "v=spf1 -all", "v=STSv1; id=1", "v=STSv10; id=2" },
	  0,
	  "1" },
	{ "none at all", { NULL }, STS_RECORD_NONE, NULL },
	{ "only of others", { "v=spf1 -all" }, STS_RECORD_NONE, NULL },
	{ "two of them",
	  { "v=STSv1; id=1", "v=STSv1; id=1" },
	  STS_RECORD_NONE,
	  NULL },
	{ "a version of a later day",
	  { "v=STSv2; id=1" },
	  STS_RECORD_NONE,
	  NULL },
	{ "a version in other letters",
	  { "v=stsv1; id=1" },
	  STS_RECORD_NONE,
	  NULL },
	{ "not at its beginning", { " v=STSv1; id=1" }, STS_RECORD_NONE, NULL },
	{ "a version alone", { "v=STSv1" }, STS_RECORD_NONE, NULL },
	{ "no id", { "v=STSv1; x=1" }, STS_RECORD_SYNTAX, NULL },
	{ "no field", { "v=STSv1;" }, STS_RECORD_SYNTAX, NULL },
	{ "an empty id", { "v=STSv1; id=;" }, STS_RECORD_SYNTAX, NULL },
	{ "an id of 33",
	  { "v=STSv1; id=012345678901234567890123456789012" },
	  STS_RECORD_SYNTAX,
	  NULL },
	{ "an id with a sign",
	  { "v=STSv1; id=2026-01" },
	  STS_RECORD_SYNTAX,
	  NULL },
	{ "an empty field", { "v=STSv1;; id=1" }, STS_RECORD_SYNTAX, NULL },
	{ "a field without a value",
	  { "v=STSv1; id=1; x" },
	  STS_RECORD_SYNTAX,
	  NULL },
	{ "a field with two",
	  { "v=STSv1; id=1; x=a=b" },
	  STS_RECORD_SYNTAX,
	  NULL },
	{ "octets that are no text",
	  { "v=STSv1; id=1; x=\xc3\xa4" },
	  STS_RECORD_SYNTAX,
	  NULL },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct slice texts[3], id = S("");
		size_t count = 0;
		int r;

		while (count < 3 && records[i].texts[count] != NULL) {
			texts[count] = slice_of(records[i].texts[count]);
			count++;
		}
		r = sts_record_parse(texts, count, &id);
		if (r != records[i].want ||
		    !slice_equal(id, slice_of(records[i].id)))
			fail_msg("%s: %d '%.*s'", records[i].name, r, (int)id.n,
				 id.p);
	}
}

/* --- the policy -------------------------------------------------------------------- */

#define V "version: STSv1\n"

static const struct {
	const char *name, *text;
	bool is_good;
	enum sts_mode mode;
	unsigned max_age_s;
	size_t patterns;
} policies[] = {
	{ "the usual one",
	  "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
	  "mx: *.example.net\r\nmax_age: 604800\r\n",
	  true, STS_ENFORCE, 604800, 2 },
	{ "with bare LF, none at the end",
	  V "mode: testing\nmx: a.example\nmax_age: 0", true, STS_TESTING, 0,
	  1 },
	{ "in another order, without spaces",
	  "max_age:86400\nmx:a.example\nmode:enforce\nversion:STSv1\n", true,
	  STS_ENFORCE, 86400, 1 },
	{ "spaces behind values", V "mode: none \t\nmax_age: 1 \n", true,
	  STS_NONE, 1, 0 },
	{ "fields of a later day",
	  V "mode: enforce\nx.y-z: \xc3\xa4 b\nmx: a.example\nmax_age: 5\n",
	  true, STS_ENFORCE, 5, 1 },
	{ "empty lines", V "\n\r\nmode: none\nmax_age: 1\n\n", true, STS_NONE,
	  1, 0 },
	{ "the first of two counts",
	  V "version: 2\nmode: none\nmode: enforce\nmax_age: 1\nmax_age: 2\n",
	  true, STS_NONE, 1, 0 },
	{ "it lasts too long", V "mode: none\nmax_age: 31557601\n", true,
	  STS_NONE, STS_MAX_AGE_S, 0 },
	{ "it lasts for ever",
	  V "mode: none\nmax_age: 99999999999999999999999999\n", true, STS_NONE,
	  STS_MAX_AGE_S, 0 },
	{ "nothing", "", false, STS_NONE, 0, 0 },
	{ "a page of HTML", "<html>not found</html>\n", false, STS_NONE, 0, 0 },
	{ "no version", "mode: none\nmax_age: 1\n", false, STS_NONE, 0, 0 },
	{ "another version", "version: STSv2\nmode: none\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
	{ "no mode", V "mx: a.example\nmax_age: 1\n", false, STS_NONE, 0, 0 },
	{ "another mode", V "mode: Enforce\nmx: a.example\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
	{ "no max_age", V "mode: none\n", false, STS_NONE, 0, 0 },
	{ "a max_age below nothing", V "mode: none\nmax_age: -1\n", false,
	  STS_NONE, 0, 0 },
	{ "an empty max_age", V "mode: none\nmax_age:\n", false, STS_NONE, 0,
	  0 },
	{ "no host to be enforced", V "mode: enforce\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
	{ "an empty host", V "mode: enforce\nmx:\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
	{ "a star alone", V "mode: enforce\nmx: *\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
	{ "a star within", V "mode: enforce\nmx: a.*.example\nmax_age: 1\n",
	  false, STS_NONE, 0, 0 },
	{ "part of a label", V "mode: enforce\nmx: *a.example\nmax_age: 1\n",
	  false, STS_NONE, 0, 0 },
	{ "two stars", V "mode: enforce\nmx: *.*.example\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
	{ "a host in Unicode",
	  V "mode: enforce\nmx: \xc3\xa4.example\n"
	    "max_age: 1\n",
	  false, STS_NONE, 0, 0 },
	{ "a bare CR", V "mode: none\rmax_age: 1\n", false, STS_NONE, 0, 0 },
	{ "a space before the colon", V "mode : none\nmax_age: 1\n", false,
	  STS_NONE, 0, 0 },
};

static void test_policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct sts_policy p = { .mode = STS_NONE };
		const char *problem =
			sts_policy_parse(slice_of(policies[i].text), a, &p);

		if ((problem == NULL) != policies[i].is_good ||
		    p.mode != policies[i].mode ||
		    p.max_age_s != policies[i].max_age_s ||
		    p.pattern_count != policies[i].patterns)
			fail_msg("%s: %s", policies[i].name,
				 problem != NULL ? problem : "not as wanted");
	}
}

static void test_bounds(void **state)
{
	static const char head[] = V "mode: enforce\nmax_age: 1\n";
	struct slice parts[STS_PATTERNS_MAX + 2] = { slice_of(head) };
	struct sts_policy p = { .mode = STS_NONE };
	char *big = calloc(1, STS_POLICY_OCTETS + 2);

	(void)state;
	for (size_t i = 1; i < STS_PATTERNS_MAX + 2; i++)
		parts[i] = S("mx: a.example\n");
	assert_null(sts_policy_parse(arena_join(a, parts, STS_PATTERNS_MAX + 1),
				     a, &p));
	assert_int_equal(p.pattern_count, STS_PATTERNS_MAX);
	assert_non_null(sts_policy_parse(
		arena_join(a, parts, STS_PATTERNS_MAX + 2), a, &p));
	assert_non_null(big);
	memset(big, '\n', STS_POLICY_OCTETS + 1);
	memcpy(big, V "mode: none\nmax_age: 1\n",
	       sizeof(V "mode: none\nmax_age: 1\n") - 1);
	assert_null(sts_policy_parse((struct slice){ big, STS_POLICY_OCTETS },
				     a, &p));
	assert_non_null(sts_policy_parse(
		(struct slice){ big, STS_POLICY_OCTETS + 1 }, a, &p));
	free(big);
}

static const struct {
	const char *name, *host;
	bool want;
} hosts[] = {
	{ "the very name", "mail.example.com", true },
	{ "below a name", "a.mail.example.com", false },
	{ "one label for the star", "a.example.net", true },
	{ "two labels for it", "a.b.example.net", false },
	{ "none for it", "example.net", false },
	{ "the end alone", "aexample.net", false },
	{ "another", "mail.example.org", false },
	{ "nobody", "", false },
};

static void test_hosts(void **state)
{
	struct sts_policy p = { .mode = STS_NONE };

	(void)state;
	assert_null(sts_policy_parse(S(V "mode: enforce\nmx: Mail.Example.com\n"
					 "mx: *.EXAMPLE.net\nmax_age: 1\n"),
				     a, &p));
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (sts_policy_names(&p, slice_of(hosts[i].host)) !=
		    hosts[i].want)
			fail_msg("%s", hosts[i].name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_policies, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hosts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
