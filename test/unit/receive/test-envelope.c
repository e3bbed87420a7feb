#include "receive/envelope.h"

#include "base/mem.h"
#include "milter/edits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* --- the resolver, as the tests know it ------------------------------------------- */

struct resolution {
	struct resolver *resolver;
	char address[400];
	resolve_on_answer *on_answer;
	void *arg;
};

struct resolver {
	struct event_base *base;
	bool is_silent;
	struct resolution *running;
	struct event *turn;
	size_t asked;
};

/* new@, other@ and ae@ a.test exist, and team@a.test is two; slow@a.test
 * cannot be looked up. */
static struct resolve_answer answer_for(struct slice address)
{
	static struct target one[1], team[2] = {
		{ .kind = TARGET_MAILBOX, .address = SLICE("x@a.test") },
		{ .kind = TARGET_COMMAND, .address = SLICE("run") },
	};
	struct resolve_answer answer = { .result = RESOLVE_TARGETS };

	one[0].address = address;
	answer.targets = (struct targets){ one, 1 };
	if (slice_equal(address, S("team@a.test")))
		answer.targets = (struct targets){ team, 2 };
	else if (slice_equal(address, S("slow@a.test")))
		answer = (struct resolve_answer){ .result = RESOLVE_TRY_LATER };
	else if (!slice_ends_nocase(address, S("@a.test")))
		answer = (struct resolve_answer){ .result = RESOLVE_NOT_LOCAL };
	else if (!slice_starts(address, S("new")) &&
		 !slice_equal(address, S("other@a.test")) &&
		 !slice_has_high(address))
		answer = (struct resolve_answer){ .result = RESOLVE_NO_USER };
	return answer;
}

static void on_resolved(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *resolver = arg;
	struct resolution *r = resolver->running;
	struct resolve_answer answer = answer_for(slice_of(r->address));

	(void)fd;
	(void)what;
	resolver->running = NULL;
	r->on_answer(&answer, r->arg);
	free(r);
}

struct resolution *resolve_start(struct resolver *resolver,
				 const struct address *address, unsigned flags,
				 resolve_on_answer *on_answer, void *arg)
{
	struct resolution *r = calloc(1, sizeof(*r));

	assert_int_equal(flags, RESOLVE_MAY_RELAY);
	assert_null(resolver->running);
	(void)snprintf(r->address, sizeof(r->address), "%.*s@%.*s",
		       (int)address->local.n, address->local.p,
		       (int)address->domain.n, address->domain.p);
	r->resolver = resolver;
	r->on_answer = on_answer;
	r->arg = arg;
	resolver->running = r;
	resolver->asked++;
	if (!resolver->is_silent)
		event_active(resolver->turn, EV_TIMEOUT, 0);
	return r;
}

void resolve_cancel(struct resolution **resolution)
{
	if (*resolution == NULL)
		return;
	(*resolution)->resolver->running = NULL;
	free(*resolution);
	*resolution = NULL;
}

/* What a transaction also has, but not here. */
void content_free(struct content **content)
{
	assert_null(*content);
}

void handover_abandon(struct handover **handover)
{
	assert_null(*handover);
}

void origin_cancel(struct origin *o)
{
	assert_false(o->is_asked);
}

/* --- the world ---------------------------------------------------------------------- */

struct world {
	struct resolver resolver;
	struct conf conf;
	struct server server;
	struct transaction *t;
	struct milter_message *message;
	struct milter_edits *edits;
	int fd;
	struct envelope *envelope;
	unsigned done;
	enum envelope_result result;
};

static void add(struct world *w, const char *original)
{
	struct target target = { .kind = TARGET_MAILBOX,
				 .address = slice_of(original) };

	w->t->pending =
		(struct handover_recipient){ .original = slice_of(original) };
	assert_true(transaction_add_recipient(w->t,
					      (struct targets){ &target, 1 }));
}

