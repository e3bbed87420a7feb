/* Dialogs with a session that has filters: what the client hears, and what the
 * filters are told. */
#include "filter_world.h"
#include "session_world.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EHLO  "EHLO c.test\r\n"
#define MAIL  "MAIL FROM:<a@b.test>\r\n"
#define RCPT  "RCPT TO:<alice@example.com>\r\n"
#define BOB   "RCPT TO:<bob@example.com>\r\n"
#define TX    EHLO MAIL RCPT
#define BODY  "Subject: x\r\n\r\nhello\r\n.\r\n"
#define LOGIN EHLO "AUTH PLAIN R09PRA==\r\n"

#define HELLO_SAID "220, 250"
#define TX_SAID    HELLO_SAID ", 250 2.1.0, 250 2.1.5"
#define SENT       ", 354, 250 2.0.0"
#define HELLO_TOLD "connect [127.0.0.1], hello c.test"
#define MAIL_TOLD  HELLO_TOLD ", mail <a@b.test>"
#define TX_TOLD    MAIL_TOLD ", rcpt <alice@example.com>"
#define AGAIN_TOLD ", mail <a@b.test>, rcpt <alice@example.com>"

#define REFUSE(c, t)                                                           \
	{                                                                      \
		.kind = MILTER_REFUSE, .code = (c), .text = SLICE(t)           \
	}
#define CLOSE(t)                                                               \
	{                                                                      \
		.kind = MILTER_CLOSE, .code = 421, .text = SLICE(t)            \
	}
#define DROP                                                                   \
	{                                                                      \
		.kind = MILTER_DROP, .filter = "f"                             \
	}

