#include "mail/dsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ORIGINAL "From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"

static const struct dsn_recipient full = {
	.address = SLICE("team@example.com"),
	.mailbox = SLICE("secret@example.com"),
	.orcpt_type = SLICE("rfc822"),
	.orcpt = SLICE("team+x@example.com"),
	.action = DSN_FAILED,
	.reply = { .code = 552,
		   .status = { 5, 2, 2 },
		   .text = SLICE("<Secret@example.com> Quota exceeded\n"
				 "(mailbox for user is full)") },
	.remote = SLICE("dovecot (lmtp)"),
	.last_attempt = 3600,
};

static const struct dsn_recipient waiting = {
	.address = SLICE("b@example.com"),
	.action = DSN_DELAYED,
	.reason = SLICE("Dovecot does not answer"),
};

static const struct dsn_recipient hostile = {
	.address = SLICE("c@example.com"),
	.action = DSN_FAILED,
	.reply = { .code = 550, .text = SLICE("no\r\nX-Forged: 1\0\x1b\xff") },
};

static const struct dsn_recipient utf8 = {
	.address = SLICE("jürgen@example.com"),
	.action = DSN_DELIVERED,
	.reply = { .code = 250, .status = { 2, 1, 5 }, .text = SLICE("OK") },
};

static struct dsn basic(const struct dsn_recipient *recipients, size_t count)
{
	return (struct dsn){
		.hostname = S("mx.example.com"),
		.sender = S("a@example.org"),
		.trace = S("0123abcd"),
		.message_id = S("77.report"),
		.arrived = 0,
		.now = 7200,
		.gives_up = 86400,
		.original = S(ORIGINAL),
		.original_is_whole = true,
		.recipients = recipients,
		.recipient_count = count,
	};
}

/* Lines end with CRLF alone and are of bounded length. */
static void check_lines(struct slice text)
{
	struct slice line;

	while (slice_cut(text, '\n', &line, &text)) {
		assert_true(line.n > 0 && line.p[line.n - 1] == '\r');
		line.n--;
		assert_true(line.n <= 998);
		assert_false(slice_find(line, '\r') < line.n);
	}
	assert_int_equal(line.n, 0);
}

/* want is a list of texts that are found in text in this order. */
static void check_order(struct slice text, const char *const *want)
{
	check_lines(text);
	for (; *want != NULL; want++) {
		struct slice w = slice_of(*want);
		size_t at = slice_find_slice(text, w);

		if (at == text.n)
			print_message("missing: %s\nin: %.*s", *want,
				      (int)text.n, text.p);
		assert_true(at < text.n);
		text = slice_tail(text, at + w.n);
	}
}

static bool has(struct slice text, struct slice what)
{
	return slice_find_slice(text, what) < text.n;
}

static void test_failed(void **state)
{
	static const char *const want[] = {
		"From: Mail Delivery System <postmaster@mx.example.com>\r\n",
		"To: <a@example.org>\r\n",
		"Subject: Your message was not delivered\r\n",
		"Message-ID: <77.report@mx.example.com>\r\n",
		"Date: Thu, 01 Jan 1970 02:00:00 +0000\r\n",
		"Auto-Submitted: auto-replied\r\n",
		"Content-Type: multipart/report; "
		"report-type=delivery-status;\r\n boundary=\"=_culver_report_0\"",
		"\r\n\r\n--=_culver_report_0\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\n\r\n"
		"Your message could not be delivered to this recipient:\r\n",
		"\r\n  team@example.com\r\n    The mailbox is full.\r\n"
		"    dovecot (lmtp) said: 552 5.2.2 <team@example.com> Quota "
		"exceeded\r\n    (mailbox for user is full)\r\n",
		"0123abcd",
		"\r\n--=_culver_report_0\r\n"
		"Content-Type: message/delivery-status\r\n\r\n"
		"Reporting-MTA: dns; mx.example.com\r\n"
		"Arrival-Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\n"
		"Original-Recipient: rfc822; team+x@example.com\r\n"
		"Final-Recipient: rfc822; team@example.com\r\n"
		"Action: failed\r\nStatus: 5.2.2\r\n",
		"Diagnostic-Code: smtp; 552 5.2.2 <team@example.com> Quota "
		"exceeded (mailbox\r\n for user is full)\r\n",
		"Last-Attempt-Date: Thu, 01 Jan 1970 01:00:00 +0000\r\n",
		"Final-Log-ID: 0123abcd\r\n",
		"\r\n--=_culver_report_0\r\n"
		"Content-Type: message/rfc822\r\n\r\n" ORIGINAL
		"\r\n--=_culver_report_0--\r\n",
		NULL,
	};
	struct arena *arena = arena_new(1 << 20);
	struct dsn d = basic(&full, 1);
	struct slice text = dsn_format(&d, arena);

	(void)state;
	check_order(text, want);
	assert_false(has(text, S("ecret@")));
	arena_free(&arena);
}

