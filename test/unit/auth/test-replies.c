/* What lines of Dovecot's mean; most were seen from 2.3.19 or 2.4.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/login_reply.h"
#include "auth/mech.h"
#include "auth/userdb_reply.h"
#include "base/mem.h"

static const struct {
	const char *name;
	struct slice line;
	bool is_other; /* no reply at all */
	enum login_verdict verdict;
	struct slice text, user, master, fields, binding;
} login_cases[] = {
	{ .name = "an OK",
	  .line = SLICE("OK\t1\tuser=alice@example.com\t"),
	  .verdict = LOGIN_OK,
	  .user = SLICE("alice@example.com") },
	{ .name = "extra fields of the passdb arrive, secrets do not",
	  .line = SLICE("OK\t1\tuser=a\t\toriginal_user=b\tsmtp_limit=50\t"
			"token=eyJh.x.y\tpass=secret\tresp=QQ==\tflag"),
	  .verdict = LOGIN_OK,
	  .user = SLICE("a"),
	  .fields = SLICE("original_user=b;smtp_limit=50;flag=;") },
	{ .name = "a value is unescaped and keeps its equals signs",
	  .line = SLICE("OK\t1\tuser=a=b\001tc"),
	  .verdict = LOGIN_OK,
	  .user = SLICE("a=b\tc") },
	{ .name = "a master user",
	  .line = SLICE("OK\t1\tuser=alice\tauth_user=admin"),
	  .verdict = LOGIN_OK,
	  .user = SLICE("alice"),
	  .master = SLICE("admin") },
	{ .name = "nologin of 2.3",
	  .line = SLICE("OK\t1\tuser=a\tnologin\treason=Come back later"),
	  .verdict = LOGIN_DISABLED,
	  .user = SLICE("a"),
	  .text = SLICE("Come back later") },
	{ .name = "nologin of 2.4",
	  .line = SLICE("OK\t1\tuser=a\tnologin="),
	  .verdict = LOGIN_DISABLED,
	  .user = SLICE("a") },
	{ .name = "anonymous",
	  .line = SLICE("OK\t1\tuser=anonymous\tanonymous"),
	  .verdict = LOGIN_DISABLED,
	  .user = SLICE("anonymous") },
	{ .name = "proxy: the password was not checked here",
	  .line = SLICE("OK\t1\tuser=a\tproxy\thost=192.0.2.1"),
	  .verdict = LOGIN_DISABLED,
	  .user = SLICE("a"),
	  .fields = SLICE("host=192.0.2.1;") },
	{ .name = "an OK without a user lets nobody in",
	  .line = SLICE("OK\t1"),
	  .verdict = LOGIN_DISABLED },
	{ .name = "an OK with an empty user lets nobody in",
	  .line = SLICE("OK\t1\tuser="),
	  .verdict = LOGIN_DISABLED },
	{ .name = "a failure",
	  .line = SLICE("FAIL\t1\tuser=bob@example.com"),
	  .verdict = LOGIN_FAILED,
	  .user = SLICE("bob@example.com") },
	{ .name = "a bare failure",
	  .line = SLICE("FAIL\t1"),
	  .verdict = LOGIN_FAILED },
	{ .name = "temp_fail is never a wrong password",
	  .line = SLICE("FAIL\t1\tuser=a\tcode=temp_fail"),
	  .verdict = LOGIN_UNAVAILABLE,
	  .user = SLICE("a") },
	{ .name = "temp of Dovecot 2.2",
	  .line = SLICE("FAIL\t1\tuser=a\ttemp"),
	  .verdict = LOGIN_UNAVAILABLE,
	  .user = SLICE("a") },
	{ .name = "user_disabled",
	  .line = SLICE("FAIL\t1\tuser=a\tcode=user_disabled"),
	  .verdict = LOGIN_DISABLED,
	  .user = SLICE("a") },
	{ .name = "pass_expired, with its reason",
	  .line = SLICE("FAIL\t1\tuser=a\tcode=pass_expired\t"
			"reason=Password expired"),
	  .verdict = LOGIN_EXPIRED,
	  .user = SLICE("a"),
	  .text = SLICE("Password expired") },
	{ .name = "authz_fail",
	  .line = SLICE("FAIL\t1\tuser=a\tcode=authz_fail\tauthz"),
	  .verdict = LOGIN_FAILED,
	  .user = SLICE("a") },
	{ .name = "invalid_base64",
	  .line = SLICE("FAIL\t1\tcode=invalid_base64"),
	  .verdict = LOGIN_MALFORMED },
	{ .name = "a code of tomorrow",
	  .line = SLICE("FAIL\t1\tcode=moon_phase"),
	  .verdict = LOGIN_FAILED },
	{ .name = "a reason ends no reply of ours",
	  .line = SLICE("FAIL\t1\treason=a\001r\001n250 ok\0010\x7f\xc3\xa4"),
	  .verdict = LOGIN_FAILED,
	  .text = SLICE("a250 ok??") },
	{ .name = "a challenge",
	  .line = SLICE("CONT\t1\tVXNlcm5hbWU6"),
	  .verdict = LOGIN_CONTINUE,
	  .text = SLICE("VXNlcm5hbWU6") },
	{ .name = "an empty challenge",
	  .line = SLICE("CONT\t1\t"),
	  .verdict = LOGIN_CONTINUE },
	{ .name = "an empty challenge without its TAB",
	  .line = SLICE("CONT\t1"),
	  .verdict = LOGIN_CONTINUE },
	{ .name = "a challenge that asks for channel binding",
	  .line = SLICE("CONT\t1\tQUJD\tchannel_binding=tls-exporter"),
	  .verdict = LOGIN_CONTINUE,
	  .text = SLICE("QUJD"),
	  .binding = SLICE("tls-exporter") },
	{ .name = "a challenge that is not base64 would break our 334",
	  .line = SLICE("CONT\t1\tabc\001r\001n"),
	  .verdict = LOGIN_UNAVAILABLE },
	{ .name = "an unknown command",
	  .line = SLICE("CANCELLED\t1"),
	  .is_other = true },
	{ .name = "no id", .line = SLICE("OK"), .is_other = true },
	{ .name = "id 0", .line = SLICE("OK\t0\tuser=a"), .is_other = true },
	{ .name = "no number",
	  .line = SLICE("OK\tuser=a\t1"),
	  .is_other = true },
	{ .name = "an empty line", .line = SLICE(""), .is_other = true },
};