static const struct dialog {
	const char *name;
	enum listener_service service;
	const char *input;
	struct filter_rule rules[3];
	const char *want;
	const char *told;
	size_t delivered;
} dialogs[] = {
	{ .name = "a message that all like",
	  .input = TX "DATA\r\n" BODY "QUIT\r\n",
	  .want = TX_SAID SENT ", 221 2.0.0, closed",
	  .told = TX_TOLD ", data, content, abort, free",
	  .delivered = 1 },
	{ .name = "words are passed on as typed, without route",
	  .input = EHLO "MAIL FROM:<\"a b\"@B.test> size=9  BODY=8BITMIME\r\n"
			"RCPT TO:<@x.test,@y.test:alice@EXAMPLE.com> "
			"NOTIFY=NEVER\r\n"
			"RCPT TO:<alice@example.com>\r\nRSET\r\n",
	  .want = TX_SAID ", 250 2.1.5, 250 2.0.0",
	  .told = HELLO_TOLD ", mail <\"a b\"@B.test> size=9 BODY=8BITMIME, "
			     "rcpt <alice@EXAMPLE.com> NOTIFY=NEVER, "
			     "rcpt <alice@example.com>, abort" },

	/* connect and hello */
	{ .name = "refused at connect: all but hello and QUIT hear it",
	  .input = EHLO MAIL RCPT "DATA\r\nVRFY x\r\nBDAT 5\r\nNOOP\nNOOP\r\n"
				  "STARTTLS\r\nRSET\r\nFOO\r\nQUIT\r\n",
	  .rules = { { "connect", REFUSE(550, "5.7.1 no") } },
	  .want = "554, 250, 550 5.7.1, 550 5.7.1, 550 5.7.1, 550 5.7.1, "
		  "550 5.7.1, 250 2.0.0, 550 5.7.1, 250 2.0.0, 500 5.5.1, "
		  "221 2.0.0, closed",
	  .told = "connect [127.0.0.1], free" },
	{ .name = "refused at connect, for a while",
	  .input = EHLO MAIL "STARTTLS\r\nQUIT\r\n",
	  .rules = { { "connect", REFUSE(451, "4.7.1 later") } },
	  .want = "220, 250, 451 4.7.1, 454 4.3.0, 221 2.0.0, closed",
	  .told = "connect [127.0.0.1], free" },
	{ .name = "a filter that could not be asked at connect has another try",
	  .input = TX,
	  .rules = { { "connect",
		       { .kind = MILTER_REFUSE,
			 .code = 451,
			 .text = SLICE("4.7.1 later"),
			 .is_failure = true } } },
	  .want = TX_SAID,
	  .told = TX_TOLD },
	{ .name = "hung up on at connect",
	  .input = EHLO,
	  .rules = { { "connect", CLOSE("4.7.0 go") } },
	  .want = "421 4.7.0, closed",
	  .told = "connect [127.0.0.1], free" },
	{ .name = "refused at hello: a second one helps nobody",
	  .input = EHLO MAIL "HELO other\r\n" MAIL,
	  .rules = { { "hello c", REFUSE(550, "5.7.1 no") } },
	  .want = "220, 250, 550 5.7.1, 250, 550 5.7.1",
	  .told = HELLO_TOLD },
	{ .name = "hung up on at hello",
	  .input = "HELO c.test\r\nNOOP\r\n",
	  .rules = { { "hello", CLOSE("4.7.0 go") } },
	  .want = "220, 421 4.7.0, closed",
	  .told = HELLO_TOLD ", free" },
	{ .name = "465 is told of when TLS is there",
	  .service = LISTENER_SUBMISSIONS,
	  .input = LOGIN MAIL RCPT "DATA\r\n" BODY,
	  .want = HELLO_SAID ", 235 2.7.0, 250 2.1.0, 250 2.1.5" SENT,
	  .told = TX_TOLD ", data, content, abort",
	  .delivered = 1 },
	{ .name = "no login for whom filters refused",
	  .service = LISTENER_SUBMISSIONS,
	  .input = LOGIN MAIL,
	  .rules = { { "hello", REFUSE(550, "5.7.1 no") } },
	  .want = "220, 250, 550 5.7.1, 550 5.7.1",
	  .told = HELLO_TOLD },

	/* MAIL and RCPT */
	{ .name = "MAIL is refused, the next one is not",
	  .input = EHLO "MAIL FROM:<bad@b.test>\r\n" RCPT MAIL RCPT,
	  .rules = { { "mail <bad", REFUSE(550, "5.7.1 no") } },
	  .want = HELLO_SAID ", 550 5.7.1, 503 5.5.1, 250 2.1.0, 250 2.1.5",
	  .told = HELLO_TOLD ", mail <bad@b.test>, abort" AGAIN_TOLD },
	{ .name = "our own checks come first",
	  .input = EHLO "MAIL FROM:<a@b.test> SIZE=99999999999\r\n" MAIL
			"RCPT TO:<>\r\nRCPT TO:<nobody@example.com>\r\n"
			"RCPT TO:<x@other.test>\r\n",
	  .want = HELLO_SAID ", 552 5.3.4, 250 2.1.0, 501 5.1.3, 550 5.1.1, "
			     "550 5.7.1",
	  .told = MAIL_TOLD ", refused <nobody@example.com>, "
			    "refused <x@other.test>" },
	{ .name = "one recipient of three is refused",
	  .input = TX BOB RCPT "DATA\r\n" BODY,
	  .rules = { { "rcpt <bob", REFUSE(550, "5.1.1 not bob") } },
	  .want = TX_SAID ", 550 5.1.1, 250 2.1.5" SENT,
	  .told = TX_TOLD ", rcpt <bob@example.com>, rcpt <alice@example.com>, "
			  "data, content, abort",
	  .delivered = 1 },
	{ .name = "without recipient there is no DATA",
	  .input = EHLO MAIL BOB "DATA\r\n"
				 "BDAT 3 LAST\r\nabc"
				 "NOOP\r\n",
	  .rules = { { "rcpt <bob", REFUSE(450, "4.7.1 grey") } },
	  .want = HELLO_SAID ", 250 2.1.0, 450 4.7.1, 503 5.5.1, 503 5.5.1, "
			     "250 2.0.0",
	  .told = MAIL_TOLD ", rcpt <bob@example.com>" },
	{ .name = "hung up on at RCPT",
	  .input = TX "NOOP\r\n",
	  .rules = { { "rcpt", CLOSE("4.7.0 go") } },
	  .want = HELLO_SAID ", 250 2.1.0, 421 4.7.0, closed",
	  .told = TX_TOLD ", free" },

	/* DATA, BDAT and the content */
	{ .name = "DATA is refused",
	  .input = TX "DATA\r\n" MAIL RCPT,
	  .rules = { { "data", REFUSE(550, "5.7.1 no") } },
	  .want = TX_SAID ", 550 5.7.1, 250 2.1.0, 250 2.1.5",
	  .told = TX_TOLD ", data, abort" AGAIN_TOLD },
	{ .name = "the first BDAT is refused, its octets are eaten",
	  .input = TX "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	  .rules = { { "data", REFUSE(451, "4.7.1 no") } },
	  .want = TX_SAID ", 451 4.7.1, 503 5.5.1, 250 2.0.0",
	  .told = TX_TOLD ", data, abort" },
	{ .name = "BDAT in chunks is one DATA",
	  .input = TX "BDAT 6\r\nA: b\r\nBDAT 5 LAST\r\n\r\nxyz",
	  .want = TX_SAID ", 250 2.0.0, 250 2.0.0",
	  .told = TX_TOLD ", data, content, abort",
	  .delivered = 1 },
	{ .name = "an empty BDAT begins it too",
	  .input = TX "BDAT 0\r\nBDAT 6 LAST\r\nA: b\r\n",
	  .want = TX_SAID ", 250 2.0.0, 250 2.0.0",
	  .told = TX_TOLD ", data, content, abort",
	  .delivered = 1 },
	{ .name = "hung up on at BDAT",
	  .input = TX "BDAT 6 LAST\r\nA: b\r\n",
	  .rules = { { "data", CLOSE("4.7.0 go") } },
	  .want = TX_SAID ", 421 4.7.0, closed",
	  .told = TX_TOLD ", data, abort, free" },
	{ .name = "the content is refused, the next message is not",
	  .input = TX "DATA\r\n" BODY MAIL RCPT "RSET\r\n",
	  .rules = { { "content", REFUSE(554, "5.7.1 spam") } },
	  .want = TX_SAID ", 354, 554 5.7.1, 250 2.1.0, 250 2.1.5, 250 2.0.0",
	  .told = TX_TOLD ", data, content, abort" AGAIN_TOLD ", abort" },
	{ .name = "hung up on after the content",
	  .input = TX "DATA\r\n" BODY "NOOP\r\n",
	  .rules = { { "content", CLOSE("4.7.0 go") } },
	  .want = TX_SAID ", 354, 421 4.7.0, closed",
	  .told = TX_TOLD ", data, content, abort, free" },
	{ .name = "what we refuse ourselves no filter sees",
	  .input = TX "DATA\r\na\nb\r\n.\r\nNOOP\r\n",
	  .want = TX_SAID ", 354, 550 5.6.11, 250 2.0.0",
	  .told = TX_TOLD ", data, abort" },

	/* dropping */
	{ .name = "dropped at MAIL: nobody is asked any more",
	  .input = TX "RCPT TO:<nobody@example.com>\r\nDATA\r\n" BODY MAIL,
	  .rules = { { "mail", DROP } },
	  .want = TX_SAID ", 550 5.1.1" SENT ", 250 2.1.0",
	  .told = MAIL_TOLD ", abort, mail <a@b.test>" },
	{ .name = "dropped at RCPT",
	  .input = TX BOB "DATA\r\n" BODY,
	  .rules = { { "rcpt <alice", DROP } },
	  .want = TX_SAID ", 250 2.1.5" SENT,
	  .told = TX_TOLD ", abort" },
	{ .name = "dropped at BDAT",
	  .input = TX "BDAT 3\r\nA:bBDAT 5 LAST\r\n\r\n\r\nxNOOP\r\n",
	  .rules = { { "data", DROP } },
	  .want = TX_SAID ", 250 2.0.0, 250 2.0.0, 250 2.0.0",
	  .told = TX_TOLD ", data, abort" },
	{ .name = "dropped after the content",
	  .input = TX "DATA\r\n" BODY,
	  .rules = { { "content", DROP } },
	  .want = TX_SAID SENT,
	  .told = TX_TOLD ", data, content, abort" },

	/* what else ends or begins */
	{ .name = "RSET, EHLO and STARTTLS end a message",
	  .input = TX "RSET\r\n" MAIL EHLO MAIL "RSET\r\nRSET\r\n",
	  .want = TX_SAID ", 250 2.0.0, 250 2.1.0, 250, 250 2.1.0, 250 2.0.0, "
			  "250 2.0.0",
	  .told = TX_TOLD ", abort, mail <a@b.test>, abort, hello c.test, "
			  "mail <a@b.test>, abort" },
	{ .name = "a bad EHLO ends nothing and is nobody's business",
	  .input = TX "EHLO \"x\"\r\nDATA\r\n" BODY,
	  .want = TX_SAID ", 501 5.5.4" SENT,
	  .told = TX_TOLD ", data, content, abort",
	  .delivered = 1 },
	{ .name = "unknown commands: 4xx is said, 5xx is ours",
	  .input = EHLO "ETRN  x\r\nEXPN staff\r\nFOO\r\nBAR\r\n",
	  .rules = { { "unknown FOO", REFUSE(451, "4.7.1 wait") },
		     { "unknown BAR", REFUSE(550, "5.7.1 no") } },
	  .want = HELLO_SAID ", 500 5.5.1, 502 5.5.1, 451 4.7.1, 500 5.5.1",
	  .told = HELLO_TOLD ", unknown ETRN  x, unknown EXPN staff, "
			     "unknown FOO, unknown BAR" },
};

