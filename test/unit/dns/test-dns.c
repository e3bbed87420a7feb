#include "dns/dns.h"

#include "base/list.h"
#include "base/mem.h"
#include "dns/unbound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TYPE_SOA = 6, TYPE_DNSKEY = 48 };

/* --- libunbound's place ------------------------------------------------------------ */

struct asked {
	TAILQ_ENTRY(asked) entry;
	int id;
	char name[64];
	int type;
	unbound_done *done;
	void *arg;
};

struct unbound {
	bool has_anchors;
	char first[64]; /* whom it asks; empty: the servers of DNS */
	/* cppcheck-suppress unusedStructMember ; the macros use them */
	TAILQ_HEAD(, asked) questions;
};

/* The contexts there are, the newest last. */
static struct {
	struct unbound *all[16];
	size_t count, made;
	int last_id;
	bool refuses;
} fake;

struct unbound *unbound_new(struct event_base *base,
			    const char *const *addresses, size_t count,
			    struct slice anchors)
{
	struct unbound *u = mem_new(sizeof(*u));

	(void)base;
	if (count > 0)
		(void)strncpy(u->first, addresses[0], sizeof(u->first) - 1);
	u->has_anchors = anchors.n > 0;
	TAILQ_INIT(&u->questions);
	fake.all[fake.count++] = u;
	fake.made++;
	return u;
}

static void asked_free(struct unbound *u, struct asked *a)
{
	TAILQ_REMOVE(&u->questions, a, entry);
	mem_free(&a);
}

void unbound_free(struct unbound **unbound)
{
	struct asked *a;
	size_t i = 0;

	if (*unbound == NULL)
		return;
	while ((a = TAILQ_FIRST(&(*unbound)->questions)) != NULL)
		asked_free(*unbound, a);
	while (fake.all[i] != *unbound)
		i++;
	for (fake.count--; i < fake.count; i++)
		fake.all[i] = fake.all[i + 1];
	mem_free(unbound);
}

/* NOLINTNEXTLINE(readability-function-size): unbound.h's */
int unbound_ask(struct unbound *u, const char *name, int type,
		unbound_done *done, void *arg, int *ret_id)
{
	struct asked *a;

	if (fake.refuses)
		return UB_PIPE;
	a = mem_new(sizeof(*a));
	a->id = *ret_id = ++fake.last_id;
	(void)strncpy(a->name, name, sizeof(a->name) - 1);
	a->type = type;
	a->done = done;
	a->arg = arg;
	TAILQ_INSERT_TAIL(&u->questions, a, entry);
	return 0;
}

void unbound_cancel(struct unbound *u, int id)
{
	struct asked *a;

	TAILQ_FOREACH(a, &u->questions, entry)
		if (a->id == id)
			break;
	assert_non_null(a);
	if (a != NULL)
		asked_free(u, a);
}

/* The oldest question of the newest context with or without anchors. */
static struct asked *oldest(bool has_anchors, struct unbound **ret_unbound)
{
	for (size_t i = fake.count; i > 0; i--) {
		*ret_unbound = fake.all[i - 1];
		if ((*ret_unbound)->has_anchors == has_anchors)
			return TAILQ_FIRST(&(*ret_unbound)->questions);
	}
	return NULL;
}

/* Answers it, once it is seen that it is that one. */
static void answer(bool has_anchors, const char *name, int type,
		   const struct ub_result *result)
{
	struct unbound *u;
	struct asked *a = oldest(has_anchors, &u);
	struct asked copy;

	if (a == NULL) {
		fail_msg("%s was not asked", name);
		return;
	}
	assert_string_equal(a->name, name);
	assert_int_equal(a->type, type);
	copy = *a;
	asked_free(u, a);
	copy.done(0, result, copy.arg);
}

static bool is_asked(bool has_anchors)
{
	struct unbound *u;

	return oldest(has_anchors, &u) != NULL;
}

/* --- what it says -------------------------------------------------------------------- */

static char a_record[] = "\300\0\2\1";
static char *a_data[] = { a_record, NULL };
static int a_len[] = { 4, 0 };
static char qname[] = "a.org", other[] = "B.org.", same[] = "A.org.",
	    why[] = "signature expired";

