/* What is told for reports on TLS: one fact a connection, none where it failed
 * for other reasons. */
#include "remote_world.h"

#include <stdio.h>
#include <string.h>

enum { FACTS = 16 };

static struct {
	unsigned count;
	struct {
		enum tlsrpt_policy policy;
		enum tlsrpt_result result;
		char domain[WORLD_TEXT], mx[WORLD_TEXT], address[WORLD_TEXT];
		char own[WORLD_TEXT], lines[WORLD_TEXT], reason[WORLD_TEXT];
	} items[FACTS];
} told;

static void keep(char to[WORLD_TEXT], struct slice s)
{
	(void)snprintf(to, WORLD_TEXT, "%.*s", (int)s.n, s.n > 0 ? s.p : "");
}

static void on_tls(struct slice domain, const struct tlsrpt_fact *f, void *arg)
{
	unsigned i = told.count++;

	(void)arg;
	assert_true(i < FACTS);
	told.items[i].policy = f->policy;
	told.items[i].result = f->result;
	keep(told.items[i].domain, domain);
	keep(told.items[i].mx, f->mx);
	keep(told.items[i].address, f->address);
	keep(told.items[i].own, f->own_address);
	keep(told.items[i].lines, f->policy_lines);
	keep(told.items[i].reason, f->reason);
}

static int set_up(void **state)
{
	struct world *w;
	int r = world_make(state);

	w = *state;
	memset(&told, 0, sizeof(told));
	remote_watch_tls(w->remote, on_tls, w);
	return r;
}

static void send_mail(struct world *w)
{
	(void)world_send(w, w->sent_count + 1, "user@one.example", "");
	world_turn(w);
}

static void check_last(unsigned count, enum tlsrpt_policy policy,
		       enum tlsrpt_result result)
{
	assert_int_equal(told.count, count);
	assert_int_equal(told.items[count - 1].policy, policy);
	assert_int_equal(told.items[count - 1].result, result);
	assert_string_equal(told.items[count - 1].domain, "one.example");
}

static void test_one_for_a_session_of_many_messages(void **state)
{
	struct world *w = *state;

	w->has_tls = true;
	send_mail(w);
	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	check_last(1, TLSRPT_NO_POLICY, TLSRPT_SUCCESS);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	send_mail(w);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	conn_end(w, 0, SMTP_END_LOST, 0, "gone");
	assert_int_equal(told.count, 1);
}

static void test_no_tls(void **state)
{
	struct world *w = *state;

	send_mail(w);
	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	check_last(1, TLSRPT_NO_POLICY, TLSRPT_STARTTLS_NOT_SUPPORTED);
	assert_string_equal(told.items[0].mx, "a");
	assert_string_equal(told.items[0].address, "192.0.2.1");
	assert_string_equal(told.items[0].own, "192.0.2.99");
}

/* The connection in plain text that follows is the same session. */
static void test_a_handshake_that_breaks(void **state)
{
	struct world *w = *state;

	send_mail(w);
	world_route(w, "a=192.0.2.1");
	conn_end(w, 0, SMTP_END_TLS_FAILED, 0, "handshake");
	check_last(1, TLSRPT_NO_POLICY, TLSRPT_VALIDATION_FAILURE);
	assert_string_equal(told.items[0].reason, "handshake");
	conn_ready(w, 1);
	assert_int_equal(told.count, 1);
}

static void test_other_trouble_does_not_count(void **state)
{
	struct world *w = *state;

	send_mail(w);
	world_route(w, "a=192.0.2.1 b=192.0.2.2 c=192.0.2.3");
	conn_end(w, 0, SMTP_END_NO_CONNECTION, 0, "refused");
	conn_end(w, 1, SMTP_END_UNWILLING, 421, "busy");
	conn_end(w, 2, SMTP_END_TIMEOUT, 0, "asleep");
	assert_int_equal(told.count, 0);
}