static void append(char *text, size_t *n, struct slice s)
{
	if (s.n > 0)
		memcpy(text + *n, s.p, s.n);
	*n += s.n;
}

static void check_fields(const struct login_result *result, struct slice want)
{
	char text[256];
	size_t n = 0;

	for (size_t i = 0; i < result->field_count; i++) {
		append(text, &n, result->fields[i].name);
		append(text, &n, S("="));
		append(text, &n, result->fields[i].value);
		append(text, &n, S(";"));
	}
	assert_true(slice_equal((struct slice){ text, n }, want));
}

static void test_login(void **state)
{
	static struct login_reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(login_cases) / sizeof(login_cases[0]);
	     i++) {
		char line[256];
		struct slice input = login_cases[i].line;

		print_message("  %s\n", login_cases[i].name);
		memcpy(line, input.p, input.n);
		assert_int_equal(login_reply_parse(line, input.n, &reply),
				 !login_cases[i].is_other);
		if (login_cases[i].is_other)
			continue;
		assert_int_equal(reply.id, 1);
		assert_int_equal(reply.result.verdict, login_cases[i].verdict);
		assert_true(
			slice_equal(reply.result.text, login_cases[i].text));
		assert_true(
			slice_equal(reply.result.user, login_cases[i].user));
		assert_true(slice_equal(reply.result.master,
					login_cases[i].master));
		assert_true(slice_equal(reply.result.channel_binding,
					login_cases[i].binding));
		check_fields(&reply.result, login_cases[i].fields);
	}
}

static void test_many_fields(void **state)
{
	static struct login_reply reply;
	static char line[8192] = "OK\t1";
	size_t n = 4;

	(void)state;
	while (n + 2 <= sizeof(line)) {
		line[n++] = '\t';
		line[n++] = 'x';
	}
	assert_true(login_reply_parse(line, n, &reply));
	assert_int_equal(reply.result.field_count, LOGIN_REPLY_FIELDS);
}

static void test_long_reason(void **state)
{
	static struct login_reply reply;
	static char line[8192] = "FAIL\t1\treason=";

	(void)state;
	memset(line + 14, 'x', sizeof(line) - 14);
	assert_true(login_reply_parse(line, sizeof(line), &reply));
	assert_int_equal(reply.result.text.n, LOGIN_REPLY_TEXT_OCTETS);
}

