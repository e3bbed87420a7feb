#include "lookup/route.h"

#include "base/mem.h"
#include "test/unit/dns/fake_dns.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 4, ANSWERS = 12 };

#define A_ORG    "\1a\3org\0"
#define B_ORG    "\1b\3org\0"
#define SHA256   "0123456789abcdef0123456789abcdef"
#define USABLE   SLICE("\3\1\1" SHA256)
#define UNUSABLE SLICE("\1\1\1" SHA256)
#define IP(last) SLICE("\xc0\0\2" last)
#define IP6(last)                                                              \
	SLICE("\x20\1\xd\xb8\0\0\0\0"                                          \
	      "\0\0\0\0\0\0\0" last)

struct given {
	const char *name;
	enum dns_type type;
	enum dns_result result;
	bool is_secure;
	struct slice records[RECORDS];
	struct slice canonical;
};

struct route_case {
	const char *name;
	struct slice domain;
	struct slice via[2];
	struct given answers[ANSWERS]; /* anything else: DNS_NO_NAME */
	enum route_result result;
	/* "preference name address...;": S secure, D DANE, U unusable, B bogus
	 * behind it; or a part of the problem */
	const char *want;
};

static const struct route_case cases[] = {
	{ "the better one first",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\24" B_ORG), SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, false, { IP("\1") }, SLICE("") },
	    { "b.org", DNS_A, DNS_DATA, false, { IP("\2") }, SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1;20 b.org 192.0.2.2;" },
	{ "IPv6 before IPv4",
	  SLICE("X.Org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, false, { IP("\1") }, SLICE("") },
	    { "a.org", DNS_AAAA, DNS_DATA, false, { IP6("\1") }, SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 2001:db8::1 192.0.2.1;" },
	{ "no MX: the domain itself",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org", DNS_MX, DNS_NO_DATA, false, { { 0 } }, SLICE("") },
	    { "x.org", DNS_A, DNS_DATA, false, { IP("\1") }, SLICE("") } },
	  ROUTE_HOSTS,
	  "0 x.org 192.0.2.1;" },
	{ "no MX: what it is an alias of",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org", DNS_MX, DNS_NO_DATA, false, { { 0 } }, SLICE("A.org.") },
	    { "a.org", DNS_A, DNS_DATA, false, { IP("\1") }, SLICE("") } },
	  ROUTE_HOSTS,
	  "0 a.org 192.0.2.1;" },
	{ "an alias of what is no host",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_NO_DATA,
	      false,
	      { { 0 } },
	      SLICE("a\\.b c.org.") } },
	  ROUTE_NO_HOST,
	  "alias" },
	{ "an MX that is an alias keeps its name",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org",
	      DNS_A,
	      DNS_DATA,
	      false,
	      { IP("\1") },
	      SLICE("b.org.") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1;" },
	{ "null MX",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\0\0") },
	      SLICE("") } },
	  ROUTE_NULL_MX,
	  "takes no mail" },
	{ "no such domain",
	  SLICE("x.org"),
	  { { 0 } },
	  { { 0 } },
	  ROUTE_NO_DOMAIN,
	  "x.org: there is no such domain" },
	{ "a literal",
	  SLICE("[192.0.2.1]"),
	  { { 0 } },
	  { { 0 } },
	  ROUTE_NO_DOMAIN,
	  "literals" },
	{ "no domain at all",
	  SLICE("x..org"),
	  { { 0 } },
	  { { 0 } },
	  ROUTE_NO_DOMAIN,
	  "this is no domain" },
	{ "MX records that are broken",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\12"), SLICE("\0\12\3a.b\0"), SLICE("\0\12\1a"),
		SLICE("\0\12\1a\0\0") },
	      SLICE("") } },
	  ROUTE_NO_HOST,
	  "none of its MX" },
	{ "DNS is in trouble",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org", DNS_MX, DNS_FAILED, false, { { 0 } }, SLICE("") } },
	  ROUTE_TRY_LATER,
	  "x.org: DNS: why" },
	{ "bogus MX",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org", DNS_MX, DNS_BOGUS, false, { { 0 } }, SLICE("") } },
	  ROUTE_TRY_LATER,
	  "x.org: DNSSEC validation failed: why" },
	{ "the only host's addresses are bogus",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_BOGUS, false, { { 0 } }, SLICE("") } },
	  ROUTE_TRY_LATER,
	  "DNSSEC" },
	{ "one of two families fails",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("") },
	    { "a.org", DNS_AAAA, DNS_FAILED, false, { { 0 } }, SLICE("") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_DATA,
	      true,
	      { USABLE },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S D1;" },
	{ "hosts without addresses",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org",
	      DNS_A,
	      DNS_DATA,
	      false,
	      { SLICE("\0\0\0\0"), SLICE("\1\2\3"), SLICE("\xe0\0\0\1") },
	      SLICE("") } },
	  ROUTE_NO_HOST,
	  "has an address" },
	{ "ourselves by name",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\12" A_ORG), SLICE("\0\24\2us\3org\0"),
		SLICE("\0\24" B_ORG), SLICE("\0\36\1c\3org\0") },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, false, { IP("\1") }, SLICE("") },
	    { "b.org", DNS_A, DNS_DATA, false, { IP("\2") }, SLICE("") },
	    { "c.org", DNS_A, DNS_DATA, false, { IP("\3") }, SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1;" },
	{ "ourselves by address, and nobody better",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      false,
	      { SLICE("\0\12" A_ORG), SLICE("\0\24" B_ORG) },
	      SLICE("") },
	    { "a.org",
	      DNS_A,
	      DNS_DATA,
	      false,
	      { IP("\1"), IP("\xff") },
	      SLICE("") },
	    { "b.org", DNS_A, DNS_FAILED, false, { { 0 } }, SLICE("") } },
	  ROUTE_LOOP,
	  "loops back to us" },
	{ "TLSA, usable and not",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_DATA,
	      true,
	      { UNUSABLE, USABLE, SLICE("\3\1\1" SHA256 "?"), USABLE },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S D2;" },
	{ "TLSA, none usable",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_DATA,
	      true,
	      { UNUSABLE },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S U;" },
	{ "TLSA that is not signed is none",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_DATA,
	      false,
	      { USABLE },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S;" },
	{ "TLSA that cannot be had",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG), SLICE("\0\24" B_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("") },
	    { "b.org", DNS_A, DNS_DATA, true, { IP("\2") }, SLICE("") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_FAILED,
	      false,
	      { { 0 } },
	      SLICE("") },
	    { "_25._tcp.b.org",
	      DNS_TLSA,
	      DNS_BOGUS,
	      false,
	      { { 0 } },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S B;20 b.org 192.0.2.2 S B;" },
	{ "TLSA at the end of aliases",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("b.org.") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_BOGUS,
	      false,
	      { { 0 } },
	      SLICE("") },
	    { "_25._tcp.b.org",
	      DNS_TLSA,
	      DNS_DATA,
	      true,
	      { USABLE },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S D1;" },
	{ "TLSA under the first name, none at the end of aliases",
	  SLICE("x.org"),
	  { { 0 } },
	  { { "x.org",
	      DNS_MX,
	      DNS_DATA,
	      true,
	      { SLICE("\0\12" A_ORG) },
	      SLICE("") },
	    { "a.org", DNS_A, DNS_DATA, true, { IP("\1") }, SLICE("b.org.") },
	    { "_25._tcp.a.org",
	      DNS_TLSA,
	      DNS_DATA,
	      true,
	      { USABLE },
	      SLICE("") } },
	  ROUTE_HOSTS,
	  "10 a.org 192.0.2.1 S D1;" },
	{ "hosts of the caller's, in its order, an address among them",
	  SLICE("x.org"),
	  { SLICE("b.org"), SLICE("[192.0.2.9]") },
	  { { "b.org", DNS_A, DNS_DATA, false, { IP("\2") }, SLICE("") } },
	  ROUTE_HOSTS,
	  "0 b.org 192.0.2.2;1 [192.0.2.9] 192.0.2.9;" },
	{ "nothing but addresses",
	  SLICE("x.org"),
	  { SLICE("[IPv6:2001:db8::9]"), SLICE("192.0.2.9") },
	  { { 0 } },
	  ROUTE_HOSTS,
	  "0 [IPv6:2001:db8::9] 2001:db8::9;1 192.0.2.9 192.0.2.9;" },
	{ "a host that is not there",
	  SLICE("x.org"),
	  { SLICE("b.org") },
	  { { 0 } },
	  ROUTE_NO_HOST,
	  "x.org: no host" },
};

/* --- the fakes ------------------------------------------------------------------ */

struct world {
	const struct route_case *c;
	struct dns_answer answer;
	struct route_world route;
	bool is_done;
	struct route_answer got;
	struct slices got_names;
	char hosts[2048], problem[512];
};

static const struct dns_answer *find(struct slice name, enum dns_type type,
				     void *arg)
{
	struct world *w = arg;

	w->answer = (struct dns_answer){ .result = DNS_NO_NAME };
	for (size_t i = 0; i < ANSWERS; i++) {
		const struct given *g = &w->c->answers[i];

		if (g->name == NULL || g->type != type ||
		    !slice_equal(slice_of(g->name), name))
			continue;
		w->answer.result = g->result;
		w->answer.is_secure = g->is_secure;
		w->answer.canonical = g->canonical;
		w->answer.problem = S("why");
		w->answer.records = g->records;
		while (g->result == DNS_DATA && w->answer.count < RECORDS &&
		       g->records[w->answer.count].n > 0)
			w->answer.count++;
	}
	return &w->answer;
}

static bool is_own(struct slice address, void *arg)
{
	(void)arg;
	return slice_equal(address, S("192.0.2.255"));
}

static void write_host(struct world *w, const struct host *h)
{
	size_t n = strlen(w->hosts);
	FILE *f = fmemopen(w->hosts + n, sizeof(w->hosts) - n, "w");

	(void)fprintf(f, "%u %.*s", h->preference, (int)h->name.n, h->name.p);
	for (size_t i = 0; i < h->addresses.count; i++)
		(void)fprintf(f, " %.*s", (int)h->addresses.items[i].n,
			      h->addresses.items[i].p);
	if (h->is_secure)
		(void)fputs(" S", f);
	if (h->is_tlsa_bogus)
		(void)fputs(" B", f);
	else if (h->has_tlsa && h->tlsa.count > 0)
		(void)fprintf(f, " D%zu", h->tlsa.count);
	else if (h->has_tlsa)
		(void)fputs(" U", f);
	(void)fputs(";", f);
	(void)fclose(f);
}

static void on_route(const struct route_answer *answer, void *arg)
{
	struct world *w = arg;

	assert_false(w->is_done);
	w->is_done = true;
	w->got = *answer;
	for (size_t i = 0; i < answer->hosts.count; i++)
		write_host(w, &answer->hosts.items[i]);
	(void)snprintf(w->problem, sizeof(w->problem), "%.*s",
		       (int)answer->problem.n, answer->problem.p);
}

static struct route *start(struct world *w, const struct route_case *c)
{
	*w = (struct world){ .c = c };
	w->route = (struct route_world){ .base = event_base_new(),
					 .dns = fake_dns_new(find, w),
					 .hostname = SLICE("Us.org"),
					 .is_own = is_own };
	return route_start(&w->route, c->domain,
			   (struct slices){ c->via, (c->via[0].n > 0) +
							    (c->via[1].n > 0) },
			   on_route, w);
}

static void run(struct world *w)
{
	while (fake_dns_answer_one(w->route.dns))
		;
	(void)event_base_loop(w->route.base, EVLOOP_NONBLOCK);
}

static void end(struct world *w)
{
	assert_int_equal(fake_dns_open(w->route.dns), 0);
	fake_dns_free(&w->route.dns);
	event_base_free(w->route.base);
}

/* --- the tests -------------------------------------------------------------------- */

static void check(const struct world *w)
{
	const struct route_case *c = w->c;

	if (!w->is_done)
		fail_msg("%s: no answer", c->name);
	if (w->got.result != c->result)
		fail_msg("%s: result %d: %s", c->name, (int)w->got.result,
			 w->problem);
	if (c->result == ROUTE_HOSTS ? strcmp(w->hosts, c->want) != 0
				     : strstr(w->problem, c->want) == NULL)
		fail_msg("%s: %s%s", c->name, w->hosts, w->problem);
}

static void test_routes(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)start(&w, &cases[i]);
		assert_false(w.is_done);
		run(&w);
		check(&w);
		end(&w);
	}
}

/* At each step: nothing is left, and nobody is told. */
static void test_cancel(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t steps = 0; steps < 8; steps++) {
			struct route *r = start(&w, &cases[i]);

			for (size_t k = 0; k < steps; k++)
				(void)fake_dns_answer_one(w.route.dns);
			if (!w.is_done)
				route_cancel(&r);
			(void)event_base_loop(w.route.base, EVLOOP_NONBLOCK);
			end(&w);
		}
}

static void test_secure_only_if_mx_is(void **state)
{
	static const bool want[] = { false, true };
	struct route_case c = cases[0];
	struct world w;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		c.answers[0].is_secure = want[i];
		(void)start(&w, &c);
		run(&w);
		assert_int_equal(w.got.is_secure, want[i]);
		end(&w);
	}
}

