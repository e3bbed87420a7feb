/* Mail to other servers, with connections and DNS that are made up. */
#include "remote_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sent *send_to(struct world *w, uint64_t id, const char *address)
{
	struct sent *s = world_send(w, id, address, "");

	world_turn(w);
	return s;
}

static void test_a_message(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	assert_int_equal(w->asked, 1);
	assert_string_equal(w->asked_domain, "one.example");
	assert_string_equal(w->asked_hosts, "");
	world_route(w, "mx.one.example=192.0.2.1,192.0.2.2");
	assert_int_equal(w->conn_count, 1);
	assert_string_equal(w->conns[0]->host, "mx.one.example");
	assert_string_equal(w->conns[0]->address, "192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_OPPORTUNISTIC);
	conn_ready(w, 0);
	assert_non_null(w->conns[0]->message);
	assert_int_equal(w->conns[0]->message->recipient_count, 1);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->ends, 1);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
	assert_string_equal(s->text, "said so");
	assert_string_equal(s->server, "mx.one.example");
}

static void test_the_next_message_takes_the_same_session(void **state)
{
	struct world *w = *state;
	struct sent *s;

	(void)send_to(w, 1, "user@one.example");
	world_route(w, "mx=192.0.2.1");
	conn_ready(w, 0);
	conn_done(w, 0, OUTCOME_REFUSED, 550);
	s = send_to(w, 2, "other@one.example");
	assert_int_equal(w->asked, 1);
	assert_int_equal(w->conn_count, 1);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
	assert_int_equal(w->conns[0]->messages, 2);
}

static void test_recipients_of_a_message_go_together(void **state)
{
	struct world *w = *state;

	(void)world_send(w, 1, "a@one.example", "");
	(void)world_send(w, 2, "b@one.example", "");
	(void)world_send(w, 1, "c@one.example", "");
	world_turn(w);
	world_route(w, "mx=192.0.2.1");
	assert_int_equal(w->conn_count, 1);
	conn_ready(w, 0);
	assert_int_equal(w->conns[0]->message->recipient_count, 2);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->sent[0].ends, 1);
	assert_int_equal(w->sent[1].ends, 0);
	assert_int_equal(w->sent[2].ends, 1);
	assert_int_equal(w->conns[0]->message->recipient_count, 1);
}

static void test_the_next_host(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->undialled = "192.0.2.2";
	s = send_to(w, 1, "user@one.example");
	world_route(w, "a=192.0.2.1,192.0.2.2 b=192.0.2.3 c=192.0.2.4");
	conn_end(w, 0, SMTP_END_NO_CONNECTION, 0, "refused");
	assert_string_equal(world_conn(w, 1)->address, "192.0.2.3");
	conn_end(w, 1, SMTP_END_UNWILLING, 554, "no");
	assert_string_equal(world_conn(w, 2)->address, "192.0.2.4");
	conn_ready(w, 2);
	conn_done(w, 2, OUTCOME_DELIVERED, 250);
	assert_string_equal(s->server, "c");
	/* the next session begins with who has worked */
	conn_end(w, 2, SMTP_END_LOST, 0, "bye");
	(void)send_to(w, 2, "user@one.example");
	assert_string_equal(world_conn(w, 3)->address, "192.0.2.4");
	conn_end(w, 3, SMTP_END_NO_CONNECTION, 0, "refused");
	assert_string_equal(world_conn(w, 4)->address, "192.0.2.1");
}

static void test_no_host_at_all(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	(void)send_to(w, 2, "user@one.example");
	world_route(w, "a=192.0.2.1 b=192.0.2.3");
	conn_end(w, 0, SMTP_END_NO_CONNECTION, 0, "refused");
	assert_int_equal(s->ends, 0);
	conn_end(w, 1, SMTP_END_UNWILLING, 554, "go away");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(w->sent[i].ends, 1);
		assert_int_equal(w->sent[i].kind, OUTCOME_DEFERRED);
		assert_int_equal(w->sent[i].code, 554);
		assert_int_equal(w->sent[i].status[0], 4);
		assert_string_equal(w->sent[i].text, "go away");
		assert_string_equal(w->sent[i].server, "b");
	}
	/* while it rests nobody is asked, and nobody waits */
	for (uint64_t i = 3; i < 100; i++) {
		s = send_to(w, i, "user@one.example");
		assert_int_equal(s->ends, 1);
		assert_string_equal(s->text, "go away");
	}
	assert_int_equal(w->conn_count, 2);
	assert_int_equal(w->asked, 1);
	/* others do not care */
	(void)send_to(w, 1, "user@two.example");
	assert_int_equal(w->asked, 2);
}

