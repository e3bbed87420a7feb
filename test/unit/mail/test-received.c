#include "mail/received.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOSTS .hostname = SLICE("mx.example.com"), .trace = SLICE("0123abcd")
#define DATE  ";\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"

static const struct {
	const char *name;
	struct received received;
	struct slice want;
} cases[] = {
	{ "HELO without TLS",
	  { HOSTS, .hello = SLICE("a.example"),
	    .client_ip = SLICE("192.0.2.1") },
	  SLICE("Received: from a.example ([192.0.2.1])\r\n"
		"\tby mx.example.com (Culver) with SMTP\r\n"
		"\tid 0123abcd" DATE) },
	{ "everything",
	  { HOSTS, .hello = SLICE("a.example"),
	    .client_ip = SLICE("2001:db8::1"),
	    .recipient = SLICE("a@example.com"),
	    .tls_version = SLICE("TLSv1.3"),
	    .tls_cipher = SLICE("TLS_AES_256_GCM_SHA384"), .is_esmtp = true,
	    .is_smtputf8 = true, .is_authenticated = true },
	  SLICE("Received: from a.example ([IPv6:2001:db8::1])\r\n"
		"\tby mx.example.com (Culver) with UTF8SMTPSA\r\n"
		"\tid 0123abcd\r\n\tfor <a@example.com>\r\n"
		"\ttls TLS_AES_256_GCM_SHA384 (TLSv1.3)" DATE) },
	{ "a login hides its address",
	  { HOSTS, .hello = SLICE("laptop"), .is_esmtp = true,
	    .is_authenticated = true },
	  SLICE("Received: from laptop\r\n"
		"\tby mx.example.com (Culver) with ESMTPA\r\n"
		"\tid 0123abcd" DATE) },
	{ "a login hides the address it said",
	  { HOSTS, .hello = SLICE("[192.168.1.2]"), .is_esmtp = true,
	    .is_authenticated = true },
	  SLICE("Received: from unknown\r\n"
		"\tby mx.example.com (Culver) with ESMTPA\r\n"
		"\tid 0123abcd" DATE) },
	{ "no hello",
	  { HOSTS, .client_ip = SLICE("192.0.2.1") },
	  SLICE("Received: from [192.0.2.1] ([192.0.2.1])\r\n"
		"\tby mx.example.com (Culver) with SMTP\r\n"
		"\tid 0123abcd" DATE) },
	{ "a program of this machine",
	  { HOSTS, .user = SLICE("1000"), .recipient = SLICE("a@example.com"),
	    .client_ip = SLICE("127.0.0.1"), .hello = SLICE("x"),
	    .is_esmtp = true },
	  SLICE("Received: by mx.example.com (Culver, from userid 1000)\r\n"
		"\tid 0123abcd\r\n\tfor <a@example.com>" DATE) },
	{ "a hello cannot make clauses or comments",
	  { HOSTS, .hello = SLICE("[x:a(;b]"), .client_ip = SLICE("192.0.2.1"),
	    .is_esmtp = true },
	  SLICE("Received: from [x:a??b] ([192.0.2.1])\r\n"
		"\tby mx.example.com (Culver) with ESMTP\r\n"
		"\tid 0123abcd" DATE) },
};

static void test_format(void **state)
{
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].name);
		assert_true(
			slice_equal(received_format(&cases[i].received, arena),
				    cases[i].want));
	}
	arena_free(&arena);
}

/* RFC 3848, RFC 6531 4.3 */
static void test_protocols(void **state)
{
	static const char *const names[] = {
		"SMTP",     "SMTP",      "SMTP",      "SMTP",
		"SMTP",     "SMTP",      "SMTP",      "SMTP",
		"ESMTP",    "ESMTPA",    "ESMTPS",    "ESMTPSA",
		"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA",
	};
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		const struct received r = {
			.hostname = S("h"),
			.trace = S("t"),
			.tls_version = (i & 2) != 0 ? S("TLSv1.2") : S(""),
			.is_authenticated = (i & 1) != 0,
			.is_smtputf8 = (i & 4) != 0,
			.is_esmtp = (i & 8) != 0,
		};
		struct slice with =
			arena_format(arena, " with %s\r\n", names[i]);
		struct slice text = received_format(&r, arena);

		assert_true(slice_find_slice(text, with) < text.n);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
