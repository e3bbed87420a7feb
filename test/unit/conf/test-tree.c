#include "conf/tree.h"

#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static char root[64];

/* --- a directory to read --------------------------------------------------------- */

static const char *at(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static FILE *create(const char *name)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	return f;
}

static void put(const char *name, const char *text)
{
	FILE *f = create(name);

	(void)fputs(text, f);
	(void)fclose(f);
}

static void make(const char *name)
{
	assert_int_equal(mkdir(at(name), 0755), 0);
}

static X509 *make_certificate(EVP_PKEY *key, long days)
{
	X509 *x = X509_new();

	(void)X509_gmtime_adj(X509_getm_notBefore(x), -86400L * 100);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days + 60);
	(void)X509_set_pubkey(x, key);
	(void)X509_set_version(x, 2);
	(void)X509_sign(x, key, EVP_sha256());
	return x;
}

static void put_certificate(const char *chain, const char *key, long days)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = make_certificate(pkey, days);
	FILE *f;

	if (chain != NULL) {
		f = create(chain);
		(void)PEM_write_X509(f, x);
		(void)PEM_write_X509(f, x);
		(void)fclose(f);
	}
	if (key != NULL) {
		f = create(key);
		(void)PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
		(void)fclose(f);
		(void)chmod(at(key), 0600);
	}
	X509_free(x);
	EVP_PKEY_free(pkey);
}

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(root, "/tmp/culver-tree-XXXXXX");
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

/* The lines after the directory's name. */
static void check_errors(const struct conf_errors *e, const char *want)
{
	char got[4096] = "";
	size_t n = 0, skip = strlen(root) + 1;

	for (size_t i = 0; i < conf_errors_lines(e); i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s\n",
				      conf_errors_line(e, i) + skip);
	assert_string_equal(got, want);
}

#define NO_DOMAIN                                                              \
	"domains: no domain is ours, so mail is taken from logins only; a "    \
	"directory named like a domain makes it ours\n"
#define NO_CERTIFICATE                                                         \
	"certs: no certificate: port 25 runs without STARTTLS, and "           \
	"submission stays closed; put NAME/fullchain.pem and "                 \
	"NAME/privkey.pem here\n"

static struct tree *load(const char *want)
{
	struct conf_errors *e = conf_errors_new();
	struct tree *t = tree_load(root, NULL, 0, e);

	check_errors(e, want);
	assert_int_equal(t == NULL, conf_errors_count(e) > 0);
	conf_errors_free(&e);
	return t;
}

static void refuse(const char *want)
{
	assert_null(load(want));
}

/* --- tests -------------------------------------------------------------------------- */

static void test_nothing(void **state)
{
	struct tree *t = load(NO_DOMAIN NO_CERTIFICATE);

	(void)state;
	assert_int_equal(t->domain_count, 0);
	assert_int_equal(t->certificate_count, 0);
	assert_true(t->conf->workers > 0);
	tree_free(&t);
	assert_null(t);
}

static void test_all(void **state)
{
	static const char *const overrides[] = { "workers=5", "log=stderr" };
	struct conf_errors *e = conf_errors_new();
	struct tree *t;

	(void)state;
	put("culver.conf", "workers = 3\nhostname = mx.example.com\n");
	make("domains");
	make("domains/x.org");
	make("domains/Example.COM");
	put("domains/Example.COM/aliases", "a: b\n");
	make("domains/.git");
	put("domains/README", "text");
	make("certs");
	make("certs/one");
	put_certificate("certs/one/fullchain.pem", "certs/one/privkey.pem", 90);
	assert_int_equal(symlink("one", at("certs/two")), 0);
	put("certs/README", "text");
	t = tree_load(root, overrides, 2, e);
	check_errors(e, "");
	assert_non_null(t);
	assert_true(t->conf->workers == 5);
	assert_string_equal(t->conf->hostname, "mx.example.com");
	assert_int_equal(t->domain_count, 2);
	assert_string_equal(t->domains[0].name, "example.com");
	assert_true(slice_equal(t->domains[0].aliases, S("a: b\n")));
	assert_string_equal(t->domains[1].name, "x.org");
	assert_int_equal(t->domains[1].aliases.n, 0);
	assert_int_equal(t->certificate_count, 2);
	assert_string_equal(t->certificates[0].name, "one");
	assert_string_equal(t->certificates[1].name, "two");
	assert_true(slice_ends_nocase(slice_of(t->certificates[1].key_path),
				      S("/privkey.pem")));
	tree_free(&t);
	conf_errors_free(&e);
}