static void test_it_is_tried_again_after_a_rest(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->config.rest_ms = 400;
	world_configure(w);
	(void)send_to(w, 1, "user@one.example");
	world_route(w, "a=192.0.2.1");
	conn_end(w, 0, SMTP_END_TIMEOUT, 0, "silence");
	(void)usleep(450000);
	s = send_to(w, 2, "user@one.example");
	world_route(w, "a=192.0.2.9");
	assert_int_equal(w->conn_count, 2);
	assert_int_equal(s->ends, 0);
	conn_end(w, 1, SMTP_END_TIMEOUT, 0, "silence");
	(void)usleep(450000);
	s = send_to(w, 3, "user@one.example"); /* it rests longer now */
	assert_int_equal(s->ends, 1);
}

static void test_tls_that_breaks(void **state)
{
	struct world *w = *state;

	(void)send_to(w, 1, "user@one.example");
	world_route(w, "a=192.0.2.1 b=192.0.2.2");
	conn_end(w, 0, SMTP_END_TLS_FAILED, 0, "handshake");
	assert_string_equal(world_conn(w, 1)->address, "192.0.2.1");
	assert_int_equal(w->conns[1]->security, SMTP_PLAIN);
	conn_end(w, 1, SMTP_END_LOST, 0, "lost");
	assert_string_equal(world_conn(w, 2)->address, "192.0.2.2");
	assert_int_equal(w->conns[2]->security, SMTP_OPPORTUNISTIC);
}

static void test_tls_that_must_not_break(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	world_route(w, "!a=192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_DANE);
	assert_int_equal(w->conns[0]->tlsa_count, 1);
	assert_int_equal(w->conns[0]->name_count, 1);
	conn_end(w, 0, SMTP_END_TLS_FAILED, 0, "handshake");
	assert_int_equal(w->conn_count, 1);
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
	assert_string_equal(s->text, "handshake");
}

static void test_what_was_protected_stays_so(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->tls_floor = TLS_LEVEL_TLS;
	s = send_to(w, 1, "user@one.example");
	world_route(w, "a=192.0.2.1 !b=192.0.2.2");
	assert_int_equal(w->conns[0]->security, SMTP_ENCRYPTED);
	conn_end(w, 0, SMTP_END_TLS_FAILED, 0, "handshake");
	assert_int_equal(w->conns[1]->security, SMTP_DANE); /* no plain text */
	conn_end(w, 1, SMTP_END_TLS_UNVERIFIED, 0, "who is this?");
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
	assert_string_equal(s->text, "who is this?"); /* not by our memory */
}

static void test_what_was_verified_stays_so(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->tls_floor = TLS_LEVEL_VERIFIED;
	s = send_to(w, 1, "user@one.example");
	world_route(w, "a=192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_VERIFIED);
	conn_end(w, 0, SMTP_END_TLS_MISSING, 0, "not offered");
	assert_int_equal(w->conn_count, 1);
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
	assert_non_null(strstr(s->text, "verified TLS before"));
}

static void test_how_well_it_was_protected(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->tls_level, TLS_LEVEL_NONE);
	assert_string_equal(s->tls_reason, "no TLS with a");
	/* Another one was protected: the session is not good enough now. */
	w->tls_floor = TLS_LEVEL_TLS;
	w->has_tls = true;
	s = send_to(w, 2, "user@one.example");
	assert_true(w->conns[0]->is_quitting);
	conn_end(w, 0, SMTP_END_QUIT, 0, "");
	conn_ready(w, 1);
	conn_done(w, 1, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->tls_level, TLS_LEVEL_TLS);
	w->peer.is_verified_dane = true;
	s = send_to(w, 3, "user@two.example");
	world_route(w, "a=192.0.2.1");
	conn_ready(w, 2);
	conn_done(w, 2, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->tls_level, TLS_LEVEL_VERIFIED);
	assert_string_equal(s->tls_reason,
			    "TLSv1.3 with a, a certificate by DANE");
}

static void test_a_session_more_for_each_success(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 0; i < 20; i++)
		(void)world_send(w, i, "user@one.example", "");
	world_turn(w);
	world_route(w, "a=192.0.2.1");
	assert_int_equal(w->conn_count, 1);
	conn_ready(w, 0);
	assert_int_equal(w->conn_count, 1);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->conn_count, 2);
	for (int i = 0; i < 6; i++)
		conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->conn_count, 4); /* the limit */
	/* who cannot have more than one is no failure of all */
	conn_end(w, 3, SMTP_END_UNWILLING, 421, "too many");
	assert_int_equal(w->conn_count, 4);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->conn_count, 4);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(w->sent[i].kind, OUTCOME_DELIVERED);
}