static const struct ub_result secure = {
	.qname = qname, .data = a_data, .len = a_len, .havedata = 1, .secure = 1
};
static const struct ub_result plain = { .qname = qname,
					.data = a_data,
					.len = a_len,
					.canonname = same,
					.havedata = 1 };
static const struct ub_result bogus = { .qname = qname,
					.data = a_data,
					.len = a_len,
					.havedata = 1,
					.bogus = 1,
					.why_bogus = why };
static const struct ub_result servfail = { .qname = qname, .rcode = 2 };

/* --- the world ------------------------------------------------------------------------ */

struct world {
	struct event_base *base;
	struct dns *dns;
	unsigned answers;
	struct dns_answer got;
	struct slice record; /* the first */
	char problem[64];
};

static void on_answer(const struct dns_answer *got, void *arg)
{
	struct world *w = arg;

	w->answers++;
	w->got = *got;
	if (got->count > 0)
		w->record = got->records[0];
	assert_true(got->problem.n < sizeof(w->problem));
	memset(w->problem, 0, sizeof(w->problem));
	if (got->problem.n > 0)
		memcpy(w->problem, got->problem.p, got->problem.n);
}

static struct dns_config config_of(const char *const *resolver,
				   const char *anchors)
{
	return (struct dns_config){ .resolvers = resolver,
				    .resolver_count = 1,
				    .anchors = slice_of(anchors),
				    .timeout_ms = 60000,
				    .recheck_ms = 60000 };
}

static const char *const here = "127.0.0.1", *const there = "127.0.0.2";

static void set_up(struct world *w, const char *anchors)
{
	struct dns_config config = config_of(&here, anchors);

	memset(&fake, 0, sizeof(fake));
	*w = (struct world){ .base = event_base_new() };
	w->dns = dns_new(w->base, &config);
}

static void tear_down(struct world *w)
{
	dns_free(&w->dns);
	event_base_free(w->base);
	assert_int_equal(fake.count, 0);
}

static struct dns_query *ask(struct world *w)
{
	unsigned answers = w->answers;
	struct dns_query *q = dns_ask(w->dns, S("a.org"), DNS_A, on_answer, w);

	assert_int_equal(w->answers, answers);
	return q;
}

static void turn(const struct world *w)
{
	(void)event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void validate(struct world *w)
{
	(void)ask(w);
	answer(true, ".", TYPE_DNSKEY, &secure);
	answer(true, "a.org", DNS_A, &secure);
	assert_int_equal(dns_mode(w->dns), DNS_VALIDATES);
}

/* --- the tests ------------------------------------------------------------------------- */

static void test_nothing_is_asked_unasked(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	turn(&w);
	assert_int_equal(fake.made, 0);
	assert_int_equal(dns_mode(w.dns), DNS_UNTRIED);
	tear_down(&w);
}

static void test_validated(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	(void)ask(&w);
	(void)ask(&w);
	answer(true, ".", TYPE_DNSKEY, &secure);
	assert_int_equal(w.answers, 0);
	answer(true, "a.org", DNS_A, &secure);
	assert_int_equal(w.got.result, DNS_DATA);
	assert_true(w.got.is_secure);
	assert_int_equal(w.got.count, 1);
	assert_memory_equal(w.record.p, a_record, 4);
	answer(true, "a.org", DNS_A, &plain);
	assert_int_equal(w.answers, 2);
	assert_false(w.got.is_secure);
	assert_int_equal(w.got.canonical.n, 0); /* the name itself */
	assert_int_equal(fake.made, 1);
	tear_down(&w);
}

static const struct {
	struct ub_result says;
	enum dns_result want;
	const char *problem;
} answers[] = {
	{ { .qname = qname, .secure = 1 }, DNS_NO_DATA, "" },
	{ { .qname = qname, .nxdomain = 1, .rcode = 3 }, DNS_NO_NAME, "" },
	{ { .qname = qname, .rcode = 2 }, DNS_FAILED, "SERVFAIL" },
	{ { .qname = qname, .rcode = 5 }, DNS_FAILED, "REFUSED" },
	{ { .qname = qname, .rcode = 77 }, DNS_FAILED, "response code 77" },
	{ { .qname = qname, .bogus = 1, .why_bogus = why },
	  DNS_BOGUS,
	  "signature expired" },
	{ { .qname = qname, .bogus = 1, .nxdomain = 1, .rcode = 3 },
	  DNS_BOGUS,
	  "" },
};

static void test_answers(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	validate(&w);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		(void)ask(&w);
		answer(true, "a.org", DNS_A, &answers[i].says);
		assert_int_equal(w.got.result, answers[i].want);
		assert_string_equal(w.problem, answers[i].problem);
		assert_int_equal(w.got.is_secure, answers[i].says.secure);
	}
	tear_down(&w);
}