static void test_errors_everywhere(void **state)
{
	char want[2048];

	(void)state;
	put("culver.conf", "workrs = 3\n");
	make("domains");
	make("domains/a b");
	make("domains/x.org");
	make("domains/X.ORG");
	put("domains/x.org/aliases", "a: b\na: |\nnothing\n");
	make("certs");
	make("certs/one");
	put("certs/one/fullchain.pem", "x");
	put("certs/one/privkey.pem", "x");
	(void)chmod(at("certs/one/privkey.pem"), 0600);
	(void)snprintf(
		want, sizeof(want),
		"culver.conf:1: workrs: there is no such setting; did you mean "
		"workers?\n"
		"domains/a b: the directory's name is no domain; write it like "
		"example.com\n"
		"domains/x.org/aliases:2: no command after the \"|\"; write USER: "
		"| COMMAND ARGUMENTS\n"
		"domains/x.org/aliases:3: no \":\"; write USER: TARGET, "
		"TARGET\n"
		"domains/x.org/aliases: the domain x.org is also in "
		"%s/domains/X.ORG/aliases\n"
		"certs/one/fullchain.pem: this is no chain of certificates in "
		"PEM\n"
		"certs/one/privkey.pem: this is no private key in PEM without "
		"a password\n" NO_CERTIFICATE,
		root);
	refuse(want);
}

static void test_certificates(void **state)
{
	struct tree *t;

	(void)state;
	make("domains");
	make("domains/x.org");
	make("certs");
	make("certs/empty");
	make("certs/half");
	put_certificate("certs/half/fullchain.pem", NULL, 90);
	make("certs/old");
	put_certificate("certs/old/fullchain.pem", "certs/old/privkey.pem",
			-10);
	make("certs/open");
	put_certificate("certs/open/fullchain.pem", "certs/open/privkey.pem",
			90);
	(void)chmod(at("certs/open/privkey.pem"), 0644);
	make("certs/soon");
	put_certificate("certs/soon/fullchain.pem", "certs/soon/privkey.pem",
			13);
	t = load("certs/empty: passed over: it takes fullchain.pem and "
		 "privkey.pem\n"
		 "certs/half: passed over: it takes fullchain.pem and "
		 "privkey.pem\n"
		 "certs/old/fullchain.pem: the certificate has expired\n"
		 "certs/open/privkey.pem: everyone on this machine can read "
		 "the key; mode 0600 or 0640 is right\n"
		 "certs/soon/fullchain.pem: the certificate expires in 13 "
		 "days\n");
	assert_int_equal(t->certificate_count, 3);
	tree_free(&t);
}

static void put_dkim_key(const char *path)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *f = create(path);

	(void)PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	(void)fclose(f);
	EVP_PKEY_free(key);
}

static void test_dkim_keys(void **state)
{
	struct tree *t;
	uint64_t print;

	(void)state;
	make("domains");
	make("domains/X.org");
	make("domains/y.org");
	put_dkim_key("domains/X.org/dkim:Two.pem");
	put_dkim_key("domains/X.org/dkim:one.pem");
	put_dkim_key("domains/y.org/dkim:a.b.pem");
	(void)chmod(at("domains/X.org/dkim:one.pem"), 0600);
	(void)chmod(at("domains/X.org/dkim:Two.pem"), 0640);
	(void)chmod(at("domains/y.org/dkim:a.b.pem"), 0644);
	put("domains/y.org/dkim:away.pem.old", "x");
	t = load("domains/y.org/dkim:a.b.pem: everyone on this machine can "
		 "read the key; mode 0600 or 0640 is right\n" NO_CERTIFICATE);
	assert_int_equal(t->dkim_key_count, 3);
	assert_string_equal(t->dkim_keys[0].domain, "x.org");
	assert_string_equal(t->dkim_keys[0].selector, "two");
	assert_string_equal(t->dkim_keys[1].selector, "one");
	assert_string_equal(t->dkim_keys[2].selector, "a.b");
	assert_int_equal(t->dkim_keys[2].kind, DKIM_KEY_ED25519);
	print = tree_keys_fingerprint(t);
	assert_int_equal(t->system_print,
			 tree_system_fingerprint(t->conf) ^ print);
	put_dkim_key("domains/X.org/dkim:one.pem");
	assert_int_not_equal(tree_keys_fingerprint(t), print);
	tree_free(&t);
	put("domains/y.org/dkim:a.b.pem", "x");
	(void)chmod(at("domains/y.org/dkim:a.b.pem"), 0600);
	refuse("domains/y.org/dkim:a.b.pem: this is no private key in PEM "
	       "without a password\n" NO_CERTIFICATE);
}

