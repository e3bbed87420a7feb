#include "lmtp/dialog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 8, SMALL = 100, BIG = 100000 };

/* What the server says, then what is to be sent; content stands there as
 * <plain> or <dotted>. */
struct exchange {
	const char *server;
	const char *client;
};

#define HELLO_ALL  "250-mx\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 PIPELINING\r\n"
#define HELLO_DATA "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n"
#define HELLO_SLOW "250-mx\r\n250 CHUNKING\r\n"
#define HELLO_NONE "250 mx\r\n"
#define HANGUP     NULL /* by the server */

enum { KEEP_CONTENT = 1, IS_8BIT = 2, IS_BIG = 4 };

/* Transactions, from LMTP_IDLE. */
static const struct {
	const char *name;
	const char *hello;
	int flags;
	struct exchange script[STEPS];
	enum lmtp_end end;
	unsigned code;
	const char *text;
	enum lmtp_state state;
	bool is_untouched;
} cases[] = {
	{ .name = "all in one go",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "250 2.1.0 OK\r\n250 2.1.5 OK\r\n", "" },
		      { "250 2.0.0 <c@d> x Saved\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "<c@d> x Saved",
	  .state = LMTP_IDLE },
	{ .name = "8-bit content is announced",
	  .hello = HELLO_ALL,
	  .flags = IS_8BIT,
	  .script = { { "", "MAIL FROM:<a@b> BODY=8BITMIME\r\n"
			    "RCPT TO:<c@d>\r\nBDAT 100 LAST\r\n<plain>" },
		      { "250 a\r\n250 b\r\n250 c\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "c",
	  .state = LMTP_IDLE },
	{ .name = "big content waits for the recipient",
	  .hello = HELLO_ALL,
	  .flags = IS_BIG,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n" },
		      { "250 a\r\n", "" },
		      { "250 b\r\n", "BDAT 100000 LAST\r\n<plain>" },
		      { "250 c\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "c",
	  .state = LMTP_IDLE },
	{ .name = "big content for nobody is not sent",
	  .hello = HELLO_ALL,
	  .flags = IS_BIG,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n" },
		      { "250 a\r\n550 5.1.1 no\r\n", "RSET\r\n" },
		      { "250 OK\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 550,
	  .text = "no",
	  .state = LMTP_IDLE },
	{ .name = "the 503 after a refused recipient is eaten",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "250 a\r\n550-5.1.1 no\r\n550 5.1.1 one\r\n", "" },
		      { "503 5.5.1 no recipients\r\n", "RSET\r\n" },
		      { "250 OK\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 550,
	  .text = "no\none",
	  .state = LMTP_IDLE },
	{ .name = "a refused sender is the reason for all",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "452 4.3.1 full\r\n503 x\r\n503 y\r\n", "RSET\r\n" } },
	  .end = LMTP_ANSWERED,
	  .code = 452,
	  .text = "full",
	  .state = LMTP_RESETTING },
	{ .name = "over quota after the content",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "250 a\r\n250 b\r\n552 5.2.2 full\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 552,
	  .text = "full",
	  .state = LMTP_IDLE },
	{ .name = "DATA without CHUNKING, SIZE where offered",
	  .hello = HELLO_DATA,
	  .script = { { "", "MAIL FROM:<a@b> SIZE=100\r\nRCPT TO:<c@d>\r\n"
			    "DATA\r\n" },
		      { "250 a\r\n250 b\r\n", "" },
		      { "354 go\r\n", "<dotted>" },
		      { "250 c\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "c",
	  .state = LMTP_IDLE },
	{ .name = "DATA for a refused recipient is refused",
	  .hello = HELLO_DATA,
	  .script = { { "", "MAIL FROM:<a@b> SIZE=100\r\nRCPT TO:<c@d>\r\n"
			    "DATA\r\n" },
		      { "250 a\r\n550 no\r\n503 none\r\n", "RSET\r\n" } },
	  .end = LMTP_ANSWERED,
	  .code = 550,
	  .text = "no",
	  .state = LMTP_RESETTING },
	{ .name = "a 354 for a refused recipient ends the connection",
	  .hello = HELLO_DATA,
	  .script = { { "", "MAIL FROM:<a@b> SIZE=100\r\nRCPT TO:<c@d>\r\n"
			    "DATA\r\n" },
		      { "250 a\r\n550 no\r\n354 go\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 550,
	  .text = "no",
	  .state = LMTP_CLOSED },
	{ .name = "step by step without PIPELINING",
	  .hello = HELLO_SLOW,
	  .script = { { "", "MAIL FROM:<a@b>\r\n" },
		      { "250 a\r\n", "RCPT TO:<c@d>\r\n" },
		      { "250 b\r\n", "BDAT 100 LAST\r\n<plain>" },
		      { "250 c\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "c",
	  .state = LMTP_IDLE },
	{ .name = "step by step without anything",
	  .hello = HELLO_NONE,
	  .flags = IS_8BIT,
	  .script = { { "", "MAIL FROM:<a@b>\r\n" },
		      { "250 a\r\n", "RCPT TO:<c@d>\r\n" },
		      { "250 b\r\n", "DATA\r\n" },
		      { "354 c\r\n", "<dotted>" },
		      { "250 d\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "d",
	  .state = LMTP_IDLE },
	{ .name = "a dead connection has not touched it",
	  .hello = HELLO_ALL,
	  .flags = KEEP_CONTENT,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { HANGUP, "" } },
	  .end = LMTP_NO_ANSWER,
	  .text = "hung up",
	  .state = LMTP_CLOSED,
	  .is_untouched = true },
	{ .name = "no answer after all was sent is uncertain",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { HANGUP, "" } },
	  .end = LMTP_UNCERTAIN,
	  .text = "hung up",
	  .state = LMTP_CLOSED },
	{ .name = "half an answer is none",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "250 a\r\n250 b\r\n250-2.0.0 Sav", "" },
		      { HANGUP, "" } },
	  .end = LMTP_UNCERTAIN,
	  .text = "hung up",
	  .state = LMTP_CLOSED },
	{ .name = "lost with the content half sent",
	  .hello = HELLO_ALL,
	  .flags = KEEP_CONTENT | IS_BIG,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n" },
		      { "250 a\r\n250 b\r\n", "BDAT 100000 LAST\r\n<plain>" },
		      { HANGUP, "" } },
	  .end = LMTP_NO_ANSWER,
	  .text = "hung up",
	  .state = LMTP_CLOSED },
	{ .name = "a refusal with the content half sent is an answer",
	  .hello = HELLO_ALL,
	  .flags = KEEP_CONTENT | IS_BIG,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n" },
		      { "250 a\r\n250 b\r\n", "BDAT 100000 LAST\r\n<plain>" },
		      { "552 5.3.4 too big\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 552,
	  .text = "too big",
	  .state = LMTP_CLOSED },
	{ .name = "a 250 with the content half sent is a lie",
	  .hello = HELLO_ALL,
	  .flags = KEEP_CONTENT | IS_BIG,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n" },
		      { "250 a\r\n250 b\r\n", "BDAT 100000 LAST\r\n<plain>" },
		      { "250 c\r\n", "" } },
	  .end = LMTP_NO_ANSWER,
	  .text = "the reply came before the end: 250 c",
	  .state = LMTP_CLOSED },
	{ .name = "a server that closes has not touched it",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "421 4.3.2 bye\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 421,
	  .text = "bye",
	  .state = LMTP_CLOSED,
	  .is_untouched = true },
	{ .name = "421 for the recipient",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "250 a\r\n421 4.3.2 bye\r\n", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 421,
	  .text = "bye",
	  .state = LMTP_CLOSED },
	{ .name = "a reply of no sense",
	  .hello = HELLO_SLOW,
	  .script = { { "", "MAIL FROM:<a@b>\r\n" }, { "354 what\r\n", "" } },
	  .end = LMTP_NO_ANSWER,
	  .text = "the reply makes no sense: 354 what",
	  .state = LMTP_CLOSED,
	  .is_untouched = true },
	{ .name = "a reply nobody asked for",
	  .hello = HELLO_SLOW,
	  .script = { { "", "MAIL FROM:<a@b>\r\n" },
		      { "250 a\r\n250 b\r\n", "" } },
	  .end = LMTP_NO_ANSWER,
	  .text = "the server spoke out of turn",
	  .state = LMTP_CLOSED },
	{ .name = "no reply at all",
	  .hello = HELLO_SLOW,
	  .script = { { "", "MAIL FROM:<a@b>\r\n" }, { "hello\r\n", "" } },
	  .end = LMTP_NO_ANSWER,
	  .text = "the reply is malformed",
	  .state = LMTP_CLOSED,
	  .is_untouched = true },
	{ .name = "octets after the last answer end the connection",
	  .hello = HELLO_ALL,
	  .script = { { "", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
			    "BDAT 100 LAST\r\n<plain>" },
		      { "250 a\r\n250 b\r\n250 c\r\n25", "" } },
	  .end = LMTP_ANSWERED,
	  .code = 250,
	  .text = "c",
	  .state = LMTP_CLOSED },
};

/* Takes what the dialog would send now. */
static void take_output(struct lmtp_dialog *d, bool keep_content, char *ret,
			size_t room)
{
	struct slice out = lmtp_dialog_output(d);
	enum lmtp_content content = lmtp_dialog_content(d);
	const char *mark = content == LMTP_CONTENT_PLAIN    ? "<plain>"
			   : content == LMTP_CONTENT_DOTTED ? "<dotted>"
							    : "";

	(void)snprintf(ret, room, "%.*s%s", (int)out.n, out.p, mark);
	if (content != LMTP_CONTENT_NONE && !keep_content)
		lmtp_dialog_content_sent(d);
}

static struct lmtp_dialog *greeted(const char *hello)
{
	struct lmtp_dialog *d = lmtp_dialog_new("me.test");
	char out[512];

	assert_int_equal(lmtp_dialog_state(d), LMTP_GREETING);
	take_output(d, false, out, sizeof(out));
	assert_string_equal(out, "");
	lmtp_dialog_feed(d, S("220 mx ready\r\n"));
	take_output(d, false, out, sizeof(out));
	assert_string_equal(out, "LHLO me.test\r\n");
	assert_int_equal(lmtp_dialog_state(d), LMTP_HELLO);
	lmtp_dialog_feed(d, slice_of(hello));
	return d;
}

static void run_case(size_t i)
{
	struct lmtp_dialog *d = greeted(cases[i].hello);
	const struct lmtp_request request = {
		.reverse_path = S("a@b"),
		.recipient = S("c@d"),
		.content_octets = cases[i].flags & IS_BIG ? BIG : SMALL,
		.is_8bit = (cases[i].flags & IS_8BIT) != 0,
	};
	const struct reply *reply;
	enum lmtp_end end;

	assert_int_equal(lmtp_dialog_state(d), LMTP_IDLE);
	lmtp_dialog_begin(d, &request);
	for (const struct exchange *e = cases[i].script; e->client != NULL;
	     e++) {
		char out[512];

		if (e->server != NULL)
			lmtp_dialog_feed(d, slice_of(e->server));
		else
			lmtp_dialog_close(d, S("hung up"));
		take_output(d, (cases[i].flags & KEEP_CONTENT) != 0, out,
			    sizeof(out));
		if (strcmp(out, e->client) != 0)
			fail_msg("%s: sent \"%s\", not \"%s\"", cases[i].name,
				 out, e->client);
		if (cases[i].flags & KEEP_CONTENT && *e->client != '\0')
			assert_false(lmtp_dialog_is_content_sent(d));
	}
	assert_true(lmtp_dialog_is_over(d));
	end = lmtp_dialog_end(d, &reply);
	if (end != cases[i].end || reply->code != cases[i].code ||
	    !slice_equal(reply->text, slice_of(cases[i].text)) ||
	    lmtp_dialog_state(d) != cases[i].state ||
	    lmtp_dialog_is_untouched(d) != cases[i].is_untouched)
		fail_msg("%s: end %d, code %u, \"%.*s\", state %d, %d",
			 cases[i].name, end, reply->code, (int)reply->text.n,
			 reply->text.p, lmtp_dialog_state(d),
			 lmtp_dialog_is_untouched(d));
	lmtp_dialog_free(&d);
}

static void test_transactions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
}

static const struct {
	const char *name;
	const char *greeting, *hello;
	const char *why;
} closings[] = {
	{ "a greeting that refuses", "421 4.7.0 too many\r\n", "",
	  "the greeting was a refusal: 421 too many" },
	{ "a greeting of nonsense", "250 hello\r\n", "",
	  "the greeting was a refusal: 250 hello" },
	{ "an answer before the question", "220 a\r\n250 b\r\n", "",
	  "the server spoke out of turn" },
	{ "LHLO refused", "220 a\r\n", "502 5.5.1 what\r\n",
	  "LHLO was refused: 502 what" },
	{ "words after LHLO's answer", "220 a\r\n", "250 b\r\n250 c\r\n",
	  "the server spoke out of turn: 250 c" },
	{ "HTTP", "HTTP/1.1 400 Bad\r\n", "", "the reply is malformed" },
};

static void test_closings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(closings) / sizeof(closings[0]); i++) {
		struct lmtp_dialog *d = lmtp_dialog_new("me");

		lmtp_dialog_feed(d, slice_of(closings[i].greeting));
		(void)lmtp_dialog_output(d);
		lmtp_dialog_feed(d, slice_of(closings[i].hello));
		assert_int_equal(lmtp_dialog_state(d), LMTP_CLOSED);
		if (!slice_equal(lmtp_dialog_why(d), slice_of(closings[i].why)))
			fail_msg("%s: \"%.*s\"", closings[i].name,
				 (int)lmtp_dialog_why(d).n,
				 lmtp_dialog_why(d).p);
		assert_int_equal(lmtp_dialog_output(d).n, 0);
		lmtp_dialog_free(&d);
	}
}

/* One connection, several transactions; refusals of our own say nothing. */
static void test_many(void **state)
{
	struct lmtp_dialog *d =
		greeted("250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n"
			"250-8BITMIME\r\n250 SMTPUTF8\r\n");
	const struct lmtp_request bad = { .recipient = S("a\r\n@b") };
	const struct lmtp_request utf8 = { .recipient = S("\xc3\xbc@d") };
	const struct reply *reply;
	char out[512];

	(void)state;
	assert_true(lmtp_dialog_has_smtputf8(d));
	for (int i = 0; i < 3; i++) {
		lmtp_dialog_begin(d, &bad);
		assert_true(lmtp_dialog_is_over(d));
		assert_int_equal(lmtp_dialog_end(d, &reply), LMTP_ANSWERED);
		assert_int_equal(reply->code, 501);
		assert_int_equal(lmtp_dialog_output(d).n, 0);
		lmtp_dialog_begin(d, &utf8);
		take_output(d, false, out, sizeof(out));
		assert_string_equal(out, "MAIL FROM:<> SMTPUTF8\r\n"
					 "RCPT TO:<\xc3\xbc@d>\r\n"
					 "BDAT 0 LAST\r\n<plain>");
		lmtp_dialog_feed(d, S("250 a\r\n250 b\r\n250 c\r\n"));
		assert_int_equal(lmtp_dialog_state(d), LMTP_IDLE);
		assert_int_equal(lmtp_dialog_end(d, &reply), LMTP_ANSWERED);
		assert_int_equal(reply->code, 250);
	}
	lmtp_dialog_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transactions),
		cmocka_unit_test(test_closings),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
