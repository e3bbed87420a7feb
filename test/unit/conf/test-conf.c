#include "conf/conf.h"

#include "base/mem.h"
#include "conf/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void test_defaults(void **state)
{
	struct conf *c = conf_new();

	(void)state;
	assert_string_equal(c->hostname, "");
	assert_int_equal(c->listen_smtp.count, 2);
	assert_string_equal(c->listen_smtp.items[1], "[::]:25");
	assert_true(c->message_size_limit == 50 << 20);
	assert_true(c->in_session_timeout == 20);
	assert_true(c->in_session_delivery);
	assert_true(c->workers == 0);
	assert_string_equal(c->log_level, "info");
	conf_complete(c);
	assert_true(c->hostname[0] != '\0');
	assert_true(c->workers >= 1 && c->workers <= 64);
	conf_free(&c);
	assert_null(c);
}

static const struct {
	const char *name, *value;
	const char *error; /* NULL: it is taken */
} settings[] = {
	{ "hostname", "Mail.Example.COM", NULL },
	{ "hostname", "mail example",
	  "f:7: hostname: \"mail example\" is no host name; write one like "
	  "mail.example.com" },
	{ "workers", "3", NULL },
	{ "workers", "65", "f:7: workers: 65 is too much; 0 to 64" },
	{ "workers", "x", "f:7: workers: \"x\" is no number; 0 to 64" },
	{ "recipient_limit", "99",
	  "f:7: recipient_limit: 99 is too little; 100 to 4000" },
	{ "message_size_limit", "1M", NULL },
	{ "message_size_limit", "50X",
	  "f:7: message_size_limit: \"50X\" is no size; 64K to 1T, like 64K or "
	  "50M" },
	{ "session_timeout", "2d",
	  "f:7: session_timeout: 2d is too much; 1s to 1h" },
	{ "session_timeout", "soon",
	  "f:7: session_timeout: \"soon\" is no time; 1s to 1h, like 20s or "
	  "5d" },
	{ "in_session_delivery", "no", NULL },
	{ "in_session_delivery", "maybe",
	  "f:7: in_session_delivery: \"maybe\" is neither; yes or no" },
	{ "listen_smtp", "127.0.0.1:2525", NULL },
	{ "listen_smtp", "", NULL },
	{ "listen_smtp", "2525",
	  "f:7: listen_smtp: \"2525\" is no ADDRESS:PORT; write it like "
	  "192.0.2.1:25 or [2001:db8::1]:25" },
	{ "state_dir", "var",
	  "f:7: state_dir: \"var\" is no path from the root; it begins with a "
	  "/" },
	{ "dovecot_auth_client", "", NULL },
	{ "dovecot_auth_client", "/run/x", NULL },
	{ "dovecot_auth_client", "x",
	  "f:7: dovecot_auth_client: \"x\" is no path from the root; it begins "
	  "with a /" },
	{ "dovecot_lmtp", "inet:127.0.0.1:24", NULL },
	{ "dovecot_lmtp", "inet:[::1]:24", NULL },
	{ "dovecot_lmtp", "inet:localhost:24",
	  "f:7: dovecot_lmtp: \"inet:localhost:24\" is no place to deliver to; "
	  "write a path from the root or inet:ADDRESS:PORT, IPv6 in brackets" },
	{ "recipient_delimiter", "+-", NULL },
	{ "recipient_delimiter", "@",
	  "f:7: recipient_delimiter: \"@\" is not allowed; any of "
	  "!#$%&'+-./=?^_`{|}~" },
	{ "drop_characters", ".", NULL },
	{ "drop_characters", "a",
	  "f:7: drop_characters: \"a\" is not allowed; any of "
	  "!#$%&'+-./=?^_`{|}~" },
	{ "log", "journal", NULL },
	{ "log", "/var/log/culver", NULL },
	{ "log", "jornal",
	  "f:7: log: \"jornal\" is no log; journal, syslog, stderr or a path "
	  "from the root" },
	{ "log_level", "warning", NULL },
	{ "log_level", "loud",
	  "f:7: log_level: \"loud\" is no level; error, warning, info or "
	  "debug" },
	{ "log", "/\x01", "f:7: log: the value is not plain UTF-8 text" },
	{ "drop_characters", "+++++++++",
	  "f:7: drop_characters: \"+++++++++...\" is too long; at most 8 "
	  "octets" },
};

static void test_set(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(settings); i++) {
		struct conf *c = conf_new();
		struct conf_errors *e = conf_errors_new();
		bool is_set = conf_set(
			c, settings_find(&conf_settings, settings[i].name),
			&settings[i].value, 1, "f", 7, e);

		print_message("%s = %s\n", settings[i].name, settings[i].value);
		assert_int_equal(is_set, settings[i].error == NULL);
		assert_int_equal(conf_errors_lines(e), is_set ? 0 : 1);
		if (!is_set)
			assert_string_equal(conf_errors_line(e, 0),
					    settings[i].error);
		conf_errors_free(&e);
		conf_free(&c);
	}
}

