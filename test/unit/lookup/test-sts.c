#include "lookup/sts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "test/unit/dns/fake_dns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 4430 };

#define GOOD                                                                   \
	"version: STSv1\nmode: enforce\nmx: mx.new.example\nmax_age: 86400\n"

/* --- the world ---------------------------------------------------------------------- */

struct fetch {
	struct arena *arena;
	struct slice host, path;
	unsigned port;
	size_t limit_octets;
	https_done *done;
	void *arg;
};

struct world {
	struct event_base *base;
	struct arena *arena;
	struct dns *dns;
	struct sts_known *known;
	struct sts_desk *desk;
	/* What DNS says. */
	enum dns_result result;
	struct slice text;
	struct slice record;
	struct dns_answer answer;
	/* The queue. */
	bool is_away;
	uint64_t wanted; /* the id of a question */
	unsigned keeps;
	struct sts kept; /* by the last STS_KEEP */
	struct fetch *fetch;
	unsigned fetches;
	/* What was answered. */
	unsigned ends;
	struct sts_answer end;
};

static struct world *world;

struct fetch *fetch_start(struct fetcher *fetcher,
			  const struct https_request *request, https_done *done,
			  void *arg)
{
	struct fetch *f = mem_new(sizeof(*f));

	(void)fetcher;
	f->arena = arena_new(65536);
	f->host = arena_copy(f->arena, request->host);
	f->path = arena_copy(f->arena, request->path);
	f->port = request->port;
	f->limit_octets = request->limit_octets;
	f->done = done;
	f->arg = arg;
	assert_null(world->fetch);
	world->fetch = f;
	world->fetches++;
	return f;
}

void fetch_cancel(struct fetch **fetch)
{
	if (*fetch == NULL)
		return;
	arena_free(&(*fetch)->arena);
	mem_free(fetch);
	world->fetch = NULL;
}

static void answer_fetch(struct world *w, const struct https_answer *answer)
{
	struct fetch *f = w->fetch;

	assert_non_null(f);
	f->done(answer, f->arg);
	fetch_cancel(&f);
}

static const struct dns_answer *find(struct slice name, enum dns_type type,
				     void *arg)
{
	struct world *w = arg;
	char *octets = arena_alloc(w->arena, w->text.n + 1);

	assert_int_equal(type, DNS_TXT);
	assert_true(slice_equal(name, S("_mta-sts.a.example")));
	octets[0] = (char)w->text.n;
	memcpy(octets + 1, w->text.p, w->text.n);
	w->record = (struct slice){ octets, w->text.n + 1 };
	w->answer = (struct dns_answer){ .result = w->result,
					 .records = &w->record,
					 .count = w->result == DNS_DATA };
	return &w->answer;
}

static bool send_it(const struct message *m, void *arg)
{
	struct world *w = arg;

	if (w->is_away)
		return false;
	if (m->type == MESSAGE_STS_WANTED) {
		w->wanted = m->sts_wanted.id;
		return true;
	}
	assert_int_equal(m->type, MESSAGE_STS_KEEP);
	assert_true(slice_equal(m->sts_keep.domain, S("a.example")));
	w->kept = sts_copy(&m->sts_keep.sts, w->arena);
	w->keeps++;
	return true;
}

static void on_end(const struct sts_answer *answer, void *arg)
{
	struct world *w = arg;

	w->ends++;
	w->end = *answer;
	w->end.sts = sts_copy(&answer->sts, w->arena);
	w->end.problem = arena_copy(w->arena, answer->problem);
}

static int set_up(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->base = event_base_new();
	w->arena = arena_new(8 << 20);
	w->dns = fake_dns_new(find, w);
	w->known = sts_known_new(w->base, send_it, w);
	w->desk = sts_desk_new(w->dns, NULL, w->known);
	sts_desk_configure(w->desk, PORT);
	w->result = DNS_NO_NAME;
	*state = world = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	sts_desk_free(&w->desk);
	sts_known_free(&w->known);
	assert_int_equal(fake_dns_open(w->dns), 0);
	fake_dns_free(&w->dns);
	event_base_free(w->base);
	arena_free(&w->arena);
	mem_free(&w);
	return 0;
}