static void run(const struct dialog *d, size_t piece,
		enum filter_world_when when)
{
	struct world *w = world_new(d->service);
	char got[4096] = "";

	filter_world_begin(&w->server, d->rules, when);
	world_connect(w);
	world_send(w, slice_of(d->input), piece);
	if (TAILQ_FIRST(&w->server.sessions) != NULL)
		world_wait(w, 5); /* what lingers goes */
	world_heard(w, got, sizeof(got));
	if (strcmp(got, d->want) != 0 ||
	    strcmp(filter_world_record(), d->told) != 0)
		print_error("%s (in pieces of %zu)\n", d->name, piece);
	assert_string_equal(got, d->want);
	assert_string_equal(filter_world_record(), d->told);
	assert_int_equal(w->delivered, d->delivered);
	world_free(&w);
}

static void test_dialogs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dialogs) / sizeof(dialogs[0]); i++)
		for (size_t piece = 0; piece < 14; piece += 7) {
			run(&dialogs[i], piece, FILTER_AT_ONCE);
			run(&dialogs[i], piece, FILTER_LATER);
		}
}

/* --- words, macros, holds --------------------------------------------------------- */

static const struct filter_rule no_rules[1];

static void expect(struct world *w, const char *want)
{
	char got[4096] = "";

	world_heard(w, got, sizeof(got));
	assert_string_equal(got, want);
}

