#include "lookup/report_desk.h"

#include "base/mem.h"
#include "test/unit/dns/fake_dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 3, TEXT = 200, ID = 7 };

#define RUA_A "v=TLSRPTv1; rua=mailto:r@a.example"
#define RUA_B "v=TLSRPTv1;rua=https://b.example/x,mailto:r@b.example"

/* texts: of the TXT records, each of two strings where there is a "|". */
static const struct {
	const char *name;
	enum dns_result result;
	const char *texts[RECORDS];
	enum tlsrpt_wish wish;
	const char *mail, *https;
} cases[] = {
	{ "one", DNS_DATA, { RUA_A }, TLSRPT_WISHED, "r@a.example", "" },
	{ "both ways",
	  DNS_DATA,
	  { RUA_B },
	  TLSRPT_WISHED,
	  "r@b.example",
	  "https://b.example/x" },
	{ "others do not count",
	  DNS_DATA,
	  { "v=spf1 -all", RUA_A, "v=TLSRPTv10; rua=mailto:x@y.example" },
	  TLSRPT_WISHED,
	  "r@a.example",
	  "" },
	{ "in two strings",
	  DNS_DATA,
	  { "v=TLSRPTv1; rua=mail|to:r@a.example" },
	  TLSRPT_WISHED,
	  "r@a.example",
	  "" },
	{ "two are none", DNS_DATA, { RUA_A, RUA_B }, TLSRPT_UNWANTED, "", "" },
	{ "nothing to use",
	  DNS_DATA,
	  { "v=TLSRPTv1; rua=ftp://a" },
	  TLSRPT_UNWANTED,
	  "",
	  "" },
	{ "no record", DNS_NO_DATA, { NULL }, TLSRPT_UNWANTED, "", "" },
	{ "no name", DNS_NO_NAME, { NULL }, TLSRPT_UNWANTED, "", "" },
	{ "no answer", DNS_FAILED, { NULL }, TLSRPT_TRY_LATER, "", "" },
	{ "forged", DNS_BOGUS, { RUA_A }, TLSRPT_TRY_LATER, "", "" },
};

struct world {
	struct dns *dns;
	struct report_desk *desk;
	size_t at; /* of cases */
	unsigned answers;
	enum message_type type;
	enum tlsrpt_wish wish;
	char mail[TEXT], https[TEXT];
	bool is_taken;
};

/* RFC 1035 3.3.14 */
static struct slice rdata(const char *text, char *to)
{
	struct slice rest = slice_of(text), part;
	size_t n = 0;
	bool has_more = true;

	while (has_more) {
		has_more = slice_cut(rest, '|', &part, &rest);
		to[n++] = (char)part.n;
		memcpy(to + n, part.p, part.n);
		n += part.n;
	}
	return (struct slice){ to, n };
}

static const struct dns_answer *find(struct slice name, enum dns_type type,
				     void *arg)
{
	static struct dns_answer answer;
	static struct slice records[RECORDS];
	static char octets[RECORDS][TEXT];
	const struct world *w = arg;

	assert_true(slice_equal(name, S("_smtp._tls.a.example")));
	assert_int_equal(type, DNS_TXT);
	answer = (struct dns_answer){ .result = cases[w->at].result,
				      .records = records };
	for (;
	     answer.count < RECORDS && cases[w->at].texts[answer.count] != NULL;
	     answer.count++)
		records[answer.count] = rdata(cases[w->at].texts[answer.count],
					      octets[answer.count]);
	return &answer;
}

static void keep(char to[TEXT], struct slices from)
{
	assert_true(from.count <= 1);
	(void)snprintf(to, TEXT, "%.*s",
		       from.count > 0 ? (int)from.items[0].n : 0,
		       from.count > 0 ? from.items[0].p : "");
}

static bool send_it(const struct message *m, void *arg)
{
	struct world *w = arg;

	w->answers++;
	w->type = m->type;
	if (m->type == MESSAGE_HTTPS_POSTED) {
		assert_int_equal(m->https_posted.id, ID);
		w->is_taken = m->https_posted.is_taken;
		return true;
	}
	assert_int_equal(m->tlsrpt.id, ID);
	w->wish = (enum tlsrpt_wish)m->tlsrpt.result;
	keep(w->mail, m->tlsrpt.mail);
	keep(w->https, m->tlsrpt.https);
	return true;
}

static int set_up(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->dns = fake_dns_new(find, w);
	w->desk = report_desk_new(w->dns, NULL, send_it, w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	report_desk_free(&w->desk);
	assert_int_equal(fake_dns_open(w->dns), 0);
	fake_dns_free(&w->dns);
	mem_free(&w);
	return 0;
}

static void ask(struct world *w)
{
	const struct msg_tlsrpt_wanted m = { .id = ID,
					     .domain = S("a.example") };

	report_desk_ask(w->desk, &m);
}

static void test_records(void **state)
{
	struct world *w = *state;

	for (w->at = 0; w->at < sizeof(cases) / sizeof(cases[0]); w->at++) {
		print_message("  %s\n", cases[w->at].name);
		ask(w);
		assert_true(fake_dns_answer_one(w->dns));
		assert_int_equal(w->answers, w->at + 1);
		assert_int_equal(w->wish, cases[w->at].wish);
		assert_string_equal(w->mail, cases[w->at].mail);
		assert_string_equal(w->https, cases[w->at].https);
	}
}

static void test_not_too_many_at_once(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < REPORT_DESK_MAX; i++)
		ask(w);
	assert_int_equal(w->answers, 0);
	ask(w);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->wish, TLSRPT_TRY_LATER);
	report_desk_lose(w->desk);
	assert_int_equal(fake_dns_open(w->dns), 0);
	assert_int_equal(w->answers, 1);
}

static void test_no_address_of_a_server(void **state)
{
	const struct msg_https_post m = { .id = ID,
					  .url = S("https://me@a.example/") };
	struct world *w = *state;

	report_desk_post(w->desk, &m);
	assert_int_equal(w->type, MESSAGE_HTTPS_POSTED);
	assert_false(w->is_taken);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_records),
		TEST(test_not_too_many_at_once),
		TEST(test_no_address_of_a_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