/* A message from s@x.test to bob@a.test and "a b"@a.test. */
static void build(struct world *w)
{
	const struct milter_edits_config config = { .body_limit = 0 };

	memset(w, 0, sizeof(*w));
	w->resolver.base = event_base_new();
	w->resolver.turn =
		event_new(w->resolver.base, -1, 0, on_resolved, &w->resolver);
	w->conf.recipient_limit = 100;
	w->server.base = w->resolver.base;
	w->server.conf = &w->conf;
	w->server.resolver = &w->resolver;
	w->t = transaction_new(S("trace.1"), 0);
	w->t->reverse_path = S("s@x.test");
	w->t->mail.envid = S("first");
	add(w, "bob@a.test");
	add(w, "\"a b\"@a.test");
	w->fd = memfd_create("message", MFD_CLOEXEC);
	assert_int_equal(milter_message_open(w->fd, 0, 0, &w->message), 0);
	w->edits = milter_edits_new(&config);
}

static void tear_down(struct world *w)
{
	envelope_cancel(&w->envelope);
	transaction_free(&w->t);
	milter_edits_free(&w->edits);
	milter_message_free(&w->message);
	fd_close(&w->fd);
	event_free(w->resolver.turn);
	event_base_free(w->resolver.base);
}

static void on_done(enum envelope_result result, void *arg)
{
	struct world *w = arg;

	w->envelope = NULL;
	w->done++;
	w->result = result;
}

static void edit(struct world *w, enum milter_code code, const char *address,
		 const char *params)
{
	const struct milter_reply reply = {
		.code = code,
		.address = slice_of(address),
		.params = slice_of(params),
	};
	struct slice problem;

	assert_int_equal(milter_edits_take(w->edits, &reply, &problem),
			 MILTER_EDIT_TAKEN);
}

static void start(struct world *w)
{
	assert_int_equal(milter_edits_apply(w->edits, w->message), 0);
	w->envelope = envelope_start(&w->server, w->t, w->message, on_done, w);
	assert_int_equal(w->done, 0);
}

static void run(struct world *w)
{
	start(w);
	(void)event_base_loop(w->resolver.base, EVLOOP_NONBLOCK);
	assert_int_equal(w->done, 1);
}

/* "a@b c@d", in order. */
static void assert_recipients(const struct world *w, const char *want,
			      const char *name)
{
	char got[4000] = "";
	size_t n = 0, targets = 0;

	for (size_t i = 0; i < w->t->recipient_count; i++) {
		const struct slice r = w->t->recipients[i].original;

		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s",
				      i > 0 ? " " : "", (int)r.n, r.p);
		targets += w->t->recipients[i].targets.count;
	}
	if (strcmp(got, want) != 0)
		print_error("%s\n", name);
	assert_string_equal(got, want);
	assert_int_equal(w->t->target_count, targets);
}

/* --- tests ----------------------------------------------------------------------------- */

#define ADD  MILTER_ADDRCPT
#define DEL  MILTER_DELRCPT
#define BOTH "bob@a.test \"a b\"@a.test"