/* A client of filters with these rules says input. */
static struct world *said(enum listener_service service,
			  const struct filter_rule *rules,
			  enum filter_world_when when, const char *input)
{
	struct world *w = world_new(service);

	filter_world_begin(&w->server, rules, when);
	world_connect(w);
	world_send(w, slice_of(input), 0);
	return w;
}

static const struct {
	const char *name;
	struct filter_rule rules[2];
	const char *input;
	const char *end; /* of what is said */
} words[] = {
	{ "each line has the status, and has it once",
	  { { "mail",
	      REFUSE(550, "5.7.1 one\n5.7.1 two\n5.7.2 three\nfour") } },
	  EHLO MAIL,
	  "\r\n550-5.7.1 one\r\n550-5.7.1 two\r\n550-5.7.1 three\r\n"
	  "550 5.7.1 four\r\n" },
	{ "there may be none",
	  { { "mail", REFUSE(550, "go away\n5.7.1 x") } },
	  EHLO MAIL,
	  "\r\n550-go away\r\n550 5.7.1 x\r\n" },
	{ "one of another class is text",
	  { { "mail", REFUSE(550, "4.7.1 x") } },
	  EHLO MAIL,
	  "\r\n550 4.7.1 x\r\n" },
	{ "what looks like one",
	  { { "mail", REFUSE(550, "5.7.1000 x") } },
	  EHLO MAIL,
	  "\r\n550 5.7.1000 x\r\n" },
	{ "no UTF-8 without SMTPUTF8",
	  { { "mail", REFUSE(550, "5.7.1 n\xc3\xb6") } },
	  EHLO MAIL,
	  "\r\n550 5.7.1 n??\r\n" },
	{ "UTF-8 with SMTPUTF8",
	  { { "mail", REFUSE(550, "5.7.1 n\xc3\xb6") } },
	  EHLO "MAIL FROM:<> SMTPUTF8\r\n",
	  "\r\n550 5.7.1 n\xc3\xb6\r\n" },
	{ "the greeting of who is refused",
	  { { "connect", REFUSE(550, "5.7.1 one\n5.7.1 two") } },
	  "",
	  "554-mx.test one\r\n554 two\r\n" },
	{ "EHLO tells who is refused little",
	  { { "connect", REFUSE(451, "later") } },
	  EHLO,
	  "220 mx.test ESMTP Culver\r\n250-mx.test\r\n250-PIPELINING\r\n"
	  "250 ENHANCEDSTATUSCODES\r\n" },
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct world *w = said(LISTENER_SMTP, words[i].rules,
				       FILTER_LATER, words[i].input);
		const char *all = world_said(w);
		size_t n = strlen(all), end = strlen(words[i].end);

		if (n < end || strcmp(all + n - end, words[i].end) != 0)
			print_error("%s: %s\n", words[i].name, all);
		assert_true(n >= end);
		assert_string_equal(all + n - end, words[i].end);
		world_free(&w);
	}
}

