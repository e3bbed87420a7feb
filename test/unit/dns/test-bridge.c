#include "dns/bridge.h"

#include "base/clock.h"
#include "base/mem.h"
#include "test/unit/dns/fake_dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

enum { THREADS = 8, LONG_MS = 60000, NEVER_MS = 1 << 30 };

static const struct slice text = SLICE("\5hello");

static const struct dns_answer *find(struct slice name, enum dns_type type,
				     void *arg)
{
	static const struct dns_answer yes = { .result = DNS_DATA,
					       .records = &text,
					       .count = 1 };
	static const struct dns_answer no = { .result = DNS_NO_NAME };

	(void)arg;
	return type == DNS_TXT && slice_equal(name, S("a.example")) ? &yes
								    : &no;
}

struct asker {
	struct dns_bridge *bridge;
	struct slice name;
	_Atomic uint64_t deadline_ms;
	struct arena *arena;
	struct dns_answer answer;
	pthread_t thread;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	dns_bridge_ask(a->bridge, a->name, DNS_TXT, &a->deadline_ms, a->arena,
		       &a->answer);
	return NULL;
}

static void begin(struct asker *a, struct dns_bridge *b, struct slice name,
		  unsigned ms)
{
	a->bridge = b;
	a->name = name;
	a->deadline_ms = clock_monotonic_ms() + ms;
	a->arena = arena_new(1 << 20);
	assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
}

static void end(struct asker *a)
{
	(void)pthread_join(a->thread, NULL);
	arena_free(&a->arena);
}

static void test_answers(void **state)
{
	struct event_base *base = event_base_new();
	struct dns *dns = fake_dns_new(find, NULL);
	struct dns_bridge *b = dns_bridge_new(base, dns);
	struct asker askers[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		begin(&askers[i], b, i % 2 ? S("a.example") : S("b.example"),
		      LONG_MS);
	for (size_t answered = 0; answered < THREADS;) {
		if (fake_dns_answer_one(dns))
			answered++;
		else
			(void)event_base_loop(base, EVLOOP_ONCE);
	}
	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_join(askers[i].thread, NULL);
		if (i % 2) {
			assert_int_equal(askers[i].answer.result, DNS_DATA);
			assert_true(
				slice_equal(askers[i].answer.records[0], text));
			assert_true(askers[i].answer.records[0].p != text.p);
		} else {
			assert_int_equal(askers[i].answer.result, DNS_NO_NAME);
		}
		arena_free(&askers[i].arena);
	}
	dns_bridge_free(&b);
	fake_dns_free(&dns);
	event_base_free(base);
}

static void test_no_answer_in_time(void **state)
{
	struct event_base *base = event_base_new();
	struct dns *dns = fake_dns_new(find, NULL);
	struct dns_bridge *b = dns_bridge_new(base, dns);
	struct asker seen, unseen, late;

	(void)state;
	begin(&late, b, S("a.example"), 0);
	end(&late);
	assert_int_equal(late.answer.result, DNS_FAILED);
	begin(&seen, b, S("a.example"), 50);
	while (fake_dns_open(dns) == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	end(&seen);
	assert_int_equal(seen.answer.result, DNS_FAILED);
	assert_true(seen.answer.problem.n > 0);
	/* The answer comes, and finds nobody. */
	assert_true(fake_dns_answer_one(dns));
	begin(&unseen, b, S("a.example"), 1);
	end(&unseen);
	assert_int_equal(unseen.answer.result, DNS_FAILED);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(fake_dns_open(dns), 0);
	dns_bridge_free(&b);
	fake_dns_free(&dns);
	event_base_free(base);
}

/* Nobody waits for what it asks any more. */
static void test_deadline_moves(void **state)
{
	struct event_base *base = event_base_new();
	struct dns *dns = fake_dns_new(find, NULL);
	struct dns_bridge *b = dns_bridge_new(base, dns);
	struct asker asker;

	(void)state;
	begin(&asker, b, S("a.example"), NEVER_MS);
	while (fake_dns_open(dns) == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	asker.deadline_ms = 0;
	dns_bridge_wake(b);
	end(&asker);
	assert_int_equal(asker.answer.result, DNS_FAILED);
	dns_bridge_free(&b);
	fake_dns_free(&dns);
	event_base_free(base);
}

static const struct dns_answer *find_nobody(struct slice name,
					    enum dns_type type, void *arg)
{
	static const struct dns_answer silence = { .result = DNS_FAILED,
						   .is_silence = true };
	static const struct dns_answer no = { .result = DNS_FAILED };

	(void)type;
	(void)arg;
	return slice_equal(name, S("a.example")) ? &silence : &no;
}

/* Asks, and answers when it was asked. */
static void ask_and_answer(struct event_base *base, struct dns *dns,
			   struct asker *a, struct dns_bridge *b,
			   const char *name)
{
	begin(a, b, slice_of(name), LONG_MS);
	while (fake_dns_open(dns) == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	assert_true(fake_dns_answer_one(dns));
	end(a);
}

/* Whoever waits for a minute does so no longer; an answer mends that. */
static void test_silence(void **state)
{
	struct event_base *base = event_base_new();
	struct dns *dns = fake_dns_new(find_nobody, NULL);
	struct dns_bridge *b = dns_bridge_new(base, dns);
	struct asker a, hurried;
	uint64_t began;

	(void)state;
	ask_and_answer(base, dns, &a, b, "a.example");
	ask_and_answer(base, dns, &a, b, "a.example");
	began = clock_monotonic_ms();
	begin(&hurried, b, S("a.example"), LONG_MS);
	while (fake_dns_open(dns) == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	end(&hurried); /* nobody answers */
	assert_true(clock_monotonic_ms() - began < LONG_MS / 2);
	assert_true(fake_dns_answer_one(dns));
	/* SERVFAIL is an answer. */
	ask_and_answer(base, dns, &a, b, "b.example");
	assert_int_equal(a.answer.result, DNS_FAILED);
	began = clock_monotonic_ms();
	begin(&a, b, S("a.example"), 1500);
	while (fake_dns_open(dns) == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	end(&a);
	assert_true(clock_monotonic_ms() - began >= 1500);
	assert_true(fake_dns_answer_one(dns));
	dns_bridge_free(&b);
	fake_dns_free(&dns);
	event_base_free(base);
}

static void test_stop(void **state)
{
	struct event_base *base = event_base_new();
	struct dns *dns = fake_dns_new(find, NULL);
	struct dns_bridge *b = dns_bridge_new(base, dns);
	struct asker waiting, late;

	(void)state;
	begin(&waiting, b, S("a.example"), LONG_MS);
	while (fake_dns_open(dns) == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	dns_bridge_stop(b);
	end(&waiting);
	assert_int_equal(waiting.answer.result, DNS_FAILED);
	assert_int_equal(fake_dns_open(dns), 0);
	begin(&late, b, S("a.example"), LONG_MS);
	end(&late);
	assert_int_equal(late.answer.result, DNS_FAILED);
	dns_bridge_free(&b);
	fake_dns_free(&dns);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_answer_in_time),
		cmocka_unit_test(test_deadline_moves),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
