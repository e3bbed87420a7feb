/* What a message itself wants of TLS: RFC 8689. */
#include "remote_world.h"

#include <string.h>

static struct sent *send_with(struct world *w, enum tls_demand demand)
{
	struct sent *s;

	w->tls_demand = demand;
	s = world_send(w, w->sent_count + 1, "user@one.example", "");
	world_turn(w);
	return s;
}

static void check_bounce(const struct sent *s, const char *why)
{
	assert_int_equal(s->ends, 1);
	assert_int_equal(s->kind, OUTCOME_REFUSED);
	assert_int_equal(s->status[0], 5);
	assert_int_equal(s->status[1], 7);
	assert_int_equal(s->status[2], 30);
	assert_non_null(strstr(s->text, "REQUIRETLS"));
	assert_non_null(strstr(s->text, why));
}

static void test_required_and_kept(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->has_requiretls = w->has_tls = true;
	s = send_with(w, TLS_DEMAND_REQUIRED);
	world_route(w, "a=192.0.2.1 !b=192.0.2.2");
	assert_int_equal(w->conns[0]->security, SMTP_VERIFIED);
	conn_end(w, 0, SMTP_END_NO_CONNECTION, 0, "away");
	assert_int_equal(w->conns[1]->security, SMTP_DANE);
	conn_ready(w, 1);
	assert_true(w->conns[1]->message->requires_tls);
	conn_done(w, 1, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
}

/* Each host is passed over; when there is none left it goes back. */
static void test_required_and_offered_by_none(void **state)
{
	struct world *w = *state;
	struct sent *s = send_with(w, TLS_DEMAND_REQUIRED);

	world_route(w, "a=192.0.2.1 b=192.0.2.2");
	conn_ready(w, 0);
	assert_true(w->conns[0]->is_quitting);
	assert_null(w->conns[0]->message);
	conn_end(w, 0, SMTP_END_QUIT, 0, "");
	assert_int_equal(s->ends, 0);
	conn_ready(w, 1);
	conn_end(w, 1, SMTP_END_LOST, 0, "hung up");
	check_bounce(s, "does not offer REQUIRETLS");
}

static void test_required_and_not_verified(void **state)
{
	struct world *w = *state;
	struct sent *s = send_with(w, TLS_DEMAND_REQUIRED);

	world_route(w, "a=192.0.2.1 b=192.0.2.2");
	conn_end(w, 0, SMTP_END_TLS_MISSING, 0, "not offered");
	conn_end(w, 1, SMTP_END_TLS_UNVERIFIED, 0, "who is this?");
	check_bounce(s, "who is this?");
	assert_int_equal(w->conn_count, 2); /* nothing without TLS */
}

/* Another time it may do better. */
static void test_required_and_away(void **state)
{
	struct world *w = *state;
	struct sent *s = send_with(w, TLS_DEMAND_REQUIRED);

	world_route(w, "a=192.0.2.1 b=192.0.2.2");
	conn_end(w, 0, SMTP_END_NO_CONNECTION, 0, "away");
	conn_end(w, 1, SMTP_END_TLS_MISSING, 0, "not offered");
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
}

static void test_required_and_the_name_is_anybodys(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->is_insecure = true;
	s = send_with(w, TLS_DEMAND_REQUIRED);
	world_route(w, "a=192.0.2.1");
	assert_int_equal(w->conn_count, 0);
	check_bounce(s, "neither by DNSSEC nor by MTA-STS");
	/* The operator's own word is good. */
	s = world_send(w, 9, "user@one.example", "relay");
	world_turn(w);
	world_route(w, "relay=192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_VERIFIED);
	conn_end(w, 0, SMTP_END_TLS_MISSING, 0, "not offered");
	assert_int_equal(s->kind, OUTCOME_REFUSED);
}

static void test_a_report_goes_on_without(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->is_report = true;
	s = send_with(w, TLS_DEMAND_REQUIRED);
	world_route(w, "a=192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_OPPORTUNISTIC);
	conn_ready(w, 0);
	assert_true(w->conns[0]->message->requires_tls); /* if offered */
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
}

static void test_nothing_is_wanted(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->tls_floor = TLS_LEVEL_VERIFIED;
	s = send_with(w, TLS_DEMAND_NONE);
	world_route(w, "!a=192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_OPPORTUNISTIC);
	conn_end(w, 0, SMTP_END_TLS_FAILED, 0, "handshake");
	assert_int_equal(w->conns[1]->security, SMTP_PLAIN);
	conn_ready(w, 1);
	conn_done(w, 1, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
}

/* A session that is good enough for one is not for the other. */
static void test_sessions_are_not_shared(void **state)
{
	struct world *w = *state;

	(void)send_with(w, TLS_DEMAND_NONE);
	world_route(w, "!a=192.0.2.1");
	conn_ready(w, 0);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	(void)send_with(w, TLS_DEMAND_USUAL);
	assert_int_equal(w->asked, 2);
	world_route(w, "!a=192.0.2.1");
	assert_int_equal(w->conns[0]->messages, 1);
	assert_int_equal(w->conns[1]->security, SMTP_DANE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_required_and_kept),
		TEST(test_required_and_offered_by_none),
		TEST(test_required_and_not_verified),
		TEST(test_required_and_away),
		TEST(test_required_and_the_name_is_anybodys),
		TEST(test_a_report_goes_on_without),
		TEST(test_nothing_is_wanted),
		TEST(test_sessions_are_not_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