static void test_dane(void **state)
{
	struct world *w = *state;

	w->peer.fault = STREAM_TLS_EXPIRED;
	w->has_tls = true;
	send_mail(w);
	world_route(w, "!a=192.0.2.1 !b=192.0.2.2 !c=192.0.2.3");
	conn_end(w, 0, SMTP_END_TLS_UNVERIFIED, 0, "too old");
	check_last(1, TLSRPT_TLSA, TLSRPT_CERTIFICATE_EXPIRED);
	assert_string_equal(told.items[0].lines, "3 1 1 7878");
	conn_end(w, 1, SMTP_END_TLS_MISSING, 0, "not offered");
	check_last(2, TLSRPT_TLSA, TLSRPT_STARTTLS_NOT_SUPPORTED);
	conn_ready(w, 2);
	check_last(3, TLSRPT_TLSA, TLSRPT_SUCCESS);
}

#define STS_LINES "version: STSv1\nmode: enforce\nmx: a\nmax_age: 86400"

static void test_sts(void **state)
{
	struct world *w = *state;

	w->sts = STS_ENFORCE;
	w->has_tls = true;
	w->peer.fault = STREAM_TLS_OTHER_HOST;
	send_mail(w);
	world_route(w, "b=192.0.2.1 a=192.0.2.2,192.0.2.3");
	check_last(1, TLSRPT_STS, TLSRPT_VALIDATION_FAILURE);
	assert_string_equal(told.items[0].mx, "b"); /* it is not even asked */
	conn_end(w, 0, SMTP_END_TLS_UNVERIFIED, 0, "who?");
	check_last(2, TLSRPT_STS, TLSRPT_CERTIFICATE_HOST_MISMATCH);
	assert_string_equal(told.items[1].lines, STS_LINES);
	conn_ready(w, 1);
	check_last(3, TLSRPT_STS, TLSRPT_SUCCESS);
}

static void test_sts_in_testing(void **state)
{
	struct world *w = *state;

	w->sts = STS_TESTING;
	w->has_tls = true;
	w->peer.fault = STREAM_TLS_EXPIRED;
	w->peer.problem = "too old";
	send_mail(w);
	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	check_last(1, TLSRPT_STS, TLSRPT_CERTIFICATE_EXPIRED);
	assert_string_equal(told.items[0].reason, "too old");
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	(void)world_send(w, 9, "user@two.example", "");
	world_turn(w);
	world_route(w, "b=192.0.2.1");
	conn_ready(w, 1);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.items[1].result, TLSRPT_VALIDATION_FAILURE);
}

static void test_a_policy_that_cannot_be_had(void **state)
{
	struct world *w = *state;

	w->sts_failure = TLSRPT_STS_WEBPKI_INVALID;
	w->has_tls = true;
	send_mail(w);
	world_route(w, "a=192.0.2.1");
	check_last(1, TLSRPT_STS, TLSRPT_STS_WEBPKI_INVALID);
	conn_ready(w, 0);
	check_last(2, TLSRPT_NO_POLICY, TLSRPT_SUCCESS);
}

static void test_what_is_sent_all_the_same_does_not_count(void **state)
{
	struct world *w = *state;

	w->tls_demand = TLS_DEMAND_NONE;
	send_mail(w);
	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	assert_int_equal(told.count, 0);
}

static void test_other_hosts_than_the_domains(void **state)
{
	struct world *w = *state;

	(void)world_send(w, 1, "user@one.example", "relay");
	world_turn(w);
	world_route(w, "relay=192.0.2.1");
	conn_ready(w, 0);
	assert_int_equal(told.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_for_a_session_of_many_messages),
		TEST(test_no_tls),
		TEST(test_a_handshake_that_breaks),
		TEST(test_other_trouble_does_not_count),
		TEST(test_dane),
		TEST(test_sts),
		TEST(test_sts_in_testing),
		TEST(test_a_policy_that_cannot_be_had),
		TEST(test_what_is_sent_all_the_same_does_not_count),
		TEST(test_other_hosts_than_the_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
