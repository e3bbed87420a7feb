#include "mail/tlsrpt_mail.h"
#include "mail/tlsrpt_record.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static struct arena *a;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(8 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

/* --- records ------------------------------------------------------------------- */

/* want: the addresses found, with a space between; NULL: it is no record. */
static const struct {
	const char *name, *record, *want;
} records[] = {
	{ "an address", "v=TLSRPTv1; rua=mailto:r@a.example", "r@a.example" },
	{ "the same, with as few spaces", "v=TLSRPTv1;rua=mailto:r@a.example;",
	  "r@a.example" },
	{ "spaces before the first semicolon",
	  "v=TLSRPTv1 ; rua=mailto:r@a.example", "r@a.example" },
	{ "two of both kinds",
	  "v=TLSRPTv1; rua=mailto:r@a.example , https://b.example/v1?x=y",
	  "r@a.example https://b.example/v1?x=y" },
	{ "what is encoded", "v=TLSRPTv1;rua=mailto:r%2Btls@a.example",
	  "r+tls@a.example" },
	{ "a subject is not for us",
	  "v=TLSRPTv1;rua=mailto:r@a.example?subject=x", "r@a.example" },
	{ "other fields", "v=TLSRPTv1; x=y; rua=mailto:r@a.example; z=1",
	  "r@a.example" },
	{ "at most four",
	  "v=TLSRPTv1;rua=mailto:1@a.example,mailto:2@a.example,"
	  "mailto:3@a.example,mailto:4@a.example,mailto:5@a.example",
	  "1@a.example 2@a.example 3@a.example 4@a.example" },
	{ "one of two can be used",
	  "v=TLSRPTv1;rua=ftp://a.example/,mailto:r@a.example", "r@a.example" },
	{ "plain HTTP is none", "v=TLSRPTv1;rua=http://a.example/", NULL },
	{ "another version", "v=TLSRPTv2; rua=mailto:r@a.example", NULL },
	{ "a version that only begins so", "v=TLSRPTv11;rua=mailto:r@a.b",
	  NULL },
	{ "the version in small letters", "v=tlsrptv1;rua=mailto:r@a.b", NULL },
	{ "no address", "v=TLSRPTv1; rua=", NULL },
	{ "no rua", "v=TLSRPTv1; ruf=mailto:r@a.example", NULL },
	{ "a line end in the address", "v=TLSRPTv1;rua=mailto:r%0d%0ax@a.b",
	  NULL },
	{ "half an octet", "v=TLSRPTv1;rua=mailto:r%2@a.b", NULL },
	{ "quotes", "v=TLSRPTv1;rua=https://a.example/\"x", NULL },
	{ "a literal", "v=TLSRPTv1;rua=mailto:r@[192.0.2.1]", NULL },
	{ "nothing", "", NULL },
};

static struct slice addresses_of(const struct tlsrpt_record *r)
{
	struct slice all = S("");

	for (size_t i = 0; i < r->count; i++) {
		const struct slice parts[] = { all, i > 0 ? S(" ") : S(""),
					       r->uris[i].to };

		all = arena_join(a, parts, 3);
	}
	return all;
}

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct tlsrpt_record r = { .count = 0 };
		bool is_one =
			tlsrpt_record_parse(slice_of(records[i].record), a, &r);

		if (is_one != (records[i].want != NULL))
			fail_msg("%s", records[i].name);
		if (is_one &&
		    !slice_equal(addresses_of(&r), slice_of(records[i].want)))
			fail_msg("%s", records[i].name);
	}
}

static const struct {
	const char *uri, *host;
	unsigned port;
	const char *path; /* NULL: it is none */
} addresses[] = {
	{ "https://a.example", "a.example", 443, "/" },
	{ "HTTPS://A.example/x/y?z=1#q", "a.example", 443, "/x/y?z=1" },
	{ "https://a.example:8443/", "a.example", 8443, "/" },
	{ "https://a.example:/", "a.example", 443, "/" },
	{ "https://a.example:0/", "", 0, NULL },
	{ "https://a.example:65536/", "", 0, NULL },
	{ "https://user@a.example/", "", 0, NULL },
	{ "https://a.example?x", "", 0, NULL },
	{ "https://[::1]/", "", 0, NULL },
	{ "https://localhost/", "", 0, NULL },
	{ "https:///x", "", 0, NULL },
	{ "http://a.example/", "", 0, NULL },
};

