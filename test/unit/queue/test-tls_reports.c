/* Reports on TLS: counted, made once, sent by what the domain wants. */
#include "queue/tls_reports.h"

#include "fixture.h"

#include "base/mem.h"
#include "queue/tls_report.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

enum { LATER_S = 3 * TLSRPT_DAY_S, TEXT = 8192 };

struct world {
	char dir[64];
	struct store *store;
	struct arena *arena;
	struct queue_settings settings;
	struct peers peers;
	struct tls_reports *reports;
	bool has_lookup;
	unsigned wanted, posts, entries;
	uint64_t id; /* of the last question */
	char domain[256], url[256], report[TEXT];
	size_t body_octets;
	bool is_last;
};

static size_t list_peers(void *arg, enum role role,
			 struct link *ret_links[ROLE_INDEX_MAX])
{
	const struct world *w = arg;

	if (role != ROLE_LOOKUP || !w->has_lookup)
		return 0;
	ret_links[0] = fixture_deliver(); /* any */
	return 1;
}

static void keep(char *to, size_t room, struct slice s)
{
	(void)snprintf(to, room, "%.*s", (int)s.n, s.n > 0 ? s.p : "");
}

static void send_it(void *arg, struct link *to, const struct message *m, int fd)
{
	struct world *w = arg;

	(void)to;
	assert_int_equal(fd, -1);
	switch ((int)m->type) {
	case MESSAGE_TLSRPT_WANTED:
		w->wanted++;
		w->id = m->tlsrpt_wanted.id;
		keep(w->domain, sizeof(w->domain), m->tlsrpt_wanted.domain);
		break;
	case MESSAGE_HTTPS_POST:
		w->posts++;
		w->id = m->https_post.id;
		keep(w->url, sizeof(w->url), m->https_post.url);
		w->body_octets = m->https_post.body.n;
		break;
	case MESSAGE_TLS_REPORT_ENTRY:
		w->entries++;
		keep(w->report, sizeof(w->report), m->tls_report_entry.report);
		break;
	case MESSAGE_TLS_REPORT_END:
		assert_int_equal(m->tls_report_end.error, 0);
		w->is_last = m->tls_report_end.is_last;
		break;
	default:
		fail();
	}
}

static int set_up(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	fixture_make_dir(w->dir);
	fixture_empty_database();
	w->arena = arena_new(16 << 20);
	w->settings.hostname = S("mx.ours.example");
	w->settings.sends_tls_reports = true;
	w->peers =
		(struct peers){ .list = list_peers, .send = send_it, .arg = w };
	w->has_lookup = true;
	if (fixture_open_store(w->dir, &w->store) < 0)
		return -1;
	w->reports = tls_reports_new(w->store, &w->settings, &w->peers);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	tls_reports_free(&w->reports);
	store_free(&w->store);
	arena_free(&w->arena);
	fixture_remove_dir(w->dir);
	mem_free(&w);
	return 0;
}

static void see(struct world *w, const char *domain, enum tlsrpt_result result)
{
	struct message m = { .type = MESSAGE_TLS_SEEN, .fd = -1 };

	m.tls_seen = (struct msg_tls_seen){
		.domain = slice_of(domain),
		.policy = TLSRPT_TLSA,
		.policy_lines = S("3 1 1 00"),
		.result = result,
		.mx = S("mx.a.example"),
	};
	assert_false(tls_reports_on_message(w->reports, NULL, &m));
}

static bool answer(struct world *w, enum tlsrpt_wish wish, const char *mail,
		   const char *https)
{
	const struct slice mails[] = { slice_of(mail) };
	const struct slice urls[] = { slice_of(https) };
	struct message m = { .type = MESSAGE_TLSRPT, .fd = -1 };

	m.tlsrpt = (struct msg_tlsrpt){ .id = w->id,
					.result = wish,
					.mail = { mails, mails->n > 0 },
					.https = { urls, urls->n > 0 } };
	return tls_reports_on_message(w->reports, NULL, &m);
}

static bool answer_post(struct world *w, bool is_taken)
{
	struct message m = { .type = MESSAGE_HTTPS_POSTED, .fd = -1 };

	m.https_posted = (struct msg_https_posted){ .id = w->id,
						    .is_taken = is_taken,
						    .problem = S("so") };
	return tls_reports_on_message(w->reports, NULL, &m);
}