static void test_recipients(void **state)
{
	static const struct {
		const char *name;
		struct {
			enum milter_code code;
			const char *address;
		} edits[4];
		const char *want;
		enum envelope_result result;
	} cases[] = {
		{ "with angle brackets",
		  { { ADD, "<new@a.test>" } },
		  BOTH " new@a.test",
		  ENVELOPE_DONE },
		{ "without",
		  { { ADD, " new@a.test " } },
		  BOTH " new@a.test",
		  ENVELOPE_DONE },
		{ "in capitals and quotes: the name is exact",
		  { { ADD, "<\"newS\"@A.TEST>" } },
		  BOTH " newS@a.test",
		  ENVELOPE_DONE },
		{ "twice is once",
		  { { ADD, "new@a.test" }, { ADD, "<\"new\"@A.test>" } },
		  BOTH " new@a.test",
		  ENVELOPE_DONE },
		{ "one that is there",
		  { { ADD, "bob@a.test" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "one with two targets",
		  { { ADD, "team@a.test" } },
		  BOTH " team@a.test",
		  ENVELOPE_DONE },
		{ "nobody",
		  { { ADD, "nobody@a.test" }, { ADD, "other@a.test" } },
		  BOTH " other@a.test",
		  ENVELOPE_DONE },
		{ "outside",
		  { { ADD, "x@elsewhere.test" }, { ADD, "x@[192.0.2.1]" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "no address",
		  { { ADD, "<a b>" },
		    { ADD, "<new@a.test" },
		    { ADD, "<new@a.test> x" },
		    { DEL, "@" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "null",
		  { { ADD, "<>" }, { DEL, "<>" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "UTF-8 without SMTPUTF8",
		  { { ADD, "\xc3\xa4@a.test" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "not now",
		  { { ADD, "slow@a.test" }, { ADD, "new@a.test" } },
		  BOTH,
		  ENVELOPE_TRY_LATER },
		{ "deleted",
		  { { DEL, "<bob@a.test>" } },
		  "\"a b\"@a.test",
		  ENVELOPE_DONE },
		{ "deleted, the domain in capitals",
		  { { DEL, "bob@A.Test" } },
		  "\"a b\"@a.test",
		  ENVELOPE_DONE },
		{ "the name in capitals is another",
		  { { DEL, "<Bob@a.test>" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "quoted in another way",
		  { { DEL, "\"bo\\b\"@a.test" },
		    { DEL, "<\"a\\ b\"@a.test>" } },
		  "",
		  ENVELOPE_EMPTY },
		{ "unknown",
		  { { DEL, "<nobody@a.test>" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "added and deleted",
		  { { ADD, "<new@a.test>" }, { DEL, "new@a.test" } },
		  BOTH,
		  ENVELOPE_DONE },
		{ "deleted and added",
		  { { DEL, "bob@a.test" },
		    { ADD, "new@a.test" },
		    { DEL, "\"a b\"@a.test" } },
		  "new@a.test",
		  ENVELOPE_DONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		build(&w);
		for (size_t j = 0; j < 4 && cases[i].edits[j].code != 0; j++)
			edit(&w, cases[i].edits[j].code,
			     cases[i].edits[j].address, "");
		run(&w);
		assert_recipients(&w, cases[i].want, cases[i].name);
		assert_int_equal(w.result, cases[i].result);
		tear_down(&w);
	}
}

static void test_given_twice(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	add(&w, "bob@a.test");
	edit(&w, DEL, "bob@a.test", "");
	run(&w);
	assert_recipients(&w, "\"a b\"@a.test", "all duplicates go");
	tear_down(&w);
}

static void test_smtputf8(void **state)
{
	struct world w;

	(void)state;
	for (unsigned can = 0; can < 2; can++) {
		build(&w);
		w.t->mail.is_smtputf8 = true;
		w.server.has_lmtp_smtputf8 = can;
		edit(&w, ADD, "\xc3\xa4@a.test", "");
		edit(&w, MILTER_CHGFROM, "\xc3\xb6@b.test", "");
		run(&w);
		assert_recipients(&w, can ? BOTH " \xc3\xa4@a.test" : BOTH,
				  "as Dovecot can");
		assert_true(
			slice_equal(w.t->reverse_path, S("\xc3\xb6@b.test")));
		tear_down(&w);
	}
}

static void test_recipient_params(void **state)
{
	static const struct {
		const char *params;
		unsigned notify;
		const char *type, *orcpt;
	} cases[] = {
		{ "", 0, "", "" },
		{ "NOTIFY=NEVER", DSN_NOTIFY_NEVER, "", "" },
		{ "ORCPT=rfc822;x+2By@z  NOTIFY=SUCCESS,DELAY",
		  DSN_NOTIFY_SUCCESS | DSN_NOTIFY_DELAY, "rfc822", "x+y@z" },
		{ "FOO=1 NOTIFY=FAILURE BAR", DSN_NOTIFY_FAILURE, "", "" },
		{ "NOTIFY=SOMETIMES ORCPT=rfc822;a@b", 0, "rfc822", "a@b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct handover_recipient *r;
		struct world w;

		build(&w);
		edit(&w, MILTER_ADDRCPT_PAR, "<new@a.test>", cases[i].params);
		run(&w);
		assert_int_equal(w.t->recipient_count, 3);
		r = &w.t->recipients[2];
		assert_int_equal(r->dsn.notify, cases[i].notify);
		assert_true(slice_equal(r->dsn.orcpt_type,
					slice_of(cases[i].type)));
		assert_true(
			slice_equal(r->dsn.orcpt, slice_of(cases[i].orcpt)));
		tear_down(&w);
	}
}

static void test_sender(void **state)
{
	static const struct {
		const char *address, *params, *want;
		enum dsn_ret ret;
		const char *envid;
	} cases[] = {
		{ "<new@b.test>", "", "new@b.test", DSN_RET_NONE, "first" },
		{ "new@B.test", "", "new@b.test", DSN_RET_NONE, "first" },
		{ "<>", "", "", DSN_RET_NONE, "first" },
		{ "<a@b.test>", "RET=HDRS ENVID=id", "a@b.test", DSN_RET_HDRS,
		  "id" },
		{ "<a@b.test>", "SIZE=5 X RET=FULL BODY=8BITMIME", "a@b.test",
		  DSN_RET_FULL, "first" },
		{ "<a@b.test>", "RET=SOME", "a@b.test", DSN_RET_NONE, "first" },
		{ "no address", "RET=HDRS", "s@x.test", DSN_RET_NONE, "first" },
		{ "<postmaster>", "", "s@x.test", DSN_RET_NONE, "first" },
		{ "<\xc3\xa4@b.test>", "", "s@x.test", DSN_RET_NONE, "first" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		build(&w);
		edit(&w, MILTER_CHGFROM, cases[i].address, cases[i].params);
		run(&w);
		assert_int_equal(w.result, ENVELOPE_DONE);
		assert_true(slice_equal(w.t->reverse_path,
					slice_of(cases[i].want)));
		assert_int_equal(w.t->mail.ret, cases[i].ret);
		assert_true(
			slice_equal(w.t->mail.envid, slice_of(cases[i].envid)));
		assert_false(w.t->mail.is_8bit);
		assert_int_equal(w.t->mail.size, 0);
		tear_down(&w);
	}
}

static void test_too_many(void **state)
{
	struct world w;
	char address[40];

	(void)state;
	build(&w);
	w.conf.recipient_limit = 10;
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(address, sizeof(address), "new%u@a.test", i);
		edit(&w, ADD, address, "");
	}
	run(&w);
	assert_int_equal(w.t->recipient_count, 12);
	assert_int_equal(w.resolver.asked, 10);
	tear_down(&w);
}

/* More than one turn has. */
static void test_many(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	for (unsigned i = 0; i < 999; i++)
		edit(&w, DEL, "nobody@a.test", "");
	edit(&w, DEL, "bob@a.test", "");
	run(&w);
	assert_recipients(&w, "\"a b\"@a.test", "the last one is done");
	tear_down(&w);
}

static void test_cancelled(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	start(&w);
	envelope_cancel(&w.envelope);
	envelope_cancel(&w.envelope);
	(void)event_base_loop(w.resolver.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.done, 0);
	tear_down(&w);

	build(&w);
	w.resolver.is_silent = true;
	edit(&w, ADD, "new@a.test", "");
	start(&w);
	(void)event_base_loop(w.resolver.base, EVLOOP_NONBLOCK);
	assert_non_null(w.resolver.running);
	envelope_cancel(&w.envelope);
	assert_null(w.resolver.running);
	assert_int_equal(w.done, 0);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_given_twice),
		cmocka_unit_test(test_smtputf8),
		cmocka_unit_test(test_recipient_params),
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