static void test_equal_preferences_are_mixed(void **state)
{
	static const struct route_case c = {
		.domain = SLICE("x.org"),
		.answers = { { "x.org",
			       DNS_MX,
			       DNS_DATA,
			       false,
			       { SLICE("\0\12" A_ORG), SLICE("\0\12" B_ORG),
				 SLICE("\0\5\1c\3org\0") },
			       SLICE("") },
			     { "a.org",
			       DNS_A,
			       DNS_DATA,
			       false,
			       { IP("\1") },
			       SLICE("") },
			     { "b.org",
			       DNS_A,
			       DNS_DATA,
			       false,
			       { IP("\2") },
			       SLICE("") },
			     { "c.org",
			       DNS_A,
			       DNS_DATA,
			       false,
			       { IP("\3") },
			       SLICE("") } }
	};
	unsigned a_first = 0;
	struct world w;

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		(void)start(&w, &c);
		run(&w);
		assert_memory_equal(w.hosts, "5 c.org", 7);
		a_first +=
			strstr(w.hosts, ";10 a.org 192.0.2.1;10 b.org") != NULL;
		end(&w);
	}
	assert_in_range(a_first, 40, 160);
}

/* Whoever is asked for 100 hosts with 100 addresses each. */
static const struct dns_answer *find_many(struct slice name, enum dns_type type,
					  void *arg)
{
	static char octets[DNS_RECORDS_MAX][16];
	static struct slice records[DNS_RECORDS_MAX];
	static struct dns_answer answer;
	bool is_ipv4 = type == DNS_A;

	(void)name;
	(void)arg;
	for (size_t i = 0; i < DNS_RECORDS_MAX; i++) {
		const char mx[] = { 0, (char)(100 - i),
				    1, (char)('a' + i / 10),
				    1, (char)('a' + i % 10),
				    0 };
		const char ip[16] = { 32, 1, 2, (char)i };

		memcpy(octets[i], type == DNS_MX ? mx : ip,
		       type == DNS_MX ? sizeof(mx) : sizeof(ip));
		records[i].p = octets[i];
		records[i].n = type == DNS_MX ? sizeof(mx) : is_ipv4 ? 4 : 16;
	}
	answer = (struct dns_answer){ .result = type == DNS_TLSA ? DNS_NO_DATA
								 : DNS_DATA,
				      .records = records,
				      .count = DNS_RECORDS_MAX };
	return &answer;
}

static void test_bounds(void **state)
{
	static const struct route_case c = { .domain = SLICE("x.org") };
	struct world w;
	struct dns *many;

	(void)state;
	(void)start(&w, &c);
	run(&w); /* no such domain */
	assert_int_equal(w.got.result, ROUTE_NO_DOMAIN);
	many = fake_dns_new(find_many, &w);
	fake_dns_free(&w.route.dns);
	w.route.dns = many;
	w.is_done = false;
	(void)route_start(&w.route, c.domain, (struct slices){ 0 }, on_route,
			  &w);
	run(&w);
	assert_int_equal(w.got.result, ROUTE_HOSTS);
	assert_int_equal(w.got.hosts.count, ROUTE_HOSTS_MAX);
	assert_int_equal(fake_dns_asked(many), 1 + 2 * ROUTE_HOSTS_MAX);
	assert_memory_equal(w.hosts, "1 j.j 20", 8);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_secure_only_if_mx_is),
		cmocka_unit_test(test_equal_preferences_are_mixed),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