static void look(struct world *w, const char *domain)
{
	struct message m = { .type = MESSAGE_TLS_REPORT_LIST, .fd = -1 };

	w->entries = 0;
	m.tls_report_list.domain = slice_of(domain);
	(void)tls_reports_on_message(w->reports, NULL, &m);
	assert_true(w->is_last);
}

/* Another process, which looks for what is due that much later. */
static void restart(struct world *w, int64_t later_s)
{
	tls_reports_free(&w->reports);
	w->reports = tls_reports_new(w->store, &w->settings, &w->peers);
	tls_reports_tick(w->reports, time(NULL) + later_s);
}

static size_t mails(struct world *w, struct store_entry *ret_first)
{
	struct store_entry e[4];
	struct store_page page = { .arena = w->arena, .entries = e, .max = 4 };

	assert_int_equal(store_list(w->store, 0, 0, &page), 0);
	if (page.count > 0)
		*ret_first = e[0];
	return page.count;
}

static json_int_t number_at(json_t *object, const char *a, const char *b)
{
	return json_integer_value(
		json_object_get(json_object_get(object, a), b));
}

static void test_what_is_counted_can_be_seen(void **state)
{
	struct world *w = *state;
	json_t *json, *policy;

	see(w, "A.example", TLSRPT_SUCCESS);
	see(w, "a.example", TLSRPT_SUCCESS);
	see(w, "a.example", TLSRPT_CERTIFICATE_EXPIRED);
	see(w, "b.example", TLSRPT_SUCCESS);
	see(w, "no domain", TLSRPT_SUCCESS);
	see(w, "a.example", TLSRPT_RESULTS); /* none */
	look(w, "");
	assert_int_equal(w->entries, 2);
	look(w, "a.EXAMPLE");
	assert_int_equal(w->entries, 1);
	json = json_loads(w->report, 0, NULL);
	policy = json_array_get(json_object_get(json, "policies"), 0);
	assert_int_equal(
		number_at(policy, "summary", "total-successful-session-count"),
		2);
	assert_int_equal(
		number_at(policy, "summary", "total-failure-session-count"), 1);
	json_decref(json);
}

static void test_not_before_the_day_is_over(void **state)
{
	struct world *w = *state;
	int64_t left_s = TLSRPT_DAY_S - time(NULL) % TLSRPT_DAY_S;
	char domain[32];

	for (int i = 0; i < 250; i++) {
		(void)snprintf(domain, sizeof(domain), "%d.example", i);
		see(w, domain, TLSRPT_SUCCESS);
	}
	/* Others may not have written down yet what they saw. */
	restart(w, left_s + TLS_REPORT_DELAY_S - 5);
	assert_int_equal(w->wanted, 0);
	restart(w, LATER_S);
	assert_int_equal(w->wanted, TLS_REPORTS_MAX);
}

static void test_by_mail(void **state)
{
	struct world *w = *state;
	struct store_entry e;
	struct slice content;

	see(w, "a.example", TLSRPT_SUCCESS);
	restart(w, LATER_S);
	assert_string_equal(w->domain, "a.example");
	assert_true(answer(w, TLSRPT_WISHED, "r@a.example", ""));
	assert_int_equal(mails(w, &e), 1);
	assert_int_equal(e.message.reverse_path.n, 0);
	assert_true(slice_equal(e.recipient.target.address, S("r@a.example")));
	assert_int_equal(e.recipient.line, STORE_REPORT);
	assert_int_equal(e.recipient.tls_demand, TLS_DEMAND_NONE);
	assert_int_equal(store_read_content(w->store, e.message.queue_id, TEXT,
					    w->arena, &content),
			 0);
	assert_true(slice_find_slice(content, S("application/tlsrpt+gzip")) <
		    content.n);
	assert_true(slice_starts(content,
				 S("From: postmaster@mx.ours.example\r\n")));
	restart(w, LATER_S + 86400);
	assert_int_equal(w->wanted, 1);
	look(w, "");
	assert_int_equal(w->entries, 0);
}

static void test_nobody_wants_it(void **state)
{
	struct world *w = *state;
	struct store_entry e;

	see(w, "a.example", TLSRPT_SUCCESS);
	restart(w, LATER_S);
	assert_false(answer(w, TLSRPT_UNWANTED, "", ""));
	assert_int_equal(mails(w, &e), 0);
	look(w, "");
	assert_int_equal(w->entries, 0);
}