static void test_addresses_of_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct tlsrpt_https h = { .port = 0 };
		bool is_one =
			tlsrpt_https_parse(slice_of(addresses[i].uri), a, &h);

		if (is_one != (addresses[i].path != NULL) ||
		    (is_one &&
		     (h.port != addresses[i].port ||
		      !slice_equal(h.host, slice_of(addresses[i].host)) ||
		      !slice_equal(h.path, slice_of(addresses[i].path)))))
			fail_msg("%s", addresses[i].uri);
	}
}

/* --- facts --------------------------------------------------------------------- */

static const struct tlsrpt_fact expired = {
	.policy = TLSRPT_STS,
	.policy_lines = SLICE("version: STSv1\nmode: enforce"),
	.mx_patterns = SLICE("mx.a.example\n*.b.example"),
	.result = TLSRPT_CERTIFICATE_EXPIRED,
	.mx = SLICE("mx.a.example"),
	.address = SLICE("192.0.2.1"),
	.own_address = SLICE("192.0.2.9"),
	.reason = SLICE("certificate has expired"),
};

static void test_facts(void **state)
{
	struct slice text = tlsrpt_fact_write(&expired, a);
	struct tlsrpt_fact back;

	(void)state;
	assert_true(tlsrpt_fact_read(text, &back));
	assert_int_equal(back.policy, TLSRPT_STS);
	assert_int_equal(back.result, TLSRPT_CERTIFICATE_EXPIRED);
	assert_true(slice_equal(back.policy_lines, expired.policy_lines));
	assert_true(slice_equal(back.mx_patterns, expired.mx_patterns));
	assert_true(slice_equal(back.mx, expired.mx));
	assert_true(slice_equal(back.reason, expired.reason));
	assert_false(tlsrpt_fact_read(S("3\t0\t\t\t\t\t\t"), &back));
	assert_false(tlsrpt_fact_read(S("0\t12\t\t\t\t\t\t"), &back));
	assert_false(tlsrpt_fact_read(S("0\t0\t\t\t\t\t"), &back));
	assert_false(tlsrpt_fact_read(S("0\t0\t\t\t\t\t\t\t"), &back));
	assert_false(tlsrpt_fact_read(S(""), &back));
}

/* What sets sessions apart that went well is of no use to a report. */
static void test_successes_are_one_fact(void **state)
{
	struct tlsrpt_fact one = { .mx = S("a.example") };
	const struct tlsrpt_fact other = { .mx = S("b.example") };

	(void)state;
	assert_true(slice_equal(tlsrpt_fact_write(&one, a),
				tlsrpt_fact_write(&other, a)));
	one.result = TLSRPT_STARTTLS_NOT_SUPPORTED;
	assert_false(slice_equal(tlsrpt_fact_write(&one, a),
				 tlsrpt_fact_write(&other, a)));
}

static void test_hostile_names_are_cleaned(void **state)
{
	const struct tlsrpt_fact fact = {
		.result = TLSRPT_VALIDATION_FAILURE,
		.mx = S("a\tb\nc\xff"),
		.policy_lines = S("one\ntwo\r"),
	};
	struct tlsrpt_fact back;

	(void)state;
	assert_true(tlsrpt_fact_read(tlsrpt_fact_write(&fact, a), &back));
	assert_true(slice_equal(back.mx, S("a?b?c?")));
	assert_true(slice_equal(back.policy_lines, S("one\ntwo?")));
}

/* --- reports ------------------------------------------------------------------- */

static const struct tlsrpt_count counts[] = {
	{ { .policy = TLSRPT_STS,
	    .policy_lines = SLICE("version: STSv1\nmode: enforce"),
	    .mx_patterns = SLICE("mx.a.example\n*.b.example") },
	  41 },
	{ { .result = TLSRPT_STARTTLS_NOT_SUPPORTED, .mx = SLICE("\xff\"") },
	  2 },
	{ { .policy = TLSRPT_STS,
	    .policy_lines = SLICE("version: STSv1\nmode: enforce"),
	    .mx_patterns = SLICE("mx.a.example\n*.b.example"),
	    .result = TLSRPT_CERTIFICATE_EXPIRED,
	    .mx = SLICE("mx.a.example"),
	    .address = SLICE("192.0.2.1"),
	    .own_address = SLICE("192.0.2.9"),
	    .reason = SLICE("certificate has expired") },
	  3 },
};

