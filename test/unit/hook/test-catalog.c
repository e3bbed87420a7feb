#include "hook/catalog.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void add(struct catalog *c, struct slice domain, struct slice aliases)
{
	const struct msg_conf_domain m = { .domain = domain,
					   .aliases = aliases };

	catalog_add_domain(c, &m);
}

static void test_commands(void **state)
{
	AUTO(catalog_free) struct catalog *c = catalog_new();

	(void)state;
	add(c, S("example.com"),
	    S("# comment\nlist: | /bin/lists post, a\ninfo: alice\n"
	      "Big.Name: |prog x\n*: | catch all\n"));
	add(c, S("example.net"), S("list: alice\n"));
	add(c, S("example.org"), S(""));
	assert_true(catalog_read(c, "."));
	assert_true(slice_equal(catalog_command(c, S("list@example.com")),
				S("/bin/lists post, a")));
	assert_true(slice_equal(catalog_command(c, S("bigname@example.com")),
				S("prog x")));
	assert_true(slice_equal(catalog_command(c, S("*@example.com")),
				S("catch all")));
	assert_int_equal(catalog_command(c, S("info@example.com")).n, 0);
	assert_int_equal(catalog_command(c, S("none@example.com")).n, 0);
	assert_int_equal(catalog_command(c, S("list@example.net")).n, 0);
	assert_int_equal(catalog_command(c, S("list")).n, 0);
	assert_int_equal(catalog_command(c, S("")).n, 0);
}

static void test_unreadable(void **state)
{
	AUTO(catalog_free) struct catalog *c = catalog_new();

	(void)state;
	add(c, S("example.com"), S("no colon | here\n"));
	assert_false(catalog_read(c, "."));
}

static void test_hooks(void **state)
{
	AUTO(catalog_free) struct catalog *c = catalog_new();
	const struct msg_conf_hooks m = { .directory = S("/etc/culver"),
					  .has_post_data = true,
					  .has_alias_resolve = true };

	(void)state;
	assert_false(catalog_has_alias_resolve(c));
	assert_string_equal(catalog_directory(c), "");
	catalog_add_hooks(c, &m);
	assert_true(catalog_has_alias_resolve(c));
	assert_string_equal(catalog_directory(c), "/etc/culver");
	assert_string_equal(catalog_post_data(c),
			    "/etc/culver/hooks/post-data");
	assert_string_equal(catalog_alias_resolve(c),
			    "/etc/culver/hooks/alias-resolve");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_hooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
