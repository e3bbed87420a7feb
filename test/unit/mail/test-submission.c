#include "mail/submission.h"

#include "base/mem.h"
#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FROM "From: u@h.test\r\n"

static const struct {
	const char *name;
	const char *message;
	const char *recipients; /* each and a blank */
	const char *header;
	const char *body;
	int error;
	const char *field;
} cases[] = {
	{ .name = "cron's",
	  .message = "From: root (Cron Daemon)\r\nTo: root\r\n"
		     "Subject: x: y\r\n\r\nhello\r\n",
	  .recipients = "root@h.test ",
	  .header = "From: root@h.test (Cron Daemon)\r\nTo: root@h.test\r\n"
		    "Subject: x: y\r\n",
	  .body = "hello\r\n" },
	{ .name = "php's, and Bcc goes",
	  .message = "To: a@b, C <c>\r\nBCC: d,\r\n e@f\r\nX: y\r\n\r\n\r\nz",
	  .recipients = "a@b c@h.test d@h.test e@f ",
	  .header = "To: a@b, C <c@h.test>\r\nX: y\r\n" FROM,
	  .body = "\r\nz" },
	{ .name = "no header",
	  .message = "hello world\r\n",
	  .recipients = "",
	  .header = FROM,
	  .body = "hello world\r\n" },
	{ .name = "an empty header",
	  .message = "\r\nTo: a@b\r\n",
	  .recipients = "",
	  .header = FROM,
	  .body = "To: a@b\r\n" },
	{ .name = "a header and no body",
	  .message = "To: a@b\r\n",
	  .recipients = "a@b ",
	  .header = "To: a@b\r\n" FROM,
	  .body = "" },
	{ .name = "a line that is no field begins the body",
	  .message = "To: a@b\r\nfoo bar\r\nCc: c@d\r\n",
	  .recipients = "a@b ",
	  .header = "To: a@b\r\n" FROM,
	  .body = "foo bar\r\nCc: c@d\r\n" },
	{ .name = "a mailbox file's first line",
	  .message = "From x Thu Jan 1\r\nTo: a@b\r\n\r\n",
	  .recipients = "a@b ",
	  .header = "To: a@b\r\n" FROM,
	  .body = "" },
	{ .name = "only Resent recipients when there are such",
	  .message = "Resent-To: r\r\nResent-Bcc: s@t\r\nTo: a@b\r\n"
		     "Return-Path: <x@y>\r\n\r\n",
	  .recipients = "r@h.test s@t ",
	  .header = "Resent-To: r@h.test\r\nTo: a@b\r\n" FROM,
	  .body = "" },
	{ .name = "blanks before the colon",
	  .message = "To : a@b\r\nfrom\t: me\r\n\r\n",
	  .recipients = "a@b ",
	  .header = "To : a@b\r\nfrom\t: me@h.test\r\n",
	  .body = "" },
	{ .name = "what is no list stays, where none is needed",
	  .message = "From: a b\r\nTo: c@d\r\n\r\n",
	  .recipients = "c@d ",
	  .header = "From: a b\r\nTo: c@d\r\n",
	  .body = "" },
	{ .name = "what is no list is said",
	  .message = "To: a@b\r\nCc: c d\r\n\r\n",
	  .error = SUBMISSION_ADDRESS,
	  .field = "Cc" },
};

static void join(char *out, size_t size, const struct submission *s)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < s->recipient_count; i++)
		n += (size_t)snprintf(out + n, size - n, "%.*s ",
				      (int)s->recipients[i].n,
				      s->recipients[i].p);
}

static void assert_slice(struct slice got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	if (got.n > 0)
		assert_memory_equal(got.p, want, got.n);
}

static int read_message(struct slice message, bool takes_recipients,
			struct arena *a, struct submission *ret,
			struct slice *ret_field)
{
	const struct submission_request request = {
		.message = message,
		.takes_recipients = takes_recipients,
		.domain = S("h.test"),
		.from = S("u@h.test"),
	};

	return submission_read(&request, a, ret, ret_field);
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(arena_free)
		struct arena *a = arena_new(SUBMISSION_ARENA_OCTETS);
		struct submission s = { .recipient_count = 0 };
		struct slice message = slice_of(cases[i].message);
		struct slice field;
		char got[400];

		print_message("%s\n", cases[i].name);
		assert_int_equal(read_message(message, true, a, &s, &field),
				 cases[i].error);
		if (cases[i].error != 0) {
			assert_slice(field, cases[i].field);
			continue;
		}
		join(got, sizeof(got), &s);
		assert_string_equal(got, cases[i].recipients);
		assert_slice(s.header, cases[i].header);
		assert_slice(s.body, cases[i].body);
		/* Without -t the same, but for recipients. */
		assert_int_equal(read_message(message, false, a, &s, &field),
				 0);
		assert_int_equal(s.recipient_count, 0);
		assert_slice(s.header, cases[i].header);
	}
}

/* Many fields with many addresses stay within the arena. */
static void test_bounds(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(SUBMISSION_ARENA_OCTETS);
	static char text[HEADER_OCTETS + 100];
	static char domain[253];
	struct submission_request request = { .takes_recipients = true };
	struct submission s;
	struct slice field;
	size_t n = 0;

	(void)state;
	memset(domain, 'd', sizeof(domain));
	request.domain = (struct slice){ domain, sizeof(domain) };
	for (; n + 26 < HEADER_OCTETS; n += 26)
		memcpy(text + n, "to:a,a,a,a,a,a,a,a,a,a,a\r\n", 26);
	request.message = (struct slice){ text, n };
	assert_int_equal(submission_read(&request, a, &s, &field),
			 SUBMISSION_TOO_BIG);
	request.takes_recipients = false;
	assert_int_equal(submission_read(&request, a, &s, &field),
			 SUBMISSION_TOO_BIG); /* too many fields */
	request.message = slice_head(request.message, (size_t)26 * 9000);
	assert_int_equal(submission_read(&request, a, &s, &field), 0);
	assert_true(s.header.n > (size_t)9000 * 11 * 254);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
