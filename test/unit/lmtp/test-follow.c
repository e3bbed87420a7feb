/* One transaction right behind another's content, as the dialog has it. */
#include "lmtp/dialog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define FIRST                                                                  \
	"MAIL FROM:<a@b> SIZE=100\r\nRCPT TO:<first@d>\r\nDATA\r\n"            \
	"<dotted>"
#define SECOND "MAIL FROM:<a@b> SIZE=200\r\nRCPT TO:<second@d>\r\nDATA\r\n"

#define HANGUP ""

/* What is said after all of FIRST and then SECOND is out. trail has the ends,
 * what goes out behind, and the state. */
static const struct {
	const char *name;
	bool is_content_kept; /* of the first: not all sent yet */
	const char *second;   /* its recipient, if not second@d */
	const char *server[4];
	const char *trail;
} cases[] = {
	{ .name = "the answers come one by one",
	  .server = { "250 1\r\n", "250 a\r\n250 b\r\n", "354 c\r\n" },
	  .trail = "[answered 250 1]<dotted>transaction" },
	{ .name = "the answers come together",
	  .server = { "250 1\r\n250 a\r\n250 b\r\n354 c\r\n", "250 2\r\n" },
	  .trail = "[answered 250 1]<dotted>[answered 250 2]idle" },
	{ .name = "the content of the first is refused",
	  .server = { "552 5.2.2 full\r\n250 a\r\n250 b\r\n354 c\r\n" },
	  .trail = "[answered 552 full]<dotted>transaction" },
	{ .name = "the second recipient is refused",
	  .server = { "250 1\r\n250 a\r\n550 no\r\n503 none\r\n", "250 r\r\n" },
	  .trail = "[answered 250 1][answered 550 no]RSET\r\nidle" },
	{ .name = "refused in an answer of its own",
	  .server = { "250 1\r\n", "250 a\r\n550 no\r\n503 none\r\n" },
	  .trail = "[answered 250 1][answered 550 no]RSET\r\nresetting" },
	{ .name = "354 for a refused recipient",
	  .server = { "250 1\r\n250 a\r\n550 no\r\n354 c\r\n" },
	  .trail = "[answered 250 1][answered 550 no]closed" },
	{ .name = "421 for the content",
	  .server = { "421 4.3.2 bye\r\n" },
	  .trail = "[answered 421 bye]closed" },
	{ .name = "421 in between",
	  .server = { "250 1\r\n421 4.3.2 bye\r\n" },
	  .trail = "[answered 250 1][untouched]closed" },
	{ .name = "lost before the last answer",
	  .server = { HANGUP },
	  .trail = "[uncertain 0 hung up]closed" },
	{ .name = "lost with the content half sent",
	  .is_content_kept = true,
	  .server = { HANGUP },
	  .trail = "[no answer 0 hung up]closed" },
	{ .name = "lost after the last answer",
	  .server = { "250 1\r\n", HANGUP },
	  .trail = "[answered 250 1][untouched]closed" },
	{ .name = "lost after the second recipient",
	  .server = { "250 1\r\n250 a\r\n250 b\r\n", HANGUP },
	  .trail = "[answered 250 1][no answer 0 hung up]closed" },
	{ .name = "lost with the second content out",
	  .server = { "250 1\r\n250 a\r\n250 b\r\n354 c\r\n", HANGUP },
	  .trail = "[answered 250 1]<dotted>[uncertain 0 hung up]closed" },
	{ .name = "one we refuse ourselves says nothing",
	  .second = "\xc3\xbc@d",
	  .server = { "250 1\r\n" },
	  .trail = "[answered 250 1][answered 553 "
		   "The mail store takes no addresses in UTF-8]idle" },
	{ .name = "and what is said for it is out of turn",
	  .second = "\xc3\xbc@d",
	  .server = { "250 1\r\n250 a\r\n" },
	  .trail = "[answered 250 1][answered 553 "
		   "The mail store takes no addresses in UTF-8]closed" },
};

struct run {
	struct lmtp_dialog *d;
	bool has_ended; /* and that was noted */
	char trail[512];
};

static void note(struct run *r, const char *s)
{
	assert_true(strlen(r->trail) + strlen(s) < sizeof(r->trail));
	strcat(r->trail, s);
}

static void note_end(struct run *r)
{
	static const char *const names[] = { "answered", "no answer",
					     "uncertain" };
	const struct reply *reply;
	enum lmtp_end end = lmtp_dialog_end(r->d, &reply);
	char text[256];

	(void)snprintf(text, sizeof(text), "[%s %u %.*s]", names[end],
		       reply->code, (int)reply->text.n, reply->text.p);
	note(r, lmtp_dialog_is_untouched(r->d) ? "[untouched]" : text);
}