static void test_alias(void **state)
{
	struct ub_result alias = secure;
	struct world w;

	(void)state;
	alias.canonname = other;
	set_up(&w, ". DS 1");
	validate(&w);
	(void)ask(&w);
	answer(true, "a.org", DNS_A, &alias);
	assert_true(slice_equal(w.got.canonical, S("B.org.")));
	tear_down(&w);
}

static void test_bogus_is_never_insecure_later(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	validate(&w);
	for (size_t i = 0; i < 3; i++) {
		(void)ask(&w);
		answer(true, "a.org", DNS_A, &bogus);
		assert_int_equal(w.got.result, DNS_BOGUS);
		assert_int_equal(w.got.count, 0);
		assert_false(w.got.is_secure);
	}
	assert_int_equal(dns_mode(w.dns), DNS_VALIDATES);
	assert_int_equal(fake.made, 1);
	tear_down(&w);
}

/* Whatever becomes of the keys: signatures do not come through. */
static void test_resolver_without_signatures(void **state)
{
	static const struct ub_result *const probes[] = { &bogus, &servfail,
							  &plain };
	struct world w;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set_up(&w, ". DS 1");
		(void)ask(&w);
		answer(true, ".", TYPE_DNSKEY, probes[i]);
		assert_int_equal(dns_mode(w.dns), DNS_UNTRIED);
		answer(false, ".", TYPE_SOA, &plain);
		assert_int_equal(dns_mode(w.dns), DNS_UNVALIDATED);
		answer(false, "a.org", DNS_A, &plain);
		assert_int_equal(w.got.result, DNS_DATA);
		assert_false(w.got.is_secure);
		assert_false(is_asked(true));
		tear_down(&w);
	}
}

/* What was asked before is answered by whom it was asked of. */
static void test_signatures_come_through_later(void **state)
{
	struct dns_config config = config_of(&here, ". DS 2");
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	config.recheck_ms = 0;
	dns_configure(w.dns, &config);
	(void)ask(&w);
	answer(true, ".", TYPE_DNSKEY, &servfail);
	answer(false, ".", TYPE_SOA, &plain);
	turn(&w);
	answer(true, ".", TYPE_DNSKEY, &bogus); /* not yet */
	assert_int_equal(dns_mode(w.dns), DNS_UNVALIDATED);
	turn(&w);
	answer(true, ".", TYPE_DNSKEY, &secure);
	assert_int_equal(dns_mode(w.dns), DNS_VALIDATES);
	answer(false, "a.org", DNS_A, &plain);
	assert_int_equal(w.answers, 1);
	(void)ask(&w);
	answer(true, "a.org", DNS_A, &secure);
	assert_true(w.got.is_secure);
	turn(&w);
	assert_false(is_asked(true));
	tear_down(&w);
}

static void test_nobody_answers(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	(void)ask(&w);
	answer(true, ".", TYPE_DNSKEY, &servfail);
	answer(false, ".", TYPE_SOA, &servfail);
	assert_int_equal(w.answers, 0);
	turn(&w);
	assert_int_equal(w.answers, 1);
	assert_int_equal(w.got.result, DNS_FAILED);
	assert_string_equal(w.problem, "no resolver answers");
	assert_int_equal(dns_mode(w.dns), DNS_UNTRIED);
	/* and for a moment nobody is asked again */
	(void)ask(&w);
	turn(&w);
	assert_int_equal(w.answers, 2);
	assert_int_equal(fake.made, 2);
	tear_down(&w);
}

static void test_without_anchors(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, "");
	(void)ask(&w);
	assert_int_equal(dns_mode(w.dns), DNS_UNVALIDATED);
	answer(false, "a.org", DNS_A, &plain);
	assert_int_equal(w.got.result, DNS_DATA);
	tear_down(&w);
}