/* --- steps -------------------------------------------------------------------------- */

static const struct slice old_patterns[] = { SLICE("mx.old.example") };

static struct sts old_policy(const char *id)
{
	return (struct sts){ .id = slice_of(id),
			     .mode = STS_TESTING,
			     .max_age_s = 1000,
			     .patterns = { old_patterns, id != NULL },
			     .fetched = 5,
			     .tried = 6 };
}

static void record(struct world *w, const char *text)
{
	w->result = text != NULL ? DNS_DATA : DNS_NO_NAME;
	w->text = slice_of(text);
}

/* Both answers, the queue's with the policy of that id. */
static void ask(struct world *w, const char *old_id)
{
	struct msg_sts_known known = { .id = 0 };

	w->ends = 0;
	(void)sts_ask(w->desk, S("a.example"), on_end, w);
	assert_int_equal(w->ends, 0);
	known.id = w->wanted;
	known.sts = old_policy(old_id);
	if (old_id == NULL)
		known.sts = (struct sts){ .mode = STS_NONE };
	sts_known_on_answer(w->known, &known);
	assert_int_equal(w->ends, 0);
	assert_true(fake_dns_answer_one(w->dns));
}

static void check_old(const struct world *w, const char *id)
{
	assert_int_equal(w->ends, 1);
	assert_false(w->end.is_try_later);
	assert_false(w->end.is_fresh);
	assert_true(slice_equal(w->end.sts.id, slice_of(id)));
	if (id == NULL)
		return;
	assert_int_equal(w->end.sts.mode, STS_TESTING);
	assert_int_equal(w->end.sts.patterns.count, 1);
	assert_true(slice_equal(w->end.sts.patterns.items[0], old_patterns[0]));
}

static void answer_good(struct world *w)
{
	const struct https_answer good = { .result = HTTPS_ANSWERED,
					   .status = 200,
					   .content_type = S("text/plain"),
					   .body = S(GOOD) };

	answer_fetch(w, &good);
}

/* --- tests -------------------------------------------------------------------------- */

static void test_nothing_at_all(void **state)
{
	struct world *w = *state;

	ask(w, NULL);
	check_old(w, NULL);
	assert_int_equal(w->end.failure, TLSRPT_SUCCESS);
	assert_int_equal(w->end.problem.n, 0);
	assert_int_equal(w->fetches, 0);
}

static void test_a_new_policy(void **state)
{
	struct world *w = *state;
	uint64_t now = (uint64_t)clock_wall_s();

	record(w, "v=STSv1; id=n1;");
	ask(w, NULL);
	assert_int_equal(w->ends, 0);
	assert_true(slice_equal(w->fetch->host, S("mta-sts.a.example")));
	assert_true(slice_equal(w->fetch->path, S("/.well-known/mta-sts.txt")));
	assert_int_equal(w->fetch->port, PORT);
	assert_int_equal(w->fetch->limit_octets, STS_POLICY_OCTETS);
	answer_good(w);
	assert_int_equal(w->ends, 1);
	assert_true(w->end.is_fresh);
	assert_true(slice_equal(w->end.sts.id, S("n1")));
	assert_int_equal(w->end.sts.mode, STS_ENFORCE);
	assert_int_equal(w->end.failure, TLSRPT_SUCCESS);
	assert_int_equal(w->keeps, 1);
	assert_true(slice_equal(w->kept.id, S("n1")));
	assert_int_equal(w->kept.max_age_s, 86400);
	assert_true(w->kept.fetched >= now && w->kept.tried >= now);
	assert_true(
		slice_equal(w->kept.patterns.items[0], S("mx.new.example")));
}

static void test_the_same_id(void **state)
{
	struct world *w = *state;

	record(w, "v=STSv1; id=o1;");
	ask(w, "o1");
	check_old(w, "o1");
	assert_int_equal(w->fetches, 0);
	assert_int_equal(w->keeps, 0);
}

