#include "lookup/reverse.h"

#include "base/mem.h"
#include "test/unit/dns/fake_dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ANSWERS = 4, RECORDS = 2 };

#define ARPA                                                                   \
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"      \
	".ip6.arpa"
#define IP6(last)                                                              \
	SLICE("\x20\1\xd\xb8\0\0\0\0"                                          \
	      "\0\0\0\0\0\0\0" last)
#define MX_ORG    SLICE("\2mx\3org\0")
#define OTHER_ORG SLICE("\5other\3org\0")

struct given {
	const char *name;
	enum dns_type type;
	enum dns_result result;
	struct slice records[RECORDS];
};

struct world {
	struct event_base *base;
	struct dns *dns;
	struct reverse *reverse;
	const struct given *answers; /* anything else: DNS_NO_NAME */
	unsigned done;
};

static const struct dns_answer *find(struct slice name, enum dns_type type,
				     void *arg)
{
	static struct dns_answer answer;
	const struct world *w = arg;

	answer = (struct dns_answer){ .result = DNS_NO_NAME };
	for (size_t i = 0; i < ANSWERS && w->answers[i].name != NULL; i++) {
		const struct given *g = &w->answers[i];

		if (g->type != type || !slice_equal(slice_of(g->name), name))
			continue;
		answer.result = g->result;
		answer.records = g->records;
		while (answer.count < RECORDS && g->records[answer.count].n > 0)
			answer.count++;
	}
	return &answer;
}

static bool no_address(uint8_t ret_address[16])
{
	(void)ret_address;
	return false;
}

static bool an_address(uint8_t ret_address[16])
{
	static const struct slice address = IP6("\1");

	memcpy(ret_address, address.p, address.n);
	return true;
}

static void on_done(void *arg)
{
	struct world *w = arg;

	w->done++;
}