static void test_configure(void **state)
{
	const struct dns_config same_config = config_of(&here, ". DS 1");
	const struct dns_config new_config = config_of(&there, ". DS 1");
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	validate(&w);
	(void)ask(&w);
	dns_configure(w.dns, &same_config);
	assert_int_equal(fake.made, 1);
	dns_configure(w.dns, &new_config);
	assert_int_equal(fake.made, 2);
	assert_int_equal(dns_mode(w.dns), DNS_UNTRIED);
	answer(true, ".", TYPE_DNSKEY, &secure);
	answer(true, "a.org", DNS_A, &secure);
	assert_int_equal(w.answers, 2);
	tear_down(&w);
}

static void test_cancel(void **state)
{
	struct dns_query *q;
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	q = ask(&w); /* waits for the probe */
	dns_cancel(&q);
	assert_null(q);
	answer(true, ".", TYPE_DNSKEY, &secure);
	assert_false(is_asked(true));
	q = ask(&w);
	assert_true(is_asked(true));
	dns_cancel(&q);
	assert_false(is_asked(true));
	assert_int_equal(w.answers, 0);
	tear_down(&w);
}

static void test_timeout(void **state)
{
	struct dns_config config = config_of(&here, ". DS 2");
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	config.timeout_ms = 0;
	dns_configure(w.dns, &config);
	(void)ask(&w); /* the probe is not answered */
	turn(&w);
	assert_string_equal(w.problem, "no resolver answers");
	answer(true, ".", TYPE_DNSKEY, &secure);
	(void)ask(&w);
	turn(&w);
	assert_int_equal(w.answers, 2);
	assert_string_equal(w.problem, "no answer in time");
	assert_false(is_asked(true));
	tear_down(&w);
}

static void test_libunbound_refuses(void **state)
{
	struct world w;

	(void)state;
	set_up(&w, ". DS 1");
	validate(&w);
	fake.refuses = true;
	(void)ask(&w);
	turn(&w);
	assert_int_equal(w.answers, 2);
	assert_int_equal(w.got.result, DNS_FAILED);
	tear_down(&w);
}

/* --- fall-backs ------------------------------------------------------------------------- */

static const char *const chain[] = { "local", "192.0.2.1", "192.0.2.2",
				     "recursion" };

static void set_up_chain(struct world *w, const char *const *resolver,
			 const char *anchors)
{
	struct dns_config config = config_of(resolver, anchors);

	config.resolver_count = resolver != NULL ? 1 : 0;
	config.fallbacks = chain;
	config.fallback_count = sizeof(chain) / sizeof(chain[0]);
	memset(&fake, 0, sizeof(fake));
	*w = (struct world){ .base = event_base_new() };
	w->dns = dns_new(w->base, &config);
}

/* Whom the newest context asks. */
static const char *newest(void)
{
	assert_true(fake.count > 0);
	return fake.all[fake.count - 1]->first;
}

static void probe_says(const char *who, const struct ub_result *result)
{
	assert_string_equal(newest(), who);
	answer(true, ".", TYPE_DNSKEY, result);
}

static void plain_says(const char *who, const struct ub_result *result)
{
	assert_string_equal(newest(), who);
	answer(false, ".", TYPE_SOA, result);
}

static void test_the_first_that_validates(void **state)
{
	struct world w;

	(void)state;
	set_up_chain(&w, NULL, ". DS 1");
	(void)ask(&w);
	probe_says("127.0.0.1", &servfail);
	probe_says("192.0.2.1", &bogus);
	assert_int_equal(w.answers, 0);
	probe_says("", &secure);
	assert_int_equal(dns_mode(w.dns), DNS_VALIDATES);
	answer(true, "a.org", DNS_A, &secure);
	assert_true(w.got.is_secure);
	turn(&w); /* the others are not needed any more */
	assert_int_equal(fake.count, 1);
	tear_down(&w);
}

/* Names that only it knows are not to be taken for none. */
static void test_nobody_in_place_of_a_silent_one(void **state)
{
	struct world w;

	(void)state;
	set_up_chain(&w, &here, ". DS 1");
	(void)ask(&w);
	probe_says("127.0.0.1", &servfail);
	plain_says("127.0.0.1", &servfail);
	turn(&w);
	assert_int_equal(w.got.result, DNS_FAILED);
	assert_int_equal(fake.made, 2);
	assert_int_equal(dns_mode(w.dns), DNS_UNTRIED);
	tear_down(&w);
}