static void test_mixed(void **state)
{
	static const char *const want[] = {
		"Subject: Your message was not delivered\r\n",
		"Your message could not be delivered to these recipients:\r\n",
		"  team@example.com\r\n",
		"  c@example.com\r\n",
		"The server said: 550 no X-Forged: 1???\r\n",
		"could not be delivered yet to this recipient:\r\n",
		"  b@example.com\r\n",
		"    Dovecot does not answer\r\n",
		"tried until\r\nFri, 02 Jan 1970 00:00:00 +0000.\r\n",
		"Original-Envelope-Id: env id\r\n",
		"Action: failed\r\nStatus: 5.2.2\r\n",
		"Action: delayed\r\nStatus: 4.4.1\r\n"
		"Diagnostic-Code: x-culver; Dovecot does not answer\r\n",
		"Will-Retry-Until: Fri, 02 Jan 1970 00:00:00 +0000\r\n",
		"Action: failed\r\nStatus: 5.0.0\r\n"
		"Diagnostic-Code: smtp; 550 no X-Forged: 1???\r\n",
		"Content-Type: text/rfc822-headers\r\n\r\n",
		NULL,
	};
	const struct dsn_recipient all[] = { full, waiting, hostile };
	struct arena *arena = arena_new(1 << 20);
	struct dsn d = basic(all, 3);

	(void)state;
	d.envid = S("env id");
	d.original_is_whole = false;
	check_order(dsn_format(&d, arena), want);
	arena_free(&arena);
}

static void test_utf8(void **state)
{
	static const char *const want[] = {
		"Subject: Your message was delivered\r\n",
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 8bit\r\n",
		"  jürgen@example.com\r\n",
		"Content-Type: message/global-delivery-status\r\n"
		"Content-Transfer-Encoding: 8bit\r\n",
		"Final-Recipient: utf-8; jürgen@example.com\r\n"
		"Action: delivered\r\nStatus: 2.1.5\r\n",
		"Content-Type: message/global\r\n",
		NULL,
	};
	static const char *const spelled[] = {
		"Content-Type: text/plain; charset=us-ascii\r\n\r\n",
		"  j\\x{FC}rgen@example.com\r\n",
		"Content-Type: message/delivery-status\r\n\r\n",
		"Final-Recipient: utf-8; j\\x{FC}rgen@example.com\r\n",
		NULL,
	};
	struct arena *arena = arena_new(1 << 20);
	struct dsn d = basic(&utf8, 1);

	(void)state;
	check_order(dsn_format(&d, arena), spelled);
	d.is_utf8 = true;
	check_order(dsn_format(&d, arena), want);
	arena_free(&arena);
}

static void test_boundary(void **state)
{
	static const char *const want[] = {
		"boundary=\"=_culver_report_2\"",
		"--=_culver_report_2\r\n",
		"--=_culver_report_2--\r\n",
		NULL,
	};
	struct arena *arena = arena_new(1 << 20);
	struct dsn d = basic(&full, 1);

	(void)state;
	d.original = S("a\r\n\r\n--=_culver_report_0--\r\n"
		       "--=_culver_report_1\r\n\xff\r\n");
	check_order(dsn_format(&d, arena), want);
	d.original = S("");
	assert_true(has(dsn_format(&d, arena), S("report_0--\r\n")));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_boundary),
	};

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
