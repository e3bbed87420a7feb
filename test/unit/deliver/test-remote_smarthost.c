/* Mail that goes through a smarthost, with connections that are made up. */
#include "remote_world.h"

#include "base/mem.h"
#include "deliver/smarthosts.h"

#include <string.h>

static const char *const usual[] = { "host=relay.example", "user=me", NULL };

static void set(struct conf *conf, struct conf_smarthost *s, const char *text)
{
	struct check_place at = { .errors = NULL };
	struct slice key, value;
	size_t i;

	assert_true(slice_cut(slice_of(text), '=', &key, &value));
	at.setting = arena_string(conf->arena, key);
	i = settings_find(&conf_smarthost_settings, at.setting);
	assert_true(setting_set(&conf_smarthost_settings.rows[i], s,
				conf->arena, &value.p, 1, &at));
}

/* A set with one for all senders; *ret_one is counted. */
static void make(const char *const *settings, const char *password,
		 struct smarthost **ret_one)
{
	struct conf *conf = conf_new();
	struct conf_smarthost *s = conf_add_smarthost(conf, S(""));
	struct smarthosts *all = NULL;
	struct message m = { .type = MESSAGE_CONF_BEGIN };

	for (; *settings != NULL; settings++)
		set(conf, s, *settings);
	smarthosts_on_conf_part(&all, &m);
	m.type = MESSAGE_CONF_SMARTHOST_PASSWORD;
	m.conf_smarthost_password.password = slice_of(password);
	smarthosts_on_conf_part(&all, &m);
	smarthosts_complete(all, conf);
	smarthost_free(ret_one);
	*ret_one = smarthost_ref(smarthosts_for(all, conf, S("a@b.example")));
	smarthosts_free(&all);
	conf_free(&conf);
}

static int make_world(void **state)
{
	struct world *w;

	(void)world_make(state);
	w = *state;
	make(usual, "secret", &w->smarthost);
	w->has_tls = true;
	w->peer.is_verified_pkix = true;
	return 0;
}

static int end_world(void **state)
{
	struct world *w = *state;

	smarthost_free(&w->smarthost);
	return world_end(state);
}

static struct sent *send_to(struct world *w, uint64_t id, const char *address)
{
	struct sent *s = world_send(w, id, address, "");

	world_turn(w);
	return s;
}

/* The login is not for anybody who answers in its place. */
static void test_a_message_cannot_ask_for_less(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->tls_demand = TLS_DEMAND_NONE;
	s = send_to(w, 1, "user@one.example");
	world_route(w, "relay.example=192.0.2.1");
	assert_int_equal(w->conns[0]->security, SMTP_VERIFIED);
	conn_end(w, 0, SMTP_END_TLS_FAILED, 0, "handshake");
	assert_int_equal(w->conn_count, 1);
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
}

static void test_one_that_cannot_keep_requiretls(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->tls_demand = TLS_DEMAND_REQUIRED;
	s = send_to(w, 1, "user@one.example");
	world_route(w, "relay.example=192.0.2.1");
	conn_end(w, 0, SMTP_END_TLS_UNVERIFIED, 0, "too old");
	assert_int_equal(s->kind, OUTCOME_DEFERRED); /* ours to mend */
	s = send_to(w, 2, "user@two.example");
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
}