static void test_untouched_mail_has_another_chance(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	s = send_to(w, 2, "user@one.example");
	conn_break(w, 0, true);
	assert_int_equal(s->ends, 0);
	conn_ready(w, 1);
	assert_int_equal(s->ends, 0);
	conn_break(w, 1, true);
	assert_int_equal(s->ends, 1);
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
	assert_int_equal(w->conn_count, 2);
}

static void test_what_broke_in_the_middle_has_not(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	conn_break(w, 0, false);
	assert_int_equal(s->ends, 1);
	assert_string_equal(s->text, "lost");
	/* and a host that never takes a message rests like a dead one */
	s = send_to(w, 2, "user@one.example");
	assert_int_equal(s->ends, 1);
	assert_int_equal(w->conn_count, 1);
}

static void test_no_way(void **state)
{
	static const struct {
		enum route_result result;
		enum outcome_kind kind;
		unsigned code;
		uint8_t status[3];
	} cases[] = {
		{ ROUTE_NO_DOMAIN, OUTCOME_REFUSED, 0, { 5, 1, 2 } },
		{ ROUTE_NO_HOST, OUTCOME_REFUSED, 0, { 5, 4, 4 } },
		{ ROUTE_NULL_MX, OUTCOME_REFUSED, 556, { 5, 1, 10 } },
		{ ROUTE_LOOP, OUTCOME_REFUSED, 0, { 5, 4, 6 } },
		{ ROUTE_TRY_LATER, OUTCOME_DEFERRED, 0, { 4, 4, 3 } },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char address[WORLD_TEXT];
		struct sent *s;

		(void)snprintf(address, sizeof(address), "user@d%zu", i);
		s = send_to(w, i, address);
		world_no_route(w, cases[i].result);
		assert_int_equal(s->ends, 1);
		assert_int_equal(s->kind, cases[i].kind);
		assert_int_equal(s->code, cases[i].code);
		assert_memory_equal(s->status, cases[i].status, 3);
		assert_string_equal(s->text, "no way");
	}
	assert_int_equal(w->conn_count, 0);
}

static void test_addresses_that_lead_nowhere(void **state)
{
	static const struct {
		const char *hosts;
		enum outcome_kind kind;
		uint8_t status[3];
	} cases[] = {
		{ "a=127.0.0.1", OUTCOME_REFUSED, { 5, 4, 6 } },
		{ "a=::ffff:127.0.0.1", OUTCOME_REFUSED, { 5, 4, 6 } },
		{ "a=::1", OUTCOME_REFUSED, { 5, 4, 6 } },
		{ "a=0.0.0.0,224.0.0.1,255.255.255.255,::,ff02::1,x",
		  OUTCOME_REFUSED,
		  { 5, 4, 4 } },
		{ "a=2001:db8::1", OUTCOME_DEFERRED, { 4, 4, 4 } },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char address[WORLD_TEXT];
		struct sent *s;

		(void)snprintf(address, sizeof(address), "user@d%zu", i);
		s = send_to(w, i, address);
		world_route(w, cases[i].hosts);
		assert_int_equal(s->ends, 1);
		assert_int_equal(s->kind, cases[i].kind);
		assert_memory_equal(s->status, cases[i].status, 3);
	}
	assert_int_equal(w->conn_count, 0);
	w->uses_ipv6 = w->config.uses_loopback = true;
	world_configure(w);
	(void)send_to(w, 1, "user@d0");
	world_route(w, "a=127.0.0.1");
	(void)send_to(w, 1, "user@d4");
	world_route(w, "a=2001:db8::1");
	assert_int_equal(w->conn_count, 2);
}