#define MACRO_INPUT                                                            \
	LOGIN "MAIL FROM:<A@b.test> SIZE=7 AUTH=x+40y\r\n"                     \
	      "RCPT TO:<alice@example.com>\r\nRCPT TO:<no@example.com>\r\n"    \
	      "RSET\r\nMAIL FROM:<>\r\n"

static const struct {
	const char *name;
	const char *at[6]; /* connect, hello, MAIL, RCPT, refused, MAIL */
} macros[] = {
	{ "j",
	  { "mx.test", "mx.test", "mx.test", "mx.test", "mx.test",
	    "mx.test" } },
	{ "{mail_addr}",
	  { "none", "none", "A@b.test", "A@b.test", "A@b.test", "" } },
	{ "{mail_host}",
	  { "none", "none", "b.test", "b.test", "b.test", "none" } },
	{ "{mail_mailer}", { "none", "none", "smtp", "smtp", "smtp", "none" } },
	{ "{rcpt_addr}",
	  { "none", "none", "none", "alice@example.com", "No such user here",
	    "none" } },
	{ "{rcpt_host}",
	  { "none", "none", "none", "example.com", "5.1.1", "none" } },
	{ "{rcpt_mailer}",
	  { "none", "none", "none", "local", "error", "none" } },
	{ "{auth_type}",
	  { "none", "none", "PLAIN", "PLAIN", "PLAIN", "PLAIN" } },
	{ "{auth_authen}",
	  { "none", "none", "alice@example.com", "alice@example.com",
	    "alice@example.com", "alice@example.com" } },
	{ "{auth_author}", { "none", "none", "x@y", "x@y", "x@y", "none" } },
	{ "{tls_version}",
	  { "TLSv1.3", "TLSv1.3", "TLSv1.3", "TLSv1.3", "TLSv1.3",
	    "TLSv1.3" } },
	{ "{cipher_bits}", { "128", "128", "128", "128", "128", "128" } },
	{ "{client_addr}",
	  { "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1",
	    "127.0.0.1" } },
	{ "{client_port}",
	  { "12345", "12345", "12345", "12345", "12345", "12345" } },
	{ "{msg_size}", { "none", "none", "7", "7", "7", "0" } },
	{ "_",
	  { "unknown [127.0.0.1]", "unknown [127.0.0.1]", "unknown [127.0.0.1]",
	    "unknown [127.0.0.1]", "unknown [127.0.0.1]",
	    "unknown [127.0.0.1]" } },
	{ "r", { "SMTP", "ESMTP", "ESMTP", "ESMTP", "ESMTP", "ESMTP" } },
	{ "s", { "none", "c.test", "c.test", "c.test", "c.test", "c.test" } },
	{ "t",
	  { "202611211004", "202611211004", "202611211004", "202611211004",
	    "202611211004", "202611211004" } },
	{ "{i}", { "none", "none", "none", "none", "none", "none" } },
	{ "mail_addr", { "none", "none", "none", "none", "none", "none" } },
};