static void feed(struct run *r, const char *server)
{
	struct slice in;

	if (strcmp(server, HANGUP) == 0)
		lmtp_dialog_close(r->d, S("hung up"));
	in = lmtp_dialog_feed(r->d, slice_of(server));
	while (lmtp_dialog_is_followed(r->d)) {
		note_end(r);
		lmtp_dialog_succeed(r->d);
		in = lmtp_dialog_feed(r->d, in);
	}
	if (lmtp_dialog_is_over(r->d) && !r->has_ended) {
		note_end(r);
		r->has_ended = true;
	}
}

static void take_output(struct run *r, bool is_content_kept)
{
	struct slice out = lmtp_dialog_output(r->d);
	char text[256];

	(void)snprintf(text, sizeof(text), "%.*s", (int)out.n, out.p);
	note(r, text);
	if (lmtp_dialog_content(r->d) == LMTP_CONTENT_NONE)
		return;
	assert_int_equal(lmtp_dialog_content(r->d), LMTP_CONTENT_DOTTED);
	if (!is_content_kept)
		lmtp_dialog_content_sent(r->d);
	note(r, "<dotted>");
}

static void greet(struct run *r, const char *hello)
{
	r->d = lmtp_dialog_new("me");
	feed(r, "220 mx\r\n");
	(void)lmtp_dialog_output(r->d);
	feed(r, hello);
}

static void run_case(size_t i)
{
	static const char *const states[] = { "greeting",  "hello",
					      "idle",      "transaction",
					      "resetting", "closed" };
	struct run r = { .trail = "" };
	const struct lmtp_request first = { .reverse_path = S("a@b"),
					    .recipient = S("first@d"),
					    .content_octets = 100 };
	struct lmtp_request second = { .reverse_path = S("a@b"),
				       .recipient = S("second@d"),
				       .content_octets = 200 };

	greet(&r, "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n");
	if (cases[i].second != NULL)
		second.recipient = slice_of(cases[i].second);
	lmtp_dialog_begin(r.d, &first);
	take_output(&r, false);
	assert_false(lmtp_dialog_may_follow(r.d));
	feed(&r, "250 a\r\n250 b\r\n354 c\r\n");
	take_output(&r, cases[i].is_content_kept);
	assert_true(lmtp_dialog_may_follow(r.d));
	lmtp_dialog_follow(r.d, &second);
	assert_false(lmtp_dialog_may_follow(r.d));
	take_output(&r, true);
	if (cases[i].is_content_kept) /* it stands there once more */
		r.trail[strlen(r.trail) - strlen("<dotted>")] = '\0';
	assert_string_equal(r.trail,
			    cases[i].second != NULL ? FIRST : FIRST SECOND);
	r.trail[0] = '\0';
	for (const char *const *p = cases[i].server; *p != NULL; p++) {
		feed(&r, *p);
		take_output(&r, false);
	}
	note(&r, states[lmtp_dialog_state(r.d)]);
	if (strcmp(r.trail, cases[i].trail) != 0)
		fail_msg("%s: %s", cases[i].name, r.trail);
	lmtp_dialog_free(&r.d);
}

static void test_followers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
}

static const struct {
	const char *name;
	const char *hello;
	const char *server[4]; /* up to the content */
} alone[] = {
	{ "without PIPELINING",
	  "250 mx\r\n",
	  { "250 a\r\n", "250 b\r\n", "354 c\r\n" } },
	{ "with CHUNKING",
	  "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
	  { "250 a\r\n250 b\r\n" } },
};

static void test_alone(void **state)
{
	const struct lmtp_request request = { .recipient = S("c@d"),
					      .content_octets = 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		struct run r = { .trail = "" };

		greet(&r, alone[i].hello);
		lmtp_dialog_begin(r.d, &request);
		(void)lmtp_dialog_output(r.d);
		for (const char *const *p = alone[i].server; *p != NULL; p++) {
			feed(&r, *p);
			(void)lmtp_dialog_output(r.d);
		}
		assert_int_not_equal(lmtp_dialog_content(r.d),
				     LMTP_CONTENT_NONE);
		if (lmtp_dialog_may_follow(r.d))
			fail_msg("%s", alone[i].name);
		lmtp_dialog_free(&r.d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_followers),
		cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