static void test_counts(void **state)
{
	static const char *const two[] = { "127.0.0.1:1", "[::1]:2" };
	struct conf *c = conf_new();
	struct conf_errors *e = conf_errors_new();

	(void)state;
	assert_true(conf_set(c, settings_find(&conf_settings, "listen_smtp"),
			     two, 2, "f", 1, e));
	assert_int_equal(c->listen_smtp.count, 2);
	assert_string_equal(c->listen_smtp.items[0], "127.0.0.1:1");
	assert_true(conf_set(c, settings_find(&conf_settings, "listen_smtp"),
			     two, 0, "f", 1, e));
	assert_int_equal(c->listen_smtp.count, 0);
	assert_false(conf_set(c, settings_find(&conf_settings, "workers"), two,
			      2, "f", 1, e));
	assert_false(conf_set(c, settings_find(&conf_settings, "workers"), two,
			      0, "f", 1, e));
	assert_false(conf_set(c, conf_settings.count, two, 1, NULL, 0, e));
	assert_string_equal(conf_errors_line(e, 2), "there is no such setting");
	conf_errors_free(&e);
	conf_free(&c);
}

/* The parent sends every setting as text to the roles. */
static void test_round_trip(void **state)
{
	static const char *const three[] = { "127.0.0.1:1", "[::1]:2",
					     "10.0.0.1:3" };
	static const char *const hour = "90m";
	struct conf *from = conf_new(), *to = conf_new();
	struct conf_errors *e = conf_errors_new();
	struct arena *a = arena_new(1 << 20);

	(void)state;
	assert_true(conf_set(from,
			     settings_find(&conf_settings, "listen_submission"),
			     three, 3, NULL, 0, e));
	assert_true(conf_set(from,
			     settings_find(&conf_settings, "queue_lifetime"),
			     &hour, 1, NULL, 0, e));
	from->workers = 7;
	from->in_session_delivery = false;
	for (size_t i = 0; i < conf_settings.count; i++) {
		size_t count;
		const char **values = conf_get(from, i, a, &count);

		assert_true(conf_set(to, i, values, count, NULL, 0, e));
	}
	assert_int_equal(to->listen_submission.count, 3);
	assert_string_equal(to->listen_submission.items[2], "10.0.0.1:3");
	assert_true(to->queue_lifetime == 5400);
	assert_true(to->workers == 7);
	assert_false(to->in_session_delivery);
	assert_string_equal(to->state_dir, from->state_dir);
	arena_free(&a);
	conf_errors_free(&e);
	conf_free(&from);
	conf_free(&to);
}

/* So do those of filters. */
static void test_milter_round_trip(void **state)
{
	static const char *const macros[] = { "{a}=b=c", "j" };
	static const char *const slow = "90s";
	const struct check_place at = { .errors = conf_errors_new() };
	struct conf *from = conf_new(), *to = conf_new();
	struct block block, other;
	struct conf_milter *m, *copy;
	struct conf_errors *e = at.errors;
	struct arena *a = arena_new(1 << 20);

	(void)state;
	assert_true(block_add(from, BLOCK_MILTER, S("Ab-1_"), &block));
	assert_true(block_add(to, BLOCK_MILTER, S("x"), &other));
	m = block.values;
	copy = other.values;
	assert_true(block_set(from, &block,
			      settings_find(&conf_milter_settings, "macros"),
			      macros, 2, &at));
	assert_true(block_set(
		from, &block,
		settings_find(&conf_milter_settings, "connect_timeout"), &slow,
		1, &at));
	m->dry_run = true;
	m->socket = "/x";
	for (size_t i = 0; i < conf_milter_settings.count; i++) {
		size_t count;
		const char **values = block_get(&block, i, a, &count);

		assert_true(block_set(to, &other, i, values, count, &at));
	}
	assert_string_equal(copy->macros.items[0], "{a}=b=c");
	assert_true(copy->connect_timeout == 90 && copy->dry_run);
	assert_string_equal(copy->socket, "/x");
	assert_string_equal(copy->name, "x");
	arena_free(&a);
	conf_errors_free(&e);
	conf_free(&from);
	conf_free(&to);
}

static void test_milter_names(void **state)
{
	struct conf *c = conf_new();
	const struct conf_milter *m = conf_add_milter(c, S("Ab"));

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->name, "Ab");
	assert_null(conf_add_milter(c, S("aB")));
	assert_null(conf_add_milter(c, S("")));
	assert_null(conf_add_milter(c, S("a.b")));
	assert_ptr_equal(conf_milter_named(c, S("AB")), m);
	assert_null(conf_milter_named(c, S("A")));
	assert_int_equal(c->milter_count, 1);
	conf_free(&c);
}

