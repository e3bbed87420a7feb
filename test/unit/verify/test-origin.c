#include "verify/origin.h"

#include "base/mem.h"
#include "mail/dmarc_record.h"
#include "test/unit/verify/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 6, RESULTS = 3 };

static const _Atomic uint64_t never = UINT64_MAX, passed = 0;

#define OWN "Received: from a.example by us.example; today\r\n"

/* RFC 8463 A.3 */
#define SIGNATURE                                                              \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"        \
	" d=football.example.com; i=@football.example.com;\r\n"                \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"              \
	" subject : date : message-id : from : subject : date;\r\n"            \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"      \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
#define HEADER                                                                 \
	"From: Joe SixPack <joe@football.example.com>\r\n"                     \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"                         \
	"Subject: Is dinner ready?\r\n"                                        \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                      \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"     \
	"\r\n"
#define BODY "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"

#define KEY                                                                    \
	"brisbane._domainkey.football.example.com TXT v=DKIM1; k=ed25519; "    \
	"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define REJECT "_dmarc.football.example.com TXT v=DMARC1; p=reject"
#define PASSES                                                                 \
	"dkim=pass header.d=football.example.com "                             \
	"header.i=\"@football.example.com\" header.s=brisbane "                \
	"header.a=ed25519-sha256 header.b=\"/gCrinpc\""

static const struct {
	const char *name;
	const char *message;
	const char *zone[LINES];
	enum authres_result spf;
	const char *spf_domain;
	const char *results[RESULTS];
	enum authres_result dmarc, alignment;
	enum dmarc_policy policy;
} cases[] = {
	{ "a signature, and a policy",
	  SIGNATURE HEADER BODY,
	  { KEY, REJECT },
	  AUTHRES_NONE,
	  "",
	  { PASSES, "dmarc=pass header.from=football.example.com "
		    "policy.dmarc=reject" },
	  AUTHRES_PASS,
	  AUTHRES_PASS,
	  DMARC_NONE },
	{ "a signature alone",
	  SIGNATURE HEADER BODY,
	  { KEY },
	  AUTHRES_NONE,
	  "",
	  { PASSES, "dmarc=none header.from=football.example.com" },
	  AUTHRES_NONE,
	  AUTHRES_PASS,
	  DMARC_NONE },
	{ "neither",
	  HEADER BODY,
	  { REJECT },
	  AUTHRES_FAIL,
	  "football.example.com",
	  { "dkim=none", "dmarc=fail header.from=football.example.com "
			 "policy.dmarc=reject" },
	  AUTHRES_FAIL,
	  AUTHRES_FAIL,
	  DMARC_REJECT },
	{ "SPF",
	  HEADER BODY,
	  { REJECT },
	  AUTHRES_PASS,
	  "football.example.com",
	  { "dkim=none", "dmarc=pass header.from=football.example.com "
			 "policy.dmarc=reject" },
	  AUTHRES_PASS,
	  AUTHRES_PASS,
	  DMARC_NONE },
	{ "SPF of somebody else",
	  HEADER BODY,
	  { REJECT },
	  AUTHRES_PASS,
	  "else.example",
	  { "dkim=none", "dmarc=fail header.from=football.example.com "
			 "policy.dmarc=reject" },
	  AUTHRES_FAIL,
	  AUTHRES_FAIL,
	  DMARC_REJECT },
	{ "DNS is silent about the key",
	  SIGNATURE HEADER BODY,
	  { "brisbane._domainkey.football.example.com FAIL", REJECT },
	  AUTHRES_NONE,
	  "",
	  { NULL },
	  AUTHRES_TEMPERROR,
	  AUTHRES_TEMPERROR,
	  DMARC_NONE },
	{ "DNS is silent about the policy",
	  SIGNATURE HEADER BODY,
	  { KEY, "_dmarc.football.example.com FAIL" },
	  AUTHRES_NONE,
	  "",
	  { PASSES, "dmarc=temperror header.from=football.example.com" },
	  AUTHRES_TEMPERROR,
	  AUTHRES_PASS,
	  DMARC_NONE },
	{ "two From",
	  "From: a@b.example\r\n" HEADER BODY,
	  { REJECT },
	  AUTHRES_NONE,
	  "",
	  { NULL },
	  AUTHRES_PERMERROR,
	  AUTHRES_FAIL,
	  DMARC_REJECT },
	{ "no header",
	  "hello",
	  { REJECT },
	  AUTHRES_NONE,
	  "",
	  { NULL },
	  AUTHRES_NONE,
	  AUTHRES_FAIL,
	  DMARC_NONE },
};