static const struct tlsrpt_report report = {
	.organization = SLICE("Example"),
	.contact = SLICE("postmaster@ours.example"),
	.submitter = SLICE("ours.example"),
	.domain = SLICE("a.example"),
	.id = SLICE("1.2@ours.example"),
	.begin = 1792800000,
	.counts = counts,
	.count = sizeof(counts) / sizeof(counts[0]),
};

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static json_int_t number_at(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void check_sts(json_t *sts)
{
	json_t *policy = json_object_get(sts, "policy");
	json_t *summary = json_object_get(sts, "summary");
	json_t *failures = json_object_get(sts, "failure-details");
	json_t *failure = json_array_get(failures, 0);

	assert_string_equal(text_at(policy, "policy-type"), "sts");
	assert_string_equal(text_at(policy, "policy-domain"), "a.example");
	assert_int_equal(
		json_array_size(json_object_get(policy, "policy-string")), 2);
	assert_int_equal(json_array_size(json_object_get(policy, "mx-host")),
			 2);
	assert_int_equal(number_at(summary, "total-successful-session-count"),
			 41);
	assert_int_equal(number_at(summary, "total-failure-session-count"), 3);
	assert_int_equal(json_array_size(failures), 1);
	assert_string_equal(text_at(failure, "result-type"),
			    "certificate-expired");
	assert_string_equal(text_at(failure, "sending-mta-ip"), "192.0.2.9");
	assert_string_equal(text_at(failure, "receiving-ip"), "192.0.2.1");
	assert_string_equal(text_at(failure, "receiving-mx-hostname"),
			    "mx.a.example");
	assert_int_equal(number_at(failure, "failed-session-count"), 3);
}

static void test_json(void **state)
{
	struct slice text = tlsrpt_json(&report, a);
	json_t *json = json_loadb(text.p, text.n, 0, NULL);
	json_t *range = json_object_get(json, "date-range");
	json_t *policies = json_object_get(json, "policies");

	(void)state;
	assert_non_null(json);
	assert_string_equal(text_at(json, "organization-name"), "Example");
	assert_string_equal(text_at(json, "contact-info"),
			    "postmaster@ours.example");
	assert_string_equal(text_at(json, "report-id"), "1.2@ours.example");
	assert_string_equal(text_at(range, "start-datetime"),
			    "2026-10-24T00:00:00Z");
	assert_string_equal(text_at(range, "end-datetime"),
			    "2026-10-24T23:59:59Z");
	assert_int_equal(json_array_size(policies), 2);
	check_sts(json_array_get(policies, 0));
	assert_string_equal(
		text_at(json_object_get(json_array_get(policies, 1), "policy"),
			"policy-type"),
		"no-policy-found");
	json_decref(json);
}

static void check_gunzip(struct slice gzip, struct slice want)
{
	char *out = arena_alloc(a, want.n + 1);
	z_stream z = { .avail_in = (uInt)gzip.n };

	memcpy(&z.next_in, &gzip.p, sizeof(gzip.p));
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)want.n + 1;
	assert_int_equal(inflateInit2(&z, 31), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_true(slice_equal((struct slice){ out, z.total_out }, want));
	(void)inflateEnd(&z);
}

static void test_gzip(void **state)
{
	struct slice json = tlsrpt_json(&report, a);

	(void)state;
	check_gunzip(tlsrpt_gzip(json, a), json);
	check_gunzip(tlsrpt_gzip(S(""), a), S(""));
}

static bool has(struct slice text, const char *what)
{
	return slice_find_slice(text, slice_of(what)) < text.n;
}

static void test_mail(void **state)
{
	const struct tlsrpt_mail mail = {
		.report = &report,
		.gzip = tlsrpt_gzip(tlsrpt_json(&report, a), a),
		.from = S("postmaster@ours.example"),
		.to = S("r@a.example"),
		.message_id = S("1.2@ours.example"),
		.now = 1792886400,
	};
	struct slice text = tlsrpt_mail_format(&mail, a);

	(void)state;
	assert_true(has(text, "\r\nSubject: Report Domain: a.example\r\n"
			      " Submitter: ours.example\r\n"
			      " Report-ID: <1.2@ours.example>\r\n"));
	assert_true(has(text, "\r\nTLS-Report-Domain: a.example\r\n"));
	assert_true(has(text, "\r\nTLS-Report-Submitter: ours.example\r\n"));
	assert_true(has(text, "multipart/report; report-type=\"tlsrpt\""));
	assert_true(has(text, "filename=\"ours.example!a.example!"
			      "1792800000!1792886399.json.gz\""));
	assert_true(has(text, "\r\n\r\nH4sI")); /* gzip in base64 */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_records),
		TEST(test_addresses_of_servers),
		TEST(test_facts),
		TEST(test_successes_are_one_fact),
		TEST(test_hostile_names_are_cleaned),
		TEST(test_json),
		TEST(test_gzip),
		TEST(test_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
