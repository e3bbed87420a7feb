#include "receive/filter_set.h"

#include "fake_role.h"
#include "milter/filter-private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- the parent ----------------------------------------------------------------- */

static struct {
	char filter[32];
	unsigned attempt;
	void *token;
} wanted;

void role_want_socket(struct role_self *self, enum socket_kind kind,
		      struct slice name, unsigned attempt, role_on_socket *done,
		      void *arg)
{
	(void)self;
	(void)done;
	assert_int_equal(kind, SOCKET_MILTER);
	assert_true(name.n < sizeof(wanted.filter));
	memcpy(wanted.filter, name.p, name.n);
	wanted.attempt = attempt;
	wanted.token = arg;
}

void role_forget_socket(struct role_self *self, void *arg)
{
	(void)self;
	assert_ptr_equal(wanted.token, arg);
	wanted.token = NULL;
}

/* --- configurations --------------------------------------------------------------- */

static const char *all[] = { "smtp", "submission", "local" };
static const char *some[] = { "submission" };
static const char *macros[] = { "{a}=b=c", "j" };

static struct conf_milter milters[] = {
	{ .name = "one",
	  .on_failure = "tempfail",
	  .listeners = { all, 3 },
	  .connect_timeout = 30,
	  .command_timeout = 31,
	  .content_timeout = 300,
	  .protocol = 6,
	  .header_index = "live" },
	{ .name = "two",
	  .on_failure = "quarantine",
	  .listeners = { some, 1 },
	  .only_authenticated = true,
	  .dry_run = true,
	  .macros = { macros, 2 },
	  .protocol = 4,
	  .header_index = "original" },
};

static struct milter_set *make(struct role_self *self, size_t count,
			       struct milter_set *previous)
{
	self->conf.milters = milters;
	self->conf.milter_count = count;
	self->conf.message_size_limit = 12345;
	return filter_set_new(self, &self->conf, previous);
}

static void test_settings(void **state)
{
	struct role_self self;
	struct milter_set *set;
	const struct milter_filter_config *c;

	(void)state;
	fake_role_init(&self);
	set = make(&self, 2, NULL);
	assert_int_equal(set->config.body_limit, 12345);
	assert_int_equal(set->config.message_ms, 480000);
	c = &set->filters[0].config;
	assert_string_equal(c->name, "one");
	assert_int_equal(c->on_failure, MILTER_FAILURE_TEMPFAIL);
	assert_int_equal(c->listeners,
			 FILTER_SMTP | FILTER_SUBMISSION | FILTER_LOCAL);
	assert_int_equal(c->connect_ms, 30000);
	assert_int_equal(c->command_ms, 31000);
	assert_int_equal(c->content_ms, 300000);
	assert_int_equal(c->version, 6);
	assert_false(c->is_original_index || c->dry_run);
	c = &set->filters[1].config;
	assert_int_equal(c->on_failure, MILTER_FAILURE_QUARANTINE);
	assert_int_equal(c->listeners, FILTER_SUBMISSION);
	assert_true(c->only_authenticated && !c->only_unauthenticated);
	assert_true(c->is_original_index && c->dry_run);
	assert_int_equal(c->macro_count, 2);
	assert_true(slice_equal(c->macros[0].name, S("{a}")));
	assert_true(slice_equal(c->macros[0].value, S("b=c")));
	assert_true(slice_equal(c->macros[1].name, S("j")));
	assert_int_equal(c->macros[1].value.n, 0);
	milter_set_release(&set);
	fake_role_done(&self);
}

static void test_counters_go_on(void **state)
{
	struct role_self self;
	struct milter_set *set;

	(void)state;
	fake_role_init(&self);
	set = make(&self, 1, NULL);
	set->filters[0].stats.messages = 7;
	set = make(&self, 2, set);
	assert_int_equal(milter_set_stats(set, 0).messages, 7);
	assert_null(make(&self, 0, set));
	fake_role_done(&self);
}

static void test_sockets_are_the_parents(void **state)
{
	struct role_self self;
	struct milter_set *set;
	const struct milter_connector *c;
	int token;

	(void)state;
	fake_role_init(&self);
	set = make(&self, 1, NULL);
	c = &set->config.connector;
	c->want("one", 3, &token, c->arg);
	assert_string_equal(wanted.filter, "one");
	assert_int_equal(wanted.attempt, 3);
	c->forget(&token, c->arg);
	assert_null(wanted.token);
	milter_set_release(&set);
	fake_role_done(&self);
}

static void test_control_hears_all(void **state)
{
	struct role_self self;
	struct milter_set *set;
	const struct message *m;

	(void)state;
	fake_role_init(&self);
	set = make(&self, 2, NULL);
	set->filters[1].stats.rejected = 3;
	milter_filter_failed(&set->filters[1], S("it is gone"));
	filter_set_list(set, role_peer(&self, ROLE_CONTROL, 0), 9);
	filter_set_list(NULL, role_peer(&self, ROLE_CONTROL, 0), 10);
	assert_int_equal(fake_role_count(&self, MESSAGE_MILTER_STATE), 2);
	m = fake_role_sent(&self, MESSAGE_MILTER_STATE, 1);
	assert_int_equal(m->milter_state.id, 9);
	assert_int_equal(m->milter_state.place, 1);
	assert_true(slice_equal(m->milter_state.name, S("two")));
	assert_int_equal(m->milter_state.rejected, 3);
	assert_int_equal(m->milter_state.failed, 1);
	assert_true(slice_equal(m->milter_state.problem, S("it is gone")));
	assert_int_equal(fake_role_sent(&self, MESSAGE_MILTER_LIST_END, 0)
				 ->milter_list_end.id,
			 9);
	assert_int_equal(fake_role_sent(&self, MESSAGE_MILTER_LIST_END, 1)
				 ->milter_list_end.id,
			 10);
	milter_set_release(&set);
	fake_role_done(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_counters_go_on),
		cmocka_unit_test(test_sockets_are_the_parents),
		cmocka_unit_test(test_control_hears_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