static int content(const char *own, const char *message)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert_true(write(fd, own, strlen(own)) >= 0);
	assert_true(write(fd, message, strlen(message)) >= 0);
	return fd;
}

static void run_case(size_t i)
{
	AUTO(arena_free) struct arena *arena = arena_new(ORIGIN_ARENA_OCTETS);
	struct zone *z = zone_new(arena);
	const struct spf_world world = { .ask = zone_ask, .arg = z };
	AUTO(fd_close) int fd = content(OWN, cases[i].message);
	const struct msg_verify message = {
		.content_octets = strlen(OWN) + strlen(cases[i].message),
		.own_octets = strlen(OWN),
		.spf_result = cases[i].spf,
		.spf_domain = slice_of(cases[i].spf_domain)
	};
	const struct origin_request request = { .fd = fd,
						.message = &message,
						.now_s = 1528638000,
						.deadline_ms = &never };
	struct msg_verified v;

	for (size_t k = 0; k < LINES && cases[i].zone[k] != NULL; k++)
		zone_add(z, slice_of(cases[i].zone[k]));
	origin_check(&world, &request, arena, &v);
	if (v.dmarc != cases[i].dmarc || v.policy != cases[i].policy ||
	    v.alignment != cases[i].alignment)
		fail_msg("%s: dmarc %u, policy %u, alignment %u (%.*s)",
			 cases[i].name, v.dmarc, v.policy, v.alignment,
			 (int)v.problem.n, v.problem.p);
	for (size_t k = 0; k < RESULTS && cases[i].results[k] != NULL; k++)
		if (k >= v.results.count ||
		    !slice_equal(v.results.items[k],
				 slice_of(cases[i].results[k])))
			fail_msg("%s: result %zu of %zu: %.*s", cases[i].name,
				 k, v.results.count, (int)v.results.items[k].n,
				 v.results.items[k].p);
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
}

/* What is not as long as it was said to be proves nothing. */
static void test_cut(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(ORIGIN_ARENA_OCTETS);
	const struct spf_world world = { .ask = zone_ask,
					 .arg = zone_new(arena) };
	AUTO(fd_close) int fd = content("", HEADER);
	const struct msg_verify messages[] = {
		{ .content_octets = sizeof(HEADER) + 1 },
		{ .content_octets = 10, .own_octets = 11 },
		{ .content_octets = 1ULL << 40 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct origin_request request = { .fd = fd,
							.message = &messages[i],
							.deadline_ms = &never };
		struct msg_verified v;

		origin_check(&world, &request, arena, &v);
		assert_int_equal(v.dmarc, AUTHRES_TEMPERROR);
		assert_int_equal(v.alignment, AUTHRES_TEMPERROR);
		assert_int_equal(v.results.count, 0);
		assert_true(v.problem.n > 0);
	}
}

/* A body that takes too long to hash is no reason to begin anew: what needs none
 * of it is known. */
static void test_late(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(ORIGIN_ARENA_OCTETS);
	struct zone *z = zone_new(arena);
	const struct spf_world world = { .ask = zone_ask, .arg = z };
	AUTO(fd_close) int fd = content("", SIGNATURE HEADER BODY);
	const struct msg_verify message = { .content_octets = strlen(
						    SIGNATURE HEADER BODY) };
	const struct origin_request request = { .fd = fd,
						.message = &message,
						.now_s = 1528638000,
						.deadline_ms = &passed };
	struct msg_verified v;

	(void)state;
	zone_add(z, S(KEY));
	zone_add(z, S(REJECT));
	origin_check(&world, &request, arena, &v);
	assert_int_equal(v.dmarc, AUTHRES_TEMPERROR);
	assert_int_equal(v.alignment, AUTHRES_TEMPERROR);
	assert_int_equal(v.policy, DMARC_NONE);
	assert_int_equal(v.from_domains.count, 1);
	assert_true(slice_starts(v.results.items[0], S("dkim=temperror ")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