static void test_dns_in_trouble(void **state)
{
	struct world *w = *state;
	int64_t again = LATER_S + TLS_REPORTS_AGAIN_S;

	see(w, "a.example", TLSRPT_SUCCESS);
	for (unsigned i = 1; i <= TLS_REPORTS_TRIES; i++) {
		restart(w, again * i);
		assert_int_equal(w->wanted, i);
		assert_false(answer(w, TLSRPT_TRY_LATER, "", ""));
	}
	restart(w, again * (TLS_REPORTS_TRIES + 1));
	assert_int_equal(w->wanted, TLS_REPORTS_TRIES);
	look(w, "");
	assert_int_equal(w->entries, 0);
}

static void test_by_https(void **state)
{
	struct world *w = *state;
	struct store_entry e;

	see(w, "a.example", TLSRPT_SUCCESS);
	restart(w, LATER_S);
	(void)answer(w, TLSRPT_WISHED, "", "https://a.example/r");
	assert_int_equal(w->posts, 1);
	assert_string_equal(w->url, "https://a.example/r");
	assert_true(w->body_octets > 20);
	assert_false(answer_post(w, false));
	look(w, "");
	assert_int_equal(w->entries, 1); /* it is tried again */
	restart(w, LATER_S);
	assert_int_equal(w->wanted, 1);
	restart(w, LATER_S + 2 * TLS_REPORTS_AGAIN_S);
	assert_int_equal(w->wanted, 2);
	(void)answer(w, TLSRPT_WISHED, "", "https://a.example/r");
	assert_false(answer_post(w, true));
	assert_int_equal(mails(w, &e), 0);
	look(w, "");
	assert_int_equal(w->entries, 0);
}

static void test_both_ways(void **state)
{
	struct world *w = *state;
	struct store_entry e;

	see(w, "a.example", TLSRPT_SUCCESS);
	restart(w, LATER_S);
	assert_false(answer(w, TLSRPT_WISHED, "r@a.example", "https://a/"));
	assert_int_equal(mails(w, &e), 0);
	assert_true(answer_post(w, false));
	assert_int_equal(mails(w, &e), 1);
	look(w, "");
	assert_int_equal(w->entries, 0);
}

/* It was silent for so long that another node has done its work. */
static void test_another_node_was_faster(void **state)
{
	struct world *w = *state;
	struct store_entry e;
	struct tls_reports *slow;
	uint64_t slow_id;

	see(w, "a.example", TLSRPT_SUCCESS);
	restart(w, LATER_S);
	slow = w->reports;
	slow_id = w->id;
	w->reports = tls_reports_new(w->store, &w->settings, &w->peers);
	tls_reports_tick(w->reports, time(NULL) + LATER_S + 86400);
	assert_int_equal(w->wanted, 2);
	assert_true(answer(w, TLSRPT_WISHED, "r@a.example", ""));
	tls_reports_free(&w->reports);
	w->reports = slow;
	w->id = slow_id;
	assert_false(answer(w, TLSRPT_WISHED, "r@a.example", ""));
	assert_int_equal(mails(w, &e), 1);
}

static void test_switched_off(void **state)
{
	struct world *w = *state;

	see(w, "a.example", TLSRPT_SUCCESS);
	w->settings.sends_tls_reports = false;
	restart(w, LATER_S);
	assert_int_equal(w->wanted, 0);
	look(w, "");
	assert_int_equal(w->entries, 0);
}

static void test_without_lookup(void **state)
{
	struct world *w = *state;

	see(w, "a.example", TLSRPT_SUCCESS);
	w->has_lookup = false;
	restart(w, LATER_S);
	w->has_lookup = true;
	restart(w, LATER_S);
	assert_int_equal(w->wanted, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_counted_can_be_seen),
		TEST(test_not_before_the_day_is_over),
		TEST(test_by_mail),
		TEST(test_nobody_wants_it),
		TEST(test_dns_in_trouble),
		TEST(test_by_https),
		TEST(test_both_ways),
		TEST(test_another_node_was_faster),
		TEST(test_switched_off),
		TEST(test_without_lookup),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