static void test_in_place_of_one_without_signatures(void **state)
{
	struct world w;

	(void)state;
	set_up_chain(&w, &there, ". DS 1");
	(void)ask(&w);
	probe_says("127.0.0.2", &bogus);
	plain_says("127.0.0.2", &plain);
	probe_says("127.0.0.1", &servfail);
	probe_says("192.0.2.1", &secure);
	assert_int_equal(dns_mode(w.dns), DNS_VALIDATES);
	answer(true, "a.org", DNS_A, &bogus);
	assert_int_equal(w.got.result, DNS_BOGUS); /* and stays it */
	tear_down(&w);
}

static void test_none_of_them_does(void **state)
{
	struct world w;

	(void)state;
	set_up_chain(&w, &there, ". DS 1");
	(void)ask(&w);
	probe_says("127.0.0.2", &bogus);
	plain_says("127.0.0.2", &plain);
	probe_says("127.0.0.1", &servfail);
	probe_says("192.0.2.1", &bogus);
	probe_says("", &bogus);
	assert_int_equal(dns_mode(w.dns), DNS_UNVALIDATED);
	answer(false, "a.org", DNS_A, &secure);
	assert_int_equal(w.got.result, DNS_DATA);
	tear_down(&w);
}

static void test_the_first_that_answers(void **state)
{
	struct world w;

	(void)state;
	set_up_chain(&w, NULL, ". DS 1");
	(void)ask(&w);
	probe_says("127.0.0.1", &servfail);
	probe_says("192.0.2.1", &bogus);
	probe_says("", &servfail);
	plain_says("127.0.0.1", &servfail);
	plain_says("192.0.2.1", &plain);
	assert_int_equal(dns_mode(w.dns), DNS_UNVALIDATED);
	answer(false, "a.org", DNS_A, &plain);
	assert_int_equal(w.got.result, DNS_DATA);
	tear_down(&w);
}

static void test_the_first_that_answers_without_anchors(void **state)
{
	struct world w;

	(void)state;
	set_up_chain(&w, NULL, "");
	(void)ask(&w);
	plain_says("127.0.0.1", &servfail);
	plain_says("192.0.2.1", &servfail);
	plain_says("", &servfail);
	turn(&w);
	assert_int_equal(w.got.result, DNS_FAILED);
	assert_int_equal(dns_mode(w.dns), DNS_UNTRIED);
	tear_down(&w);
}

/* Who was tried before is tried again; what is open goes over. */
static void test_back_to_the_resolver(void **state)
{
	struct dns_config config = config_of(&there, ". DS 1");
	struct world w;

	(void)state;
	config.recheck_ms = 1;
	config.fallbacks = chain;
	config.fallback_count = 1;
	memset(&fake, 0, sizeof(fake));
	w = (struct world){ .base = event_base_new() };
	w.dns = dns_new(w.base, &config);
	(void)ask(&w);
	probe_says("127.0.0.2", &bogus);
	plain_says("127.0.0.2", &plain);
	probe_says("127.0.0.1", &secure);
	(void)event_base_loop(w.base, EVLOOP_ONCE); /* tidies */
	(void)event_base_loop(w.base, EVLOOP_ONCE);
	probe_says("127.0.0.2", &secure);
	turn(&w);
	assert_int_equal(fake.count, 1);
	assert_string_equal(newest(), "127.0.0.2");
	answer(true, "a.org", DNS_A, &secure);
	assert_int_equal(w.answers, 1);
	assert_true(w.got.is_secure);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_asked_unasked),
		cmocka_unit_test(test_validated),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_bogus_is_never_insecure_later),
		cmocka_unit_test(test_resolver_without_signatures),
		cmocka_unit_test(test_signatures_come_through_later),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_without_anchors),
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_libunbound_refuses),
		cmocka_unit_test(test_the_first_that_validates),
		cmocka_unit_test(test_nobody_in_place_of_a_silent_one),
		cmocka_unit_test(test_in_place_of_one_without_signatures),
		cmocka_unit_test(test_none_of_them_does),
		cmocka_unit_test(test_the_first_that_answers),
		cmocka_unit_test(test_the_first_that_answers_without_anchors),
		cmocka_unit_test(test_back_to_the_resolver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