static void test_macros(void **state)
{
	static const char events[6][40] = {
		"connect [127.0.0.1]",
		", hello c.test",
		", mail <A@b.test> SIZE=7 AUTH=x+40y",
		", rcpt <alice@example.com>",
		", refused <no@example.com>",
		", abort, mail <>"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		struct world *w = world_new(LISTENER_SUBMISSIONS);
		char want[1024] = "";
		size_t n = 0;

		for (size_t j = 0; j < 6; j++)
			n += (size_t)snprintf(want + n, sizeof(want) - n,
					      "%s [%s]", events[j],
					      macros[i].at[j]);
		filter_world_begin(&w->server, no_rules, FILTER_LATER);
		filter_world_ask_macro(macros[i].name);
		world_connect(w);
		world_send(w, S(MACRO_INPUT), 0);
		if (strcmp(filter_world_record(), want) != 0)
			print_error("%s\n", macros[i].name);
		assert_string_equal(filter_world_record(), want);
		world_free(&w);
	}
}

static void test_a_trace_is_known_at_mail(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);
	const char *mail;

	(void)state;
	filter_world_begin(&w->server, no_rules, FILTER_AT_ONCE);
	filter_world_ask_macro("i");
	world_connect(w);
	world_send(w, S(TX), 0);
	mail = strstr(filter_world_record(), "mail <a@b.test> [");
	assert_non_null(mail);
	assert_memory_equal(mail + 17 + 13, ".1]", 3);
	world_free(&w);
}

static void test_what_is_held_goes_to_the_queue(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);

	(void)state;
	filter_world_begin(&w->server, no_rules, FILTER_LATER);
	filter_world_hold("suspicious");
	world_connect(w);
	world_send(w, S(TX "DATA\r\n" BODY), 0);
	assert_int_equal(w->delivered, 1);
	assert_true(w->is_held && w->queue_only);
	world_free(&w);
}

static void test_edits_and_the_hook_come_in_order(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);

	(void)state;
	filter_world_begin(&w->server, no_rules, FILTER_LATER);
	filter_world_add_header("X-Filter: 1\r\n");
	w->hook_header = S("X-Hook: 2\r\n");
	world_connect(w);
	world_send(w, S(TX "DATA\r\n" BODY), 0);
	assert_int_equal(w->delivered, 1);
	assert_memory_equal(world_content(w),
			    "X-Hook: 2\r\nX-Filter: 1\r\nReceived: ", 33);
	world_free(&w);
}