static void test_smarthost_for(void **state)
{
	static const struct {
		const char *reverse_path, *want; /* NULL: by MX */
	} cases[] = {
		{ "a@one.example", "one.example" },
		{ "\"a@b\"@ONE.Example", "one.example" },
		{ "a@sub.one.example", "" },
		{ "a@other.example", "" },
		{ "a@\u00fc.example", "xn--tda.example" },
		{ "a@xn--tda.example", "xn--tda.example" },
		{ "a@direct.example", NULL },
		{ "a@[192.0.2.1]", "" },
		{ "", "" },
		{ "bare", "" },
	};
	struct conf *c = conf_new();

	(void)state;
	assert_null(conf_smarthost_for(c, S("a@one.example")));
	assert_non_null(conf_add_smarthost(c, S("One.example")));
	assert_null(conf_smarthost_for(c, S("a@other.example")));
	assert_non_null(conf_add_smarthost(c, S("")));
	assert_non_null(conf_add_smarthost(c, S("\u00fc.example")));
	conf_add_smarthost(c, S("direct.example"))->direct = true;
	assert_null(conf_add_smarthost(c, S("")));
	assert_null(conf_add_smarthost(c, S("ONE.example")));
	assert_null(conf_add_smarthost(c, S("a b")));
	assert_null(conf_add_smarthost(c, S("[192.0.2.1]")));
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct conf_smarthost *s =
			conf_smarthost_for(c, slice_of(cases[i].reverse_path));

		if (cases[i].want == NULL)
			assert_null(s);
		else
			assert_string_equal(s->name, cases[i].want);
	}
	conf_free(&c);
}

static void test_smarthost_tls(void **state)
{
	struct conf *c = conf_new();
	struct conf_smarthost *s = conf_add_smarthost(c, S(""));

	(void)state;
	assert_int_equal(s->port, 587);
	assert_false(conf_smarthost_is_tls_first(s));
	s->port = 465;
	assert_true(conf_smarthost_is_tls_first(s));
	s->tls = "starttls";
	assert_false(conf_smarthost_is_tls_first(s));
	s->port = 587;
	s->tls = "immediate";
	assert_true(conf_smarthost_is_tls_first(s));
	conf_free(&c);
}

static const struct {
	const char *name, *nearest;
} names[] = {
	{ "hostnam", "hostname" },
	{ "recipient_limt", "recipient_limit" },
	{ "message_size", NULL },
	{ "worker", "workers" },
	{ "lgo", "log" },
	{ "listen_submision", "listen_submission" },
	{ "submission_address", NULL },
	{ "", NULL },
	{ "loooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo",
	  NULL },
};

static void test_nearest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *nearest =
			settings_nearest(&conf_settings, names[i].name);

		print_message("%s\n", names[i].name);
		if (names[i].nearest == NULL)
			assert_null(nearest);
		else
			assert_string_equal(nearest, names[i].nearest);
	}
	assert_string_equal(
		conf_settings.rows[settings_find(&conf_settings, "log")].name,
		"log");
	assert_int_equal(settings_find(&conf_settings, "nothing"),
			 conf_settings.count);
}

static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	print(f);
	(void)fclose(f);
	return text;
}

static void test_pages(void **state)
{
	char *man = printed(conf_print_man);
	char *sample = printed(conf_print_sample);

	(void)state;
	for (size_t i = 0; i < conf_settings.count; i++) {
		char want[128];

		(void)snprintf(want, sizeof(want), "\n.BR %s \"",
			       conf_settings.rows[i].name);
		assert_non_null(strstr(man, want));
		(void)snprintf(want, sizeof(want),
			       "\n#%s = ", conf_settings.rows[i].name);
		assert_non_null(strstr(sample, want));
	}
	for (unsigned kind = 0; kind < BLOCK_KINDS; kind++) {
		const struct settings *table =
			block_settings((enum block_kind)kind);

		for (size_t i = 0; i < table->count; i++) {
			const char *name = table->rows[i].name;
			char want[128];

			(void)snprintf(want, sizeof(want), "\n.BR %s \"", name);
			assert_non_null(strstr(man, want));
			(void)snprintf(want, sizeof(want),
				       "\n#    %s = ", name);
			assert_non_null(strstr(sample, want));
		}
	}
	free(man);
	free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_milter_round_trip),
		cmocka_unit_test(test_milter_names),
		cmocka_unit_test(test_smarthost_for),
		cmocka_unit_test(test_smarthost_tls),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
