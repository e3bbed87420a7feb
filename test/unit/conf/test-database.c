#include "conf/database.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
	const char *text;
	struct database want;
} good[] = {
	{ "postgresql://culver@/culver?host=/run/postgresql",
	  { .is_unix = true, .port = 5432 } },
	{ "postgresql://culver@%2Frun%2Fpostgresql/culver?port=5433",
	  { .is_unix = true, .port = 5433 } },
	{ "postgresql://u:secret@192.0.2.1/q",
	  { .has_password = true, .port = 5432 } },
	{ "postgresql://u@192.0.2.1:6000/q?sslmode=verify-full"
	  "&sslrootcert=/var/lib/culver/ca.pem",
	  { .port = 6000 } },
	{ "postgresql://u@[2001:db8::1]:6000/q", { .port = 6000 } },
	{ "postgresql://u@[::1]/q", { .port = 5432, .is_loopback = true } },
	{ "postgresql://u@127.0.0.1/q", { .port = 5432, .is_loopback = true } },
	{ "postgresql://u@db.example/q?hostaddr=192.0.2.1", { .port = 5432 } },
};

static const struct {
	const char *text, *problem;
} bad[] = {
	{ "", "begin" },
	{ "/run/postgresql", "begin" },
	{ "postgres://u@127.0.0.1/q", "begin" },
	{ "postgresql://127.0.0.1/q", "user" },
	{ "postgresql://@127.0.0.1/q", "user" },
	{ "postgresql://u@127.0.0.1", "name of a database" },
	{ "postgresql://u@127.0.0.1/", "name of a database" },
	{ "postgresql://u@/q", "no host" },
	{ "postgresql://u@db.example/q", "looked up" },
	{ "postgresql://u@localhost/q", "looked up" },
	{ "postgresql://u@127.0.0.1,127.0.0.2/q", "looked up" },
	{ "postgresql://u@127.0.0.1:0/q", "port" },
	{ "postgresql://u@127.0.0.1:65536/q", "port" },
	{ "postgresql://u@127.0.0.1:1,2/q", "port" },
	{ "postgresql://u@[::1/q", "]" },
	{ "postgresql://u@[::1]x:1/q", "between" },
	{ "postgresql://u@127.0.0.1/q?passfile=/etc/x", "understood" },
	{ "postgresql://u@127.0.0.1/q?service=x", "understood" },
	{ "postgresql://u@127.0.0.1/q?password=x", "password" },
	{ "postgresql://u@127.0.0.1/q?sslmode", "KEY=VALUE" },
	{ "postgresql://u@127.0.0.1/q?sslmode=", "KEY=VALUE" },
	{ "postgresql://u@127.0.0.1/q\n", "%XX" },
	{ "postgresql://u:a b@127.0.0.1/q", "%XX" },
};

static void test_good_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct database d;

		print_message("%s\n", good[i].text);
		assert_null(database_parse(slice_of(good[i].text), &d));
		assert_int_equal(d.is_unix, good[i].want.is_unix);
		assert_int_equal(d.is_loopback, good[i].want.is_loopback);
		assert_int_equal(d.has_password, good[i].want.has_password);
		assert_int_equal(d.port, good[i].want.port);
	}
}

static void test_bad_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct database d;
		const char *problem = database_parse(slice_of(bad[i].text), &d);

		print_message("%s\n", bad[i].text);
		assert_non_null(problem);
		assert_non_null(strstr(problem, bad[i].problem));
	}
}

static size_t warnings(mode_t mode, const char *uri)
{
	char path[] = "/tmp/culver-database-XXXXXX";
	int fd = mkstemp(path);
	AUTO(conf_free) struct conf *conf = conf_new();
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	conf->queue_database = uri;
	database_warn_readable(conf, path, errors);
	fd_close(&fd);
	(void)unlink(path);
	assert_int_equal(conf_errors_count(errors), 0);
	return conf_errors_lines(errors);
}

static void test_a_password_for_everybody_is_warned_of(void **state)
{
	static const char secret[] = "postgresql://u:secret@127.0.0.1/q";
	static const char none[] = "postgresql://u@127.0.0.1/q";

	(void)state;
	assert_int_equal(warnings(0644, secret), 1);
	assert_int_equal(warnings(0640, secret), 0);
	assert_int_equal(warnings(0644, none), 0);
	assert_int_equal(warnings(0644, ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones),
		cmocka_unit_test(test_bad_ones),
		cmocka_unit_test(test_a_password_for_everybody_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