static void test_via(void **state)
{
	struct world *w = *state;

	(void)world_send(w, 1, "user@one.example", "a.example/b.example");
	(void)world_send(w, 2, "user@two.example", "a.example/b.example");
	world_turn(w);
	assert_int_equal(w->asked, 1);
	assert_string_equal(w->asked_hosts, "a.example;b.example;");
	world_route(w, "a.example=192.0.2.1");
	conn_ready(w, 0);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->sent[1].ends, 1);
}

static void test_what_waits_can_be_taken_back(void **state)
{
	struct world *w = *state;
	struct sent *a = send_to(w, 1, "a@one.example");
	struct sent *b = send_to(w, 2, "b@one.example");

	world_route(w, "a=192.0.2.1");
	conn_ready(w, 0);
	assert_false(remote_withdraw(&a->delivery));
	assert_true(remote_withdraw(&b->delivery));
	assert_null(b->delivery);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(a->ends, 1);
	assert_int_equal(b->ends, 0);
}

/* --- fairness ---------------------------------------------------------------------- */

/* A whole queue for one that does not answer. */
static void test_a_slow_destination_is_in_nobodys_way(void **state)
{
	struct world *w = *state;
	unsigned turned_away = 0, latest_s = 0;
	struct sent *s;

	(void)world_send(w, 1, "user@slow.example", "");
	world_turn(w);
	world_route(w, "slow=192.0.2.1");
	conn_ready(w, 0);
	for (uint64_t i = 2; i < 300; i++)
		(void)world_send(w, i, "user@slow.example", "");
	world_turn(w);
	s = send_to(w, 999, "user@good.example");
	world_route(w, "good=192.0.2.2");
	conn_ready(w, 1);
	conn_done(w, 1, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
	for (unsigned i = 0; i < 299; i++)
		assert_int_equal(w->sent[i].ends, 0); /* so far */
	(void)usleep((REMOTE_SLOW_MS + 50) * 1000);
	world_turn(w);
	s = send_to(w, 1000, "user@slow.example"); /* at once now */
	assert_int_equal(s->ends, 1);
	for (unsigned i = 0; i < w->sent_count; i++) {
		if (w->sent[i].ends == 0 ||
		    w->sent[i].kind == OUTCOME_DELIVERED)
			continue;
		assert_int_equal(w->sent[i].kind, OUTCOME_CANCELLED);
		assert_true(w->sent[i].again_s >= REMOTE_AGAIN_S);
		if (w->sent[i].again_s > latest_s)
			latest_s = w->sent[i].again_s;
		turned_away++;
	}
	/* one is under way, a few wait, the others come back spread in time */
	assert_int_equal(turned_away, 300 - 1 - REMOTE_SLOW_LINE);
	assert_true(latest_s >= REMOTE_AGAIN_S + 290 / REMOTE_AGAIN_RATE - 1);
	assert_int_equal(w->conn_count, 2);
}

/* It does its best, but there is too much: nobody is kept away for longer than
 * it takes to have room. */
static void test_who_comes_again_does_so_at_its_pace(void **state)
{
	struct world *w = *state;
	unsigned turned_away = 0;

	w->config.connections_per_destination = 1;
	world_configure(w);
	for (uint64_t i = 0; i < 350; i++)
		(void)world_send(w, i, "user@one.example", "");
	world_turn(w);
	world_route(w, "one=192.0.2.1");
	conn_ready(w, 0);
	for (unsigned i = 0; i < 100; i++)
		conn_done(w, 0, OUTCOME_DELIVERED, 250);
	(void)usleep((REMOTE_SLOW_MS + 50) * 1000);
	world_turn(w);
	for (unsigned i = 0; i < 350; i++) {
		if (w->sent[i].ends == 0 ||
		    w->sent[i].kind != OUTCOME_CANCELLED)
			continue;
		assert_in_range(w->sent[i].again_s, REMOTE_AGAIN_S,
				REMOTE_AGAIN_S + 2);
		turned_away++;
	}
	assert_int_equal(turned_away, 350 - 100 - 1 - REMOTE_SLOW_LINE_MAX);
}

/* It was slow, and is not any more: who was turned away is asked for as soon as
 * half of the line is empty, and no more of them than there were. */
static void test_who_was_turned_away_is_asked_for(void **state)
{
	struct world *w = *state;

	w->config.connections_per_destination = 1;
	world_configure(w);
	for (uint64_t i = 0; i < 10; i++)
		(void)world_send(w, i, "user@one.example", "");
	world_turn(w);
	world_route(w, "one=192.0.2.1");
	(void)usleep((REMOTE_SLOW_MS + 50) * 1000);
	world_turn(w);
	assert_int_equal(w->sent[REMOTE_SLOW_LINE - 1].ends, 0);
	for (unsigned i = REMOTE_SLOW_LINE; i < 10; i++)
		assert_int_equal(w->sent[i].kind, OUTCOME_CANCELLED);
	assert_int_equal(w->wanted, 0);
	conn_ready(w, 0); /* three wait */
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->wanted, 2);
	assert_int_equal(w->wanted_destination,
			 w->sent[REMOTE_SLOW_LINE].destination);
	world_turn(w); /* they have been asked for */
	assert_int_equal(w->wanted, 2);
	for (unsigned i = 0; i < 3; i++)
		conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->wanted, 10 - REMOTE_SLOW_LINE);
	assert_int_equal(w->conn_count, 1);
}