/* Whoever can do any of this to us must not gain by it. */
static void test_what_is_kept_holds(void **state)
{
	struct world *w = *state;

	ask(w, "o1");
	check_old(w, "o1");
	w->result = DNS_FAILED;
	ask(w, "o1");
	check_old(w, "o1");
	w->result = DNS_BOGUS;
	ask(w, "o1");
	check_old(w, "o1");
	record(w, "v=STSv1; nonsense");
	ask(w, "o1");
	check_old(w, "o1");
	assert_int_equal(w->fetches, 0);
}

static void test_another_id(void **state)
{
	struct world *w = *state;

	record(w, "v=STSv1; id=n1;");
	ask(w, "o1");
	answer_good(w);
	assert_true(slice_equal(w->end.sts.id, S("n1")));
	assert_true(w->end.is_fresh);
}

static const struct {
	const char *name;
	struct https_answer answer;
	enum tlsrpt_result failure;
	const char *problem;
} failures[] = {
	{ "nobody there",
	  { .result = HTTPS_FAILED, .problem = SLICE("refused") },
	  TLSRPT_STS_POLICY_FETCH_ERROR,
	  "refused" },
	{ "a bad certificate",
	  { .result = HTTPS_UNTRUSTED, .problem = SLICE("self-signed") },
	  TLSRPT_STS_WEBPKI_INVALID,
	  "self-signed" },
	{ "too much",
	  { .result = HTTPS_TOO_BIG, .problem = SLICE("too big") },
	  TLSRPT_STS_POLICY_FETCH_ERROR,
	  "too big" },
	{ "elsewhere",
	  { .result = HTTPS_ANSWERED,
	    .status = 301,
	    .content_type = SLICE("text/plain"),
	    .body = SLICE(GOOD) },
	  TLSRPT_STS_POLICY_FETCH_ERROR,
	  "301" },
	{ "another kind of success",
	  { .result = HTTPS_ANSWERED,
	    .status = 203,
	    .content_type = SLICE("text/plain"),
	    .body = SLICE(GOOD) },
	  TLSRPT_STS_POLICY_FETCH_ERROR,
	  "203" },
	{ "HTML",
	  { .result = HTTPS_ANSWERED,
	    .status = 200,
	    .content_type = SLICE("text/html"),
	    .body = SLICE(GOOD) },
	  TLSRPT_STS_POLICY_INVALID,
	  "text/plain" },
	{ "of no kind",
	  { .result = HTTPS_ANSWERED, .status = 200, .body = SLICE(GOOD) },
	  TLSRPT_STS_POLICY_INVALID,
	  "text/plain" },
	{ "no policy",
	  { .result = HTTPS_ANSWERED,
	    .status = 200,
	    .content_type = SLICE("Text/Plain ; charset=utf-8"),
	    .body = SLICE("hello\n") },
	  TLSRPT_STS_POLICY_INVALID,
	  "no field" },
};

static void check_failure(const struct world *w, size_t i)
{
	if (w->end.failure != failures[i].failure ||
	    slice_find_slice(w->end.problem, slice_of(failures[i].problem)) ==
		    w->end.problem.n)
		fail_msg("%s: %d %.*s", failures[i].name, w->end.failure,
			 (int)w->end.problem.n, w->end.problem.p);
}

/* Each leaves what is kept, and is not tried again soon. */
static void test_failures(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		char text[] = "v=STSv1; id=f0;";

		text[sizeof(text) - 3] = (char)('0' + i);
		record(w, text);
		ask(w, "o1");
		answer_fetch(w, &failures[i].answer);
		check_old(w, "o1");
		check_failure(w, i);
		ask(w, NULL);
		check_old(w, NULL);
		check_failure(w, i);
		assert_int_equal(w->fetches, i + 1);
	}
	assert_int_equal(w->keeps, 0);
	record(w, "v=STSv1; id=g0");
	ask(w, NULL);
	answer_good(w);
	assert_true(w->end.is_fresh);
}

static void test_failures_are_bounded(void **state)
{
	struct world *w = *state;
	char id[40];

	for (unsigned i = 0; i <= STS_RESTS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "v=STSv1; id=x%u", i);
		record(w, id);
		ask(w, NULL);
		answer_fetch(w, &failures[0].answer);
	}
	record(w, "v=STSv1; id=x1");
	ask(w, NULL);
	assert_null(w->fetch);
	record(w, "v=STSv1; id=x0");
	ask(w, NULL);
	answer_good(w);
}