static void test_one_way_for_all(void **state)
{
	struct world *w = *state;
	struct sent *s;

	w->tls_floor = TLS_LEVEL_TLS; /* of the domain: it means nothing */
	s = send_to(w, 1, "user@one.example");
	(void)send_to(w, 1, "user@two.example");
	assert_int_equal(w->asked, 1);
	assert_string_equal(w->asked_hosts, "relay.example;");
	world_route(w, "!relay.example=192.0.2.1");
	assert_int_equal(w->conn_count, 1);
	assert_string_equal(w->conns[0]->host, "relay.example");
	assert_int_equal(w->conns[0]->security, SMTP_VERIFIED);
	assert_int_equal(w->conns[0]->name_count, 0);
	assert_string_equal(w->conns[0]->user, "me");
	assert_string_equal(w->conns[0]->password, "secret");
	assert_false(w->conns[0]->is_tls_first);
	conn_ready(w, 0);
	assert_int_equal(w->conns[0]->message->recipient_count, 2);
	conn_done(w, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(s->kind, OUTCOME_DELIVERED);
	assert_string_equal(s->server, "relay.example");
	assert_string_equal(s->tls_reason, "");
}

static void test_via_and_mx_go_their_way(void **state)
{
	struct world *w = *state;
	struct smarthost *smarthost = w->smarthost;

	(void)world_send(w, 1, "user@one.example", "a.example");
	world_turn(w);
	assert_string_equal(w->asked_hosts, "a.example;");
	world_route(w, "a.example=192.0.2.1");
	assert_string_equal(w->conns[0]->user, "");
	assert_int_equal(w->conns[0]->security, SMTP_OPPORTUNISTIC);
	/* the route is signed, but its domain is nobody's */
	assert_int_equal(w->conns[0]->name_count, 0);
	w->smarthost = NULL;
	(void)send_to(w, 2, "user@one.example");
	w->smarthost = smarthost;
	assert_string_equal(w->asked_hosts, "");
	assert_string_equal(w->asked_domain, "one.example");
	world_route(w, "mx=192.0.2.2");
	assert_int_equal(w->conns[1]->name_count, 1);
}

/* A host of the same name as a smarthost's or a domain's is another one. */
static void test_another_user_is_another_destination(void **state)
{
	static const char *const other[] = { "host=relay.example", "user=you",
					     NULL };
	struct world *w = *state;

	(void)send_to(w, 1, "user@one.example");
	world_route(w, "relay.example=192.0.2.1");
	make(other, "other", &w->smarthost);
	(void)send_to(w, 2, "user@one.example");
	world_route(w, "relay.example=192.0.2.1");
	assert_int_equal(w->conn_count, 2);
	assert_string_equal(w->conns[1]->user, "you");
	assert_string_equal(w->conns[1]->password, "other");
}

static void test_an_address_is_not_asked_for(void **state)
{
	static const struct {
		const char *const settings[3];
		const char *address;
	} cases[] = {
		{ { "host=127.0.0.1", "port=465" }, "127.0.0.1" },
		{ { "host=[2001:db8::1]", "port=465" }, "2001:db8::1" },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < 2; i++) {
		make(cases[i].settings, "", &w->smarthost);
		(void)send_to(w, i, "user@one.example");
		assert_int_equal(w->asked, 0);
		assert_string_equal(world_conn(w, i)->address,
				    cases[i].address);
		assert_string_equal(w->conns[i]->host, cases[i].address);
		assert_string_equal(w->conns[i]->user, "");
		assert_true(w->conns[i]->is_tls_first);
		assert_int_equal(w->conns[i]->security, SMTP_VERIFIED);
	}
}

/* What is wrong with it is wrong with us. */
static void test_no_trouble_with_it_refuses_mail(void **state)
{
	static const enum route_result results[] = {
		ROUTE_NO_DOMAIN, ROUTE_NO_HOST,   ROUTE_NULL_MX,
		ROUTE_LOOP,      ROUTE_TRY_LATER,
	};
	static const unsigned codes[] = { 530, 534, 535, 538 };
	struct world *w = *state;
	struct sent *s;
	unsigned id = 0;

	for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		world_configure(w); /* asks again */
		s = send_to(w, id++, "user@one.example");
		world_no_route(w, results[i]);
		assert_int_equal(s->ends, 1);
		assert_int_equal(s->kind, OUTCOME_DEFERRED);
		assert_int_equal(s->status[0], 4);
		assert_int_equal(s->code, 0);
	}
	world_configure(w);
	s = send_to(w, id++, "user@one.example");
	world_route(w, "relay.example=192.0.2.1");
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		conn_ready(w, 0);
		conn_done(w, 0, OUTCOME_REFUSED, codes[i]);
		assert_int_equal(s->kind, OUTCOME_DEFERRED);
		assert_int_equal(s->code, codes[i]);
		s = send_to(w, id++, "user@one.example");
	}
	conn_done(w, 0, OUTCOME_REFUSED, 550);
	assert_int_equal(s->kind, OUTCOME_REFUSED);
}

static void test_another_password_is_tried_at_once(void **state)
{
	struct world *w = *state;
	struct sent *s = send_to(w, 1, "user@one.example");

	world_route(w, "relay.example=192.0.2.1");
	conn_end(w, 0, SMTP_END_LOGIN, 0, "the login was refused");
	assert_int_equal(s->kind, OUTCOME_DEFERRED);
	make(usual, "secret", &w->smarthost);
	s = send_to(w, 2, "user@one.example");
	assert_int_equal(s->ends, 1); /* the same: it rests */
	assert_int_equal(w->conn_count, 1);
	make(usual, "better", &w->smarthost);
	s = send_to(w, 3, "user@one.example");
	world_route(w, "relay.example=192.0.2.1");
	assert_int_equal(s->ends, 0);
	assert_string_equal(world_conn(w, 1)->password, "better");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
	const struct CMUnitTest tests[] = {
		TEST(test_one_way_for_all),
		TEST(test_a_message_cannot_ask_for_less),
		TEST(test_one_that_cannot_keep_requiretls),
		TEST(test_via_and_mx_go_their_way),
		TEST(test_another_user_is_another_destination),
		TEST(test_an_address_is_not_asked_for),
		TEST(test_no_trouble_with_it_refuses_mail),
		TEST(test_another_password_is_tried_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