/* Nor is anybody asked for while it cannot be reached. */
static void test_nobody_is_asked_for_by_one_that_rests(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 0; i < 10; i++)
		(void)world_send(w, i, "user@one.example", "");
	world_turn(w);
	world_route(w, "one=192.0.2.1");
	(void)usleep((REMOTE_SLOW_MS + 50) * 1000);
	world_turn(w);
	conn_end(w, 0, SMTP_END_UNWILLING, 421, "busy");
	(void)send_to(w, 99, "user@one.example");
	assert_int_equal(w->sent[0].kind, OUTCOME_DEFERRED);
	assert_int_equal(w->wanted, 0);
}

static void test_an_idle_session_makes_room(void **state)
{
	struct world *w = *state;

	w->config.connections = 1;
	world_configure(w);
	(void)send_to(w, 1, "user@one.example");
	world_route(w, "one=192.0.2.1");
	conn_ready(w, 0);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_false(w->conns[0]->is_quitting);
	(void)send_to(w, 2, "user@two.example");
	world_route(w, "two=192.0.2.2");
	assert_true(w->conns[0]->is_quitting);
	assert_int_equal(w->conn_count, 1);
	conn_end(w, 0, SMTP_END_QUIT, 0, "");
	assert_int_equal(w->conn_count, 2);
	assert_string_equal(w->conns[1]->host, "two");
}

static void test_no_more_leave_than_have_to(void **state)
{
	struct world *w = *state;

	w->config.connections = 2;
	world_configure(w);
	for (unsigned i = 0; i < 2; i++) {
		(void)send_to(w, i,
			      i == 0 ? "user@one.example" : "user@two.example");
		world_route(w, i == 0 ? "one=192.0.2.1" : "two=192.0.2.2");
		conn_ready(w, i);
		conn_done(w, i, OUTCOME_DELIVERED, 250);
	}
	(void)send_to(w, 3, "user@three.example");
	world_route(w, "three=192.0.2.3");
	for (uint64_t i = 4; i < 8; i++) /* a turn each */
		(void)send_to(w, i, "user@three.example");
	assert_int_equal(w->conns[0]->is_quitting + w->conns[1]->is_quitting,
			 1);
}