static void test_forged(void **state)
{
	struct world *w = *state;

	w->result = DNS_BOGUS;
	ask(w, NULL);
	assert_int_equal(w->ends, 1);
	assert_true(w->end.is_try_later);
}

/* Without what is kept nobody knows what holds. */
static void test_the_queue_is_away(void **state)
{
	struct world *w = *state;
	struct msg_sts_known broken = { .error = EIO };

	w->is_away = true;
	(void)sts_ask(w->desk, S("a.example"), on_end, w);
	assert_true(fake_dns_answer_one(w->dns));
	assert_int_equal(w->ends, 0);
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_int_equal(w->ends, 1);
	assert_true(w->end.is_try_later);
	w->is_away = false;
	(void)sts_ask(w->desk, S("a.example"), on_end, w);
	sts_known_lose(w->known);
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_true(fake_dns_answer_one(w->dns));
	assert_int_equal(w->ends, 2);
	assert_true(w->end.is_try_later);
	(void)sts_ask(w->desk, S("a.example"), on_end, w);
	broken.id = w->wanted;
	sts_known_on_answer(w->known, &broken);
	assert_true(fake_dns_answer_one(w->dns));
	assert_int_equal(w->ends, 3);
	assert_true(w->end.is_try_later);
}

static void test_cancelled(void **state)
{
	struct world *w = *state;
	struct sts_question *q;

	q = sts_ask(w->desk, S("a.example"), on_end, w);
	sts_cancel(&q);
	assert_null(q);
	record(w, "v=STSv1; id=n1;");
	q = sts_ask(w->desk, S("a.example"), on_end, w);
	sts_known_on_answer(w->known,
			    &(struct msg_sts_known){ .id = w->wanted });
	assert_true(fake_dns_answer_one(w->dns));
	assert_non_null(w->fetch);
	sts_cancel(&q);
	assert_null(w->fetch);
	assert_int_equal(w->ends, 0);
}

/* --- fetched anew ---------------------------------------------------------------------- */

static void refresh(struct world *w)
{
	const struct msg_sts_stale stale = { .domain = S("a.example"),
					     .sts = old_policy("o1") };

	sts_refresh(w->desk, &stale);
	sts_refresh(w->desk, &stale); /* that is one */
	assert_int_equal(fake_dns_open(w->dns), 1);
	assert_true(fake_dns_answer_one(w->dns));
}

static void test_refreshed(void **state)
{
	struct world *w = *state;

	record(w, "v=STSv1; id=o1;");
	refresh(w);
	answer_good(w);
	assert_int_equal(w->keeps, 1);
	assert_true(slice_equal(w->kept.id, S("o1")));
	assert_int_equal(w->kept.mode, STS_ENFORCE);
	assert_true(w->kept.fetched > 5);
}

static void check_tried(const struct world *w)
{
	assert_true(slice_equal(w->kept.id, S("o1")));
	assert_int_equal(w->kept.mode, STS_TESTING);
	assert_int_equal(w->kept.fetched, 5);
	assert_true(w->kept.tried > 6);
}

static void test_not_refreshed(void **state)
{
	struct world *w = *state;

	record(w, "v=STSv1; id=o1;");
	refresh(w);
	answer_fetch(w, &failures[0].answer);
	assert_int_equal(w->keeps, 1);
	check_tried(w);
	record(w, NULL);
	refresh(w);
	assert_int_equal(w->keeps, 2);
	check_tried(w);
	assert_int_equal(w->fetches, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_at_all),
		TEST(test_a_new_policy),
		TEST(test_the_same_id),
		TEST(test_what_is_kept_holds),
		TEST(test_another_id),
		TEST(test_failures),
		TEST(test_failures_are_bounded),
		TEST(test_forged),
		TEST(test_the_queue_is_away),
		TEST(test_cancelled),
		TEST(test_refreshed),
		TEST(test_not_refreshed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