static void test_what_becomes_of_the_envelope(void **state)
{
	static const struct {
		enum envelope_result result;
		const char *want;
		size_t delivered;
	} cases[] = {
		{ ENVELOPE_DONE, TX_SAID SENT, 1 },
		{ ENVELOPE_EMPTY, TX_SAID SENT, 0 },
		{ ENVELOPE_TRY_LATER, TX_SAID ", 354, 451 4.3.0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = world_new(LISTENER_SMTP);

		filter_world_begin(&w->server, no_rules, FILTER_LATER);
		filter_world_edit_envelope(cases[i].result);
		world_connect(w);
		world_send(w, S(TX "DATA\r\n" BODY), 0);
		assert_int_equal(w->delivered, cases[i].delivered);
		expect(w, cases[i].want);
		world_free(&w);
	}
}

static void test_the_hook_refuses(void **state)
{
	static const struct reply no = { .code = 554,
					 .status = { 5, 7, 1 },
					 .text = SLICE("no") };
	struct world *w = world_new(LISTENER_SMTP);

	(void)state;
	filter_world_begin(&w->server, no_rules, FILTER_AT_ONCE);
	w->hook_refusal = &no;
	world_connect(w);
	world_send(w, S(TX "DATA\r\n" BODY MAIL), 0);
	assert_int_equal(w->delivered, 0);
	expect(w, TX_SAID ", 354, 554 5.7.1, 250 2.1.0");
	assert_string_equal(filter_world_record(),
			    TX_TOLD ", data, content, abort, mail <a@b.test>");
	world_free(&w);
}

/* --- reloads ------------------------------------------------------------------------- */

#define RESUMED "resume [127.0.0.1] c.test, mail <a@b.test>"

/* The next message goes to them, and they hear of the client; one that is
 * under way stays with the old. */
static void test_new_filters_at_the_next_message(void **state)
{
	struct world *w = said(LISTENER_SMTP, no_rules, FILTER_LATER, TX);

	(void)state;
	w->server.filter_generation++;
	world_send(w, S("DATA\r\n" BODY MAIL), 0);
	assert_int_equal(w->delivered, 1);
	assert_string_equal(filter_world_record(),
			    TX_TOLD ", data, content, abort, free, " RESUMED);
	world_free(&w);
}

static void test_who_was_refused_stays_refused(void **state)
{
	static const struct filter_rule rules[] = {
		{ "hello", REFUSE(554, "5.7.1 no") }, { 0 }
	};
	struct world *w = said(LISTENER_SMTP, rules, FILTER_LATER, EHLO);
	char told[256];

	(void)state;
	(void)snprintf(told, sizeof(told), "%s", filter_world_record());
	w->server.filter_generation++;
	world_send(w, S(MAIL), 0);
	assert_string_equal(filter_world_record(), told);
	world_free(&w);
}

static void test_first_and_last_filters(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);
	struct milter_set *none = w->server.filters;

	(void)state;
	world_connect(w);
	world_send(w, S(EHLO), 0);
	filter_world_begin(&w->server, no_rules, FILTER_LATER);
	w->server.filter_generation++;
	world_send(w, S(MAIL "RSET\r\n"), 0);
	assert_string_equal(filter_world_record(), RESUMED ", abort");
	w->server.filters = none;
	w->server.filter_generation++;
	world_send(w, S(MAIL), 0);
	assert_string_equal(filter_world_record(), RESUMED ", abort, free");
	world_free(&w);
}

/* --- waiting ------------------------------------------------------------------------- */

static void test_silence_is_theirs_while_filters_are_asked(void **state)
{
	struct world *w = said(LISTENER_SMTP, no_rules, FILTER_NEVER, "");

	(void)state;
	world_wait(w, 1000);
	expect(w, "");
	world_free(&w);
}

static void test_a_shutdown_waits_for_no_filter(void **state)
{
	struct world *w = said(LISTENER_SMTP, no_rules, FILTER_NEVER, EHLO);

	(void)state;
	session_drain(TAILQ_FIRST(&w->server.sessions));
	assert_int_equal(evbuffer_get_length(w->output), 0);
	session_shut(TAILQ_FIRST(&w->server.sessions));
	world_wait(w, 5);
	expect(w, "421 4.3.2, closed");
	assert_string_equal(filter_world_record(), "connect [127.0.0.1], free");
	world_free(&w);
}

static void test_a_client_goes_while_filters_are_asked(void **state)
{
	static const struct filter_rule rules[] = { { "never", DROP }, { 0 } };
	struct world *w = said(LISTENER_SMTP, rules, FILTER_NEVER, EHLO);
	struct session *s = TAILQ_FIRST(&w->server.sessions);

	(void)state;
	session_free(&s);
	assert_string_equal(filter_world_record(), "connect [127.0.0.1], free");
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_a_trace_is_known_at_mail),
		cmocka_unit_test(test_what_is_held_goes_to_the_queue),
		cmocka_unit_test(test_edits_and_the_hook_come_in_order),
		cmocka_unit_test(test_what_becomes_of_the_envelope),
		cmocka_unit_test(test_the_hook_refuses),
		cmocka_unit_test(test_new_filters_at_the_next_message),
		cmocka_unit_test(test_who_was_refused_stays_refused),
		cmocka_unit_test(test_first_and_last_filters),
		cmocka_unit_test(
			test_silence_is_theirs_while_filters_are_asked),
		cmocka_unit_test(test_a_shutdown_waits_for_no_filter),
		cmocka_unit_test(test_a_client_goes_while_filters_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