static const struct {
	const char *name;
	struct slice line;
	bool is_other;
	enum userdb_verdict verdict;
	struct slice user, reason;
} userdb_cases[] = {
	{ .name = "a user",
	  .line = SLICE("USER\t1\talice@example.com\tuid=65534\tgid=65534\t"
			"home=/srv/mail/alice"),
	  .verdict = USERDB_FOUND,
	  .user = SLICE("alice@example.com") },
	{ .name = "a user without fields",
	  .line = SLICE("USER\t1\talice"),
	  .verdict = USERDB_FOUND,
	  .user = SLICE("alice") },
	{ .name = "a system account",
	  .line = SLICE("USER\t1\twww-data\thome=/var/www\tuid=33"),
	  .verdict = USERDB_NOT_FOUND,
	  .user = SLICE("www-data") },
	{ .name = "root",
	  .line = SLICE("USER\t1\troot\tsystem_groups_user=root\tuid=0"),
	  .verdict = USERDB_NOT_FOUND,
	  .user = SLICE("root") },
	{ .name = "the last system uid",
	  .line = SLICE("USER\t1\ta\tuid=499"),
	  .verdict = USERDB_NOT_FOUND,
	  .user = SLICE("a") },
	{ .name = "the first other",
	  .line = SLICE("USER\t1\ta\tuid=500"),
	  .verdict = USERDB_FOUND,
	  .user = SLICE("a") },
	{ .name = "an answer about nobody is no answer",
	  .line = SLICE("USER\t1\t"),
	  .verdict = USERDB_UNAVAILABLE,
	  .reason = SLICE("a reply without a user") },
	{ .name = "nobody",
	  .line = SLICE("NOTFOUND\t1"),
	  .verdict = USERDB_NOT_FOUND },
	{ .name = "a failure",
	  .line = SLICE("FAIL\t1"),
	  .verdict = USERDB_UNAVAILABLE },
	{ .name = "a failure with its reason",
	  .line = SLICE("FAIL\t1\treason=disk on fire"),
	  .verdict = USERDB_UNAVAILABLE,
	  .reason = SLICE("disk on fire") },
	{ .name = "another command",
	  .line = SLICE("DONE\t1\t"),
	  .is_other = true },
	{ .name = "no id", .line = SLICE("NOTFOUND"), .is_other = true },
};

static void test_userdb(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(userdb_cases) / sizeof(userdb_cases[0]);
	     i++) {
		char line[256];
		struct slice input = userdb_cases[i].line;
		struct userdb_reply reply;

		print_message("  %s\n", userdb_cases[i].name);
		memcpy(line, input.p, input.n);
		assert_int_equal(userdb_reply_parse(line, input.n, &reply),
				 !userdb_cases[i].is_other);
		if (userdb_cases[i].is_other)
			continue;
		assert_int_equal(reply.id, 1);
		assert_int_equal(reply.result.verdict, userdb_cases[i].verdict);
		assert_true(
			slice_equal(reply.result.user, userdb_cases[i].user));
		assert_true(slice_equal(reply.result.reason,
					userdb_cases[i].reason));
	}
}

static const struct {
	const char *name, *lines[4];
	struct slice plain, tls;
} mech_cases[] = {
	{ "plaintext only under TLS",
	  { "PLAIN\tplaintext", "SCRAM-SHA-256\tmutual-auth", NULL },
	  SLICE("SCRAM-SHA-256"),
	  SLICE("PLAIN SCRAM-SHA-256") },
	{ "channel binding only under TLS",
	  { "SCRAM-SHA-1-PLUS\tmutual-auth\tchannel-binding", NULL },
	  SLICE(""),
	  SLICE("SCRAM-SHA-1-PLUS") },
	{ "never private or anonymous ones",
	  { "DOVECOT-TOKEN\tprivate", "ANONYMOUS\tanonymous", "OTP", NULL },
	  SLICE("OTP"),
	  SLICE("OTP") },
	{ "no name that would break our EHLO",
	  {
		  "",
		  "A B",
		  "abc",
		  "ABCDEFGHIJKLMNOPQRSTU",
	  },
	  SLICE(""),
	  SLICE("") },
	{ "each once", { "OTP", "OTP", NULL }, SLICE("OTP"), SLICE("OTP") },
};

static void test_mech(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mech_cases) / sizeof(mech_cases[0]);
	     i++) {
		AUTO(mech_list_free) struct mech_list *list = mech_list_new();

		print_message("  %s\n", mech_cases[i].name);
		for (size_t k = 0; k < 4 && mech_cases[i].lines[k]; k++) {
			char line[128];
			size_t n = strlen(mech_cases[i].lines[k]);
			struct auth_reader reader = auth_reader_of(line, n);

			memcpy(line, mech_cases[i].lines[k], n);
			mech_list_add(list, &reader);
		}
		assert_true(slice_equal(mech_list_text(list, false),
					mech_cases[i].plain));
		assert_true(slice_equal(mech_list_text(list, true),
					mech_cases[i].tls));
	}
}

static void test_mech_bound(void **state)
{
	AUTO(mech_list_free) struct mech_list *list = mech_list_new();

	(void)state;
	for (char a = 'A'; a <= 'Z'; a++) {
		for (char b = 'A'; b <= 'Z'; b++) {
			char line[20] = "MECHANISM-ABCDEFGHI";
			struct auth_reader reader = auth_reader_of(line, 20);

			line[18] = a;
			line[19] = b;
			mech_list_add(list, &reader);
		}
	}
	assert_int_equal(mech_list_text(list, true).n, 32 * 21 - 1);
	assert_true(slice_equal(
		mech_list_find(list, S("mechanism-abcdefghaa"), false),
		S("MECHANISM-ABCDEFGHAA")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_long_reason),
		cmocka_unit_test(test_userdb),
		cmocka_unit_test(test_mech),
		cmocka_unit_test(test_mech_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
