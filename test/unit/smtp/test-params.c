#include "smtp/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static void test_mail(void **state)
{
	static const struct {
		struct slice input;
		const struct reply *no;
		struct mail_params want;
	} cases[] = {
		{ .input = SLICE("") },
		{ .input = SLICE(" SIZE=1000"), .want = { .size = 1000 } },
		{ .input = SLICE(" size=0"), .want = { .size = 0 } },
		{ .input = SLICE(" SIZE=99999999999999999999"),
		  .want = { .size = UINT64_MAX } },
		{ .input = SLICE(" SIZE=999999999999999999999"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SIZE=-1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SIZE="), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SIZE"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SIZE=1 SIZE=1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE("SIZE=1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" BODY=8bitmime SIZE=1"),
		  .want = { .is_8bit = true, .size = 1 } },
		{ .input = SLICE(" BODY=7BIT") },
		{ .input = SLICE(" BODY=BINARYMIME"),
		  .no = &REPLY_UNKNOWN_PARAMETER },
		{ .input = SLICE(" BODY=9BIT"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SMTPUTF8"),
		  .want = { .is_smtputf8 = true } },
		{ .input = SLICE(" SMTPUTF8=1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" requiretls"),
		  .want = { .requires_tls = true } },
		{ .input = SLICE(" REQUIRETLS=1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" REQUIRETLS REQUIRETLS"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" RET=FULL"),
		  .want = { .ret = DSN_RET_FULL } },
		{ .input = SLICE(" RET=hdrs"),
		  .want = { .ret = DSN_RET_HDRS } },
		{ .input = SLICE(" RET=NONE"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ENVID=a+2Bb+20c"),
		  .want = { .envid = SLICE("a+b c") } },
		{ .input = SLICE(" ENVID=a+0D+0Ab"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ENVID=a+C3+BC"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ENVID=a+2"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ENVID=" X100),
		  .want = { .envid = SLICE(X100) } },
		{ .input = SLICE(" ENVID=" X100 "x"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" AUTH=<>") },
		{ .input = SLICE(" AUTH=e+3Dmc2@example.com") },
		{ .input = SLICE(" AUTH=a+"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" FOO=1"), .no = &REPLY_UNKNOWN_PARAMETER },
		{ .input = SLICE(" NOTIFY=NEVER"),
		  .no = &REPLY_UNKNOWN_PARAMETER },
		{ .input = SLICE(" =1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" -A=1"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" FOO=a=b"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" garbage,"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SIZE=1\t RET=HDRS"), .no = &REPLY_SYNTAX },
		{ .input = SLICE("  SIZE=1  RET=HDRS "),
		  .want = { .size = 1, .ret = DSN_RET_HDRS } },
	};
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_params got = { .size = 7 };

		print_message("  %s\n", cases[i].input.p);
		assert_ptr_equal(params_parse_mail(cases[i].input, arena, &got),
				 cases[i].no);
		if (cases[i].no != NULL) {
			assert_int_equal(got.size, 7);
			continue;
		}
		assert_int_equal(got.size, cases[i].want.size);
		assert_int_equal(got.is_8bit, cases[i].want.is_8bit);
		assert_int_equal(got.is_smtputf8, cases[i].want.is_smtputf8);
		assert_int_equal(got.requires_tls, cases[i].want.requires_tls);
		assert_int_equal(got.ret, cases[i].want.ret);
		assert_true(slice_equal(got.envid, cases[i].want.envid));
	}
	arena_free(&arena);
}

static void test_rcpt(void **state)
{
	static const struct {
		struct slice input;
		const struct reply *no;
		struct rcpt_params want;
	} cases[] = {
		{ .input = SLICE("") },
		{ .input = SLICE(" NOTIFY=NEVER"),
		  .want = { .notify = DSN_NOTIFY_NEVER } },
		{ .input = SLICE(" NOTIFY=success,DELAY,Failure"),
		  .want = { .notify = DSN_NOTIFY_SUCCESS | DSN_NOTIFY_DELAY |
				      DSN_NOTIFY_FAILURE } },
		{ .input = SLICE(" NOTIFY=NEVER,DELAY"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" NOTIFY=DELAY,DELAY"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" NOTIFY=DELAY,"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" NOTIFY=ALWAYS"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=rfc822;a+2Bb@example.com"),
		  .want = { .orcpt_type = SLICE("rfc822"),
			    .orcpt = SLICE("a+b@example.com") } },
		{ .input = SLICE(" ORCPT=RFC822;a@b NOTIFY=DELAY"),
		  .want = { .orcpt_type = SLICE("rfc822"),
			    .orcpt = SLICE("a@b"),
			    .notify = DSN_NOTIFY_DELAY } },
		{ .input = SLICE(" ORCPT=x400;/c=us"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=x400;/c+3Dus"),
		  .want = { .orcpt_type = SLICE("x400"),
			    .orcpt = SLICE("/c=us") } },
		{ .input = SLICE(" ORCPT=rfc822;a+0Ab"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=rfc822;a+7Fb"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=rfc822;a+c3"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=rfc822;"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=;a@b"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=a@b"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=rfc822;" X100 X100 X100 X100 X100 "x"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=utf-8;j\\x{FC}rgen@b"),
		  .want = { .orcpt_type = SLICE("utf-8"),
			    .orcpt = SLICE("jürgen@b") } },
		{ .input = SLICE(" ORCPT=utf-8;jürgen@b"),
		  .want = { .orcpt_type = SLICE("utf-8"),
			    .orcpt = SLICE("jürgen@b") } },
		{ .input = SLICE(" ORCPT=utf-8;\\x{1F600}\\x{2B}\\x{20AC}@b"),
		  .want = { .orcpt_type = SLICE("utf-8"),
			    .orcpt = SLICE("😀+€@b") } },
		{ .input = SLICE(" ORCPT=utf-8;a\\x{A}b"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=utf-8;a\\x{0A}b"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=utf-8;a\\x{D800}b"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=utf-8;a\\x{110000}b"),
		  .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=utf-8;a\\x{41"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" ORCPT=utf-8;a\\b"), .no = &REPLY_SYNTAX },
		{ .input = SLICE(" SIZE=1"), .no = &REPLY_UNKNOWN_PARAMETER },
	};
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rcpt_params got = { .notify = 77 };

		print_message("  %s\n", cases[i].input.p);
		assert_ptr_equal(params_parse_rcpt(cases[i].input, arena, &got),
				 cases[i].no);
		if (cases[i].no != NULL) {
			assert_int_equal(got.notify, 77);
			continue;
		}
		assert_int_equal(got.notify, cases[i].want.notify);
		assert_true(
			slice_equal(got.orcpt_type, cases[i].want.orcpt_type));
		assert_true(slice_equal(got.orcpt, cases[i].want.orcpt));
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