static void test_wrong_key(void **state)
{
	struct conf_errors *e = conf_errors_new();

	(void)state;
	make("certs");
	make("certs/one");
	put_certificate("certs/one/fullchain.pem", NULL, 90);
	put_certificate(NULL, "certs/one/privkey.pem", 90);
	assert_null(tree_load(root, NULL, 0, e));
	assert_int_equal(conf_errors_count(e), 1);
	assert_non_null(strstr(conf_errors_line(e, 1),
			       "certs/one/privkey.pem: this key does not "
			       "belong to the first certificate in "));
	conf_errors_free(&e);
}

static void test_strange_files(void **state)
{
	(void)state;
	make("culver.conf");
	make("domains");
	make("domains/x.org");
	assert_int_equal(mkfifo(at("domains/x.org/aliases"), 0600), 0);
	assert_int_equal(symlink("/nonexistent", at("domains/y.org")), 0);
	refuse("culver.conf: cannot be read: Is a directory\n"
	       "domains/x.org/aliases: cannot be read: Invalid argument\n"
	       "domains/y.org: cannot be read: No such file or "
	       "directory\n" NO_CERTIFICATE);
}

static void test_too_big(void **state)
{
	(void)state;
	make("domains");
	make("domains/x.org");
	put("domains/x.org/aliases", "a: b\n");
	assert_int_equal(truncate(at("domains/x.org/aliases"), (4 << 20) + 1),
			 0);
	refuse("domains/x.org/aliases: cannot be read: File too large\n" NO_CERTIFICATE);
}

static void test_hooks(void **state)
{
	struct tree *t;

	(void)state;
	make("domains");
	make("domains/x.org");
	make("hooks");
	put("hooks/post-data", "#!/bin/true\n");
	(void)chmod(at("hooks/post-data"), 0755);
	t = load(NO_CERTIFICATE);
	assert_true(t->has_post_data);
	assert_false(t->has_alias_resolve);
	assert_string_equal(t->directory, root);
	tree_free(&t);
	(void)chmod(at("hooks/post-data"), 0644);
	assert_int_equal(symlink("/nonexistent", at("hooks/alias-resolve")), 0);
	t = load(NO_CERTIFICATE
		 "hooks/post-data: cannot be run: it is no executable file; "
		 "all mail is answered with 451\n"
		 "hooks/alias-resolve: cannot be run: No such file or "
		 "directory; recipients are answered with 451\n");
	assert_true(t->has_post_data);
	assert_true(t->has_alias_resolve);
	tree_free(&t);
}

/* --- the fingerprint ------------------------------------------------------------------ */

static uint64_t last;

static void assert_changed(const char *what)
{
	uint64_t now = tree_fingerprint(root);

	print_message("%s\n", what);
	assert_true(now != last);
	assert_true(now == tree_fingerprint(root));
	last = now;
}

static void test_fingerprint(void **state)
{
	(void)state;
	last = tree_fingerprint(root);
	assert_true(last == tree_fingerprint(root));
	put("culver.conf", "");
	assert_changed("a new culver.conf");
	put("culver.conf", "workers = 1\n");
	assert_changed("another culver.conf");
	make("hooks");
	assert_changed("hooks/");
	put("hooks/post-data", "");
	assert_changed("a hook");
	(void)chmod(at("hooks/post-data"), 0700);
	assert_changed("an executable hook");
	make("domains");
	make("domains/x.org");
	assert_changed("a new domain");
	put("domains/x.org/aliases", "a: b\n");
	assert_changed("new aliases");
	put("domains/x.org/aliases", "a: bc\n");
	assert_changed("other aliases");
	make("certs");
	make("certs/one");
	make("certs/two");
	put("certs/one/privkey.pem", "1");
	put("certs/two/privkey.pem", "2");
	assert_int_equal(symlink("one", at("certs/live")), 0);
	assert_changed("certificates");
	put("certs/one/privkey.pem", "11");
	assert_changed("another key");
	(void)unlink(at("certs/live"));
	assert_int_equal(symlink("two", at("certs/live")), 0);
	assert_changed("a link that leads elsewhere");
	(void)chmod(at("certs/one/privkey.pem"), 0600);
	assert_changed("a mode");
	(void)unlink(at("domains/x.org/aliases"));
	(void)rmdir(at("domains/x.org"));
	assert_changed("a domain gone");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),           TEST(test_all),
		TEST(test_errors_everywhere), TEST(test_certificates),
		TEST(test_wrong_key),         TEST(test_strange_files),
		TEST(test_too_big),           TEST(test_hooks),
		TEST(test_fingerprint),       TEST(test_dkim_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