static void turn(struct world *w)
{
	do
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	while (fake_dns_answer_one(w->dns));
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void make(struct world *w, reverse_find *address)
{
	*w = (struct world){ .base = event_base_new() };
	w->dns = fake_dns_new(find, w);
	w->reverse = reverse_new(w->base, w->dns, address);
}

static void end(struct world *w)
{
	reverse_free(&w->reverse);
	assert_int_equal(fake_dns_open(w->dns), 0);
	fake_dns_free(&w->dns);
	event_base_free(w->base);
}

static void ask(struct world *w)
{
	unsigned before = w->done;

	(void)reverse_ask(w->reverse, on_done, w);
	assert_int_equal(w->done, before); /* never from within */
	turn(w);
	assert_int_equal(w->done, before + 1);
}

static const struct {
	const char *name;
	struct given answers[ANSWERS];
	bool uses_ipv6;
	const char *want; /* part of the reason */
} cases[] = {
	{ "a name that leads back",
	  { { ARPA, DNS_PTR, DNS_DATA, { MX_ORG } },
	    { "mx.org", DNS_AAAA, DNS_DATA, { IP6("\2"), IP6("\1") } } },
	  true,
	  "2001:db8::1 is mx.org, and leads back" },
	{ "no name", { { NULL } }, false, "2001:db8::1 has no name in DNS" },
	{ "a name without addresses",
	  { { ARPA, DNS_PTR, DNS_DATA, { MX_ORG } } },
	  false,
	  "2001:db8::1 is mx.org in DNS, which does not lead back" },
	{ "a name that leads elsewhere",
	  { { ARPA, DNS_PTR, DNS_DATA, { MX_ORG } },
	    { "mx.org", DNS_AAAA, DNS_DATA, { IP6("\2") } } },
	  false,
	  "does not lead back" },
	{ "an IPv4 address is not the same",
	  { { ARPA, DNS_PTR, DNS_DATA, { MX_ORG } },
	    { "mx.org", DNS_AAAA, DNS_DATA, { SLICE("\x20\1\xd\xb8") } } },
	  false,
	  "does not lead back" },
	{ "the second of its names leads back",
	  { { ARPA, DNS_PTR, DNS_DATA, { OTHER_ORG, MX_ORG } },
	    { "other.org", DNS_AAAA, DNS_FAILED, { { 0 } } },
	    { "mx.org", DNS_AAAA, DNS_DATA, { IP6("\1") } } },
	  true,
	  "is mx.org" },
	{ "what is no name",
	  { { ARPA, DNS_PTR, DNS_DATA, { SLICE("\77x"), SLICE("\0") } } },
	  false,
	  "has no name" },
	{ "no answer",
	  { { ARPA, DNS_PTR, DNS_FAILED, { { 0 } } } },
	  false,
	  "DNS does not answer" },
	{ "a forged answer",
	  { { ARPA, DNS_PTR, DNS_DATA, { MX_ORG } },
	    { "mx.org", DNS_AAAA, DNS_BOGUS, { { 0 } } } },
	  false,
	  "DNS does not answer" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		print_message("%s\n", cases[i].name);
		make(&w, an_address);
		w.answers = cases[i].answers;
		reverse_configure(w.reverse, "auto", "");
		ask(&w);
		assert_int_equal(reverse_uses_ipv6(w.reverse),
				 cases[i].uses_ipv6);
		assert_non_null(
			strstr(reverse_reason(w.reverse).p, cases[i].want));
		end(&w);
	}
}

static void test_what_needs_no_question(void **state)
{
	struct world w;

	(void)state;
	make(&w, no_address);
	w.answers = cases[0].answers;
	reverse_configure(w.reverse, "yes", "");
	ask(&w);
	assert_true(reverse_uses_ipv6(w.reverse));
	reverse_configure(w.reverse, "no", "2001:db8::1");
	ask(&w);
	assert_false(reverse_uses_ipv6(w.reverse));
	assert_string_equal(reverse_reason(w.reverse).p, "outbound_ipv6 is no");
	reverse_configure(w.reverse, "auto", "");
	ask(&w);
	assert_false(reverse_uses_ipv6(w.reverse));
	assert_non_null(strstr(reverse_reason(w.reverse).p, "no way"));
	assert_int_equal(fake_dns_asked(w.dns), 0);
	/* The address that is configured counts, and not the kernel's. */
	reverse_configure(w.reverse, "auto", "2001:db8::1");
	ask(&w);
	assert_true(reverse_uses_ipv6(w.reverse));
	end(&w);
}

static void test_it_is_kept(void **state)
{
	struct world w;

	(void)state;
	make(&w, an_address);
	w.answers = cases[0].answers;
	reverse_configure(w.reverse, "auto", "");
	ask(&w);
	w.answers = cases[1].answers;
	ask(&w);
	reverse_configure(w.reverse, "auto", ""); /* the same */
	ask(&w);
	assert_int_equal(fake_dns_asked(w.dns), 2);
	assert_true(reverse_uses_ipv6(w.reverse));
	reverse_configure(w.reverse, "yes", "");
	reverse_configure(w.reverse, "auto", "");
	ask(&w);
	assert_false(reverse_uses_ipv6(w.reverse));
	end(&w);
}

/* Who waits while the configuration changes hears of the new one. */
static void test_a_change_while_it_is_asked(void **state)
{
	struct reverse_wait *wait;
	struct world w;

	(void)state;
	make(&w, an_address);
	w.answers = cases[0].answers;
	reverse_configure(w.reverse, "auto", "2001:db8::2");
	(void)reverse_ask(w.reverse, on_done, &w);
	wait = reverse_ask(w.reverse, on_done, &w);
	reverse_cancel(&wait);
	assert_null(wait);
	assert_int_equal(fake_dns_open(w.dns), 1);
	reverse_configure(w.reverse, "auto", "2001:db8::1");
	assert_int_equal(fake_dns_open(w.dns), 1);
	turn(&w);
	assert_int_equal(w.done, 1);
	assert_true(reverse_uses_ipv6(w.reverse));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_what_needs_no_question),
		cmocka_unit_test(test_it_is_kept),
		cmocka_unit_test(test_a_change_while_it_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