static void test_a_busy_one_makes_room_after_its_turn(void **state)
{
	struct world *w = *state;

	w->config.connections = 1;
	world_configure(w);
	for (uint64_t i = 0; i < 50; i++)
		(void)world_send(w, i, "user@one.example", "");
	world_turn(w);
	world_route(w, "one=192.0.2.1");
	conn_ready(w, 0);
	(void)send_to(w, 99, "user@two.example");
	world_route(w, "two=192.0.2.2");
	for (int i = 0; i < REMOTE_TURN_MESSAGES; i++) {
		assert_false(w->conns[0]->is_quitting);
		conn_done(w, 0, OUTCOME_DELIVERED, 250);
	}
	assert_true(w->conns[0]->is_quitting);
	conn_end(w, 0, SMTP_END_QUIT, 0, "");
	assert_int_equal(w->conn_count, 2);
	assert_string_equal(w->conns[1]->host, "two");
}

/* --- the other processes ----------------------------------------------------------- */

static void test_without_lookup(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	remote_use_lookup(w->remote, NULL);
	world_turn(w);
	assert_int_equal(s->ends, 1);
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
	s = send_to(w, 2, "user@two.example");
	assert_int_equal(s->ends, 1);
	world_connect_lookup(w);
	(void)send_to(w, 3, "user@three.example");
	assert_int_equal(w->asked, 2);
}

static void test_the_end(void **state)
{
	struct world *w = *state;
	struct sent *begun = send_to(w, 1, "user@one.example");
	struct sent *asked, *waiting;

	world_route(w, "one=192.0.2.1");
	conn_ready(w, 0);
	waiting = send_to(w, 2, "user@one.example");
	(void)send_to(w, 3, "user@two.example");
	world_route(w, "two=192.0.2.2");
	asked = send_to(w, 4, "user@three.example");
	remote_drain(w->remote);
	world_turn(w);
	assert_int_equal(waiting->kind, OUTCOME_CANCELLED);
	assert_int_equal(waiting->ends, 1);
	assert_int_equal(asked->kind, OUTCOME_CANCELLED);
	assert_int_equal(begun->ends, 0);
	assert_true(w->conns[1]->is_free);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(begun->ends, 1);
}

static void test_what_is_left_at_the_end(void **state)
{
	struct world *w = *state;

	(void)send_to(w, 1, "user@one.example");
	world_route(w, "one=192.0.2.1");
	conn_ready(w, 0);
	(void)send_to(w, 2, "user@one.example");
	(void)send_to(w, 3, "user@two.example");
	/* world_end() frees it all */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_message),
		TEST(test_the_next_message_takes_the_same_session),
		TEST(test_recipients_of_a_message_go_together),
		TEST(test_the_next_host),
		TEST(test_no_host_at_all),
		TEST(test_it_is_tried_again_after_a_rest),
		TEST(test_tls_that_breaks),
		TEST(test_tls_that_must_not_break),
		TEST(test_what_was_protected_stays_so),
		TEST(test_what_was_verified_stays_so),
		TEST(test_how_well_it_was_protected),
		TEST(test_a_session_more_for_each_success),
		TEST(test_untouched_mail_has_another_chance),
		TEST(test_what_broke_in_the_middle_has_not),
		TEST(test_no_way),
		TEST(test_addresses_that_lead_nowhere),
		TEST(test_via),
		TEST(test_what_waits_can_be_taken_back),
		TEST(test_a_slow_destination_is_in_nobodys_way),
		TEST(test_who_comes_again_does_so_at_its_pace),
		TEST(test_who_was_turned_away_is_asked_for),
		TEST(test_nobody_is_asked_for_by_one_that_rests),
		TEST(test_an_idle_session_makes_room),
		TEST(test_no_more_leave_than_have_to),
		TEST(test_a_busy_one_makes_room_after_its_turn),
		TEST(test_without_lookup),
		TEST(test_the_end),
		TEST(test_what_is_left_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
