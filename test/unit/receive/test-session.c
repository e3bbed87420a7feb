/* Dialogs with a session: what the client sends, and the codes it hears. */
#include "receive/session.h"

#include "base/mem.h"
#include "session_world.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EHLO       "EHLO c.test\r\n"
#define MAIL       "MAIL FROM:<a@b.test>\r\n"
#define RCPT       "RCPT TO:<alice@example.com>\r\n"
#define TX         EHLO MAIL RCPT
#define BODY       "Subject: x\r\n\r\nhello\r\n.\r\n"
#define HELLO_SAID "220, 250"
#define TX_SAID    HELLO_SAID ", 250 2.1.0, 250 2.1.5"

struct dialog {
	const char *name;
	enum listener_service service;
	const char *input;
	const char *want; /* code and status of each reply; "closed" */
	size_t delivered;
};

static const struct dialog dialogs[] = {
	{ .name = "a message is delivered",
	  .input = TX "DATA\r\n" BODY "QUIT\r\n",
	  .want = TX_SAID ", 354, 250 2.0.0, 221 2.0.0, closed",
	  .delivered = 1 },
	{ .name = "two messages in one session",
	  .input = TX "DATA\r\n" BODY MAIL RCPT "DATA\r\n" BODY,
	  .want = TX_SAID ", 354, 250 2.0.0, 250 2.1.0, 250 2.1.5, 354, "
			  "250 2.0.0",
	  .delivered = 2 },
	{ .name = "HELO will do",
	  .input = "HELO c.test\r\n" MAIL RCPT "DATA\r\n" BODY,
	  .want = TX_SAID ", 354, 250 2.0.0",
	  .delivered = 1 },
	{ .name = "the null sender may send",
	  .input = EHLO "MAIL FROM:<>\r\n" RCPT "DATA\r\n" BODY,
	  .want = TX_SAID ", 354, 250 2.0.0",
	  .delivered = 1 },
	{ .name = "verbs and keywords have no case",
	  .input = "ehlo c.test\r\nmail from:<a@b.test>\r\n"
		   "rcpt to:<alice@example.com>\r\nquit\r\n",
	  .want = TX_SAID ", 221 2.0.0, closed" },
	{ .name = "nothing goes before EHLO",
	  .input = MAIL RCPT "DATA\r\nSTARTTLS\r\nAUTH PLAIN\r\n",
	  .want = "220, 503 5.5.1, 503 5.5.1, 503 5.5.1, 503 5.5.1, "
		  "503 5.5.1" },
	{ .name = "these go before EHLO",
	  .input = "NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nEXPN x\r\n",
	  .want = "220, 250 2.0.0, 250 2.0.0, 252 2.1.5, 214 2.0.0, "
		  "502 5.5.1" },
	{ .name = "the order of a transaction",
	  .input = EHLO RCPT "DATA\r\n" MAIL MAIL "DATA\r\n" RCPT MAIL,
	  .want = HELLO_SAID ", 503 5.5.1, 503 5.5.1, 250 2.1.0, 503 5.5.1, "
			     "503 5.5.1, 250 2.1.5, 503 5.5.1" },
	{ .name = "EHLO and RSET forget a transaction",
	  .input = TX EHLO "DATA\r\n" MAIL RCPT "RSET\r\nDATA\r\n",
	  .want = TX_SAID ", 250, 503 5.5.1, 250 2.1.0, 250 2.1.5, 250 2.0.0, "
			  "503 5.5.1" },
	{ .name = "EHLO needs a name",
	  .input = "EHLO\r\nEHLO a b\r\nHELO \"x\"\r\nEHLO [127.0.0.1]\r\n",
	  .want = "220, 501 5.5.4, 501 5.5.4, 501 5.5.4, 250" },
	{ .name = "what RCPT may hear",
	  .input = EHLO MAIL "RCPT TO:<nobody@example.com>\r\n"
			     "RCPT TO:<later@example.com>\r\n"
			     "RCPT TO:<x@other.test>\r\n"
			     "RCPT TO:<x@[192.0.2.1]>\r\n"
			     "RCPT TO:<>\r\nRCPT TO:alice\r\nRCPT x\r\n"
			     "RCPT TO:<list@example.com>\r\n"
			     "RCPT TO:<bob@example.com> NOTIFY=NEVER\r\n"
			     "RCPT TO:<bob@example.com> X=1\r\n",
	  .want = HELLO_SAID
	  ", 250 2.1.0, 550 5.1.1, 451 4.3.0, 550 5.7.1, 550 5.1.2, "
	  "501 5.1.3, 501 5.1.3, 501 5.5.4, 250 2.1.5, 250 2.1.5, "
	  "555 5.5.4" },
	{ .name = "SIZE is checked at MAIL",
	  .input = EHLO "MAIL FROM:<a@b.test> SIZE=99999999999\r\n"
			"MAIL FROM:<a@b.test> SIZE=1000\r\n",
	  .want = HELLO_SAID ", 552 5.3.4, 250 2.1.0" },
	{ .name = "an address in UTF-8 needs SMTPUTF8",
	  .input = EHLO "MAIL FROM:<m\xc3\xbc@b.test>\r\n"
			"MAIL FROM:<m\xc3\xbc@b.test> SMTPUTF8\r\n",
	  .want = HELLO_SAID ", 553 5.6.7, 250 2.1.0" },
	{ .name = "a mailbox that LMTP cannot take in UTF-8",
	  .input = EHLO "MAIL FROM:<a@b.test> SMTPUTF8\r\n"
			"RCPT TO:<m\xc3\xbcller@example.com>\r\n"
			"RCPT TO:<m\xc3\xbcnobody@example.com>\r\n",
	  .want = HELLO_SAID ", 250 2.1.0, 553 5.6.7, 553 5.6.7" },
	{ .name = "a message is refused by Dovecot",
	  .input = EHLO "MAIL FROM:<refused@b.test>\r\n" RCPT "DATA\r\n" BODY
			"NOOP\r\n",
	  .want = TX_SAID ", 354, 552 5.2.2, 250 2.0.0",
	  .delivered = 1 },

	/* lines */
	{ .name = "a bare LF is answered at once and nothing behind it runs",
	  .input = "EHLO c.test\nHELO x\r\nNOOP\r\n",
	  .want = "220, 500 5.5.2, 500 5.5.2, 250 2.0.0" },
	{ .name = "a bare CR is no line's end",
	  .input = "NOOP\rNOOP\r\n",
	  .want = "220, 500 5.5.2" },
	{ .name = "browsers are hung up on",
	  .input = "GET / HTTP/1.1\r\nHost: x\r\n",
	  .want = "220, 421 4.7.0, closed" },
	{ .name = "unknown commands",
	  .input = "FOO\r\n\r\nNOOP\r\n",
	  .want = "220, 500 5.5.1, 500 5.5.1, 250 2.0.0" },
	{ .name = "ten errors end a session",
	  .input = "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\n",
	  .want = "220, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, "
		  "500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, "
		  "421 4.7.0, closed" },
	{ .name = "ten errors spare a transaction with a good recipient",
	  .input = TX "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\n" RCPT
		      "DATA\r\n" BODY,
	  .want = TX_SAID
	  ", 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, "
	  "500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 452 4.5.3, 354, "
	  "250 2.0.0, 421 4.7.0, closed",
	  .delivered = 1 },

	/* content */
	{ .name = "a dot after a bare LF ends nothing, but the session",
	  .input = TX "DATA\r\nx\n.\r\nMAIL FROM:<evil@x.test>\r\n",
	  .want = TX_SAID ", 354, 521 5.6.11, closed" },
	{ .name = "a bare LF in the text refuses the message",
	  .input = TX "DATA\r\na\nb\r\n.\r\nNOOP\r\n",
	  .want = TX_SAID ", 354, 550 5.6.11, 250 2.0.0" },
	{ .name = "BDAT carries a message",
	  .input = TX "BDAT 6\r\nA: b\r\nBDAT 5\r\n\r\nxyzBDAT 2 LAST\r\n\r\n"
		      "NOOP\r\n",
	  .want = TX_SAID ", 250 2.0.0, 250 2.0.0, 250 2.0.0, 250 2.0.0",
	  .delivered = 1 },
	{ .name = "BDAT may end with an empty chunk",
	  .input = TX "BDAT 6\r\nA: b\r\nBDAT 0 LAST\r\n",
	  .want = TX_SAID ", 250 2.0.0, 250 2.0.0",
	  .delivered = 1 },
	{ .name = "DATA and BDAT do not mix",
	  .input = TX "BDAT 6\r\nA: b\r\nDATA\r\n" RCPT MAIL "RSET\r\nNOOP\r\n",
	  .want = TX_SAID ", 250 2.0.0, 503 5.5.1, 503 5.5.1, 503 5.5.1, "
			  "250 2.0.0, 250 2.0.0" },
	{ .name = "a refused BDAT still eats its octets",
	  .input = EHLO MAIL "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	  .want = HELLO_SAID ", 250 2.1.0, 503 5.5.1, 250 2.0.0" },
	{ .name = "after a BDAT nobody can measure, nothing is read",
	  .input = TX "BDAT 6x\r\nNOOP\r\n",
	  .want = TX_SAID ", 501 5.5.4, closed" },
	{ .name = "a bare LF in a chunk refuses the message",
	  .input = TX "BDAT 3\r\na\nbBDAT 2 LAST\r\n\r\nNOOP\r\n",
	  .want = TX_SAID ", 550 5.6.11, 503 5.5.1, 250 2.0.0" },

	/* TLS and AUTH */
	{ .name = "no AUTH on port 25",
	  .input = EHLO "AUTH PLAIN AAAA\r\n",
	  .want = HELLO_SAID ", 503 5.5.1" },
	{ .name = "octets behind STARTTLS end the session",
	  .input = EHLO "STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n",
	  .want = HELLO_SAID ", 554 5.5.0, closed" },
	{ .name = "587 wants TLS first",
	  .service = LISTENER_SUBMISSION,
	  .input = EHLO MAIL "VRFY x\r\nAUTH PLAIN\r\nNOOP\r\n",
	  .want = HELLO_SAID ", 530 5.7.0, 530 5.7.0, 538 5.7.11, 250 2.0.0" },
	{ .name = "465 wants AUTH first",
	  .service = LISTENER_SUBMISSIONS,
	  .input = EHLO MAIL "STARTTLS\r\nAUTH PLAIN R09PRA==\r\n" MAIL RCPT
			     "RCPT TO:<x@other.test>\r\nAUTH PLAIN\r\n",
	  .want = HELLO_SAID ", 530 5.7.0, 503 5.5.1, 235 2.7.0, 250 2.1.0, "
			     "250 2.1.5, 550 5.7.1, 503 5.5.1" },
	{ .name = "AUTH with a challenge",
	  .service = LISTENER_SUBMISSIONS,
	  .input = EHLO "AUTH PLAIN\r\nR09PRA==\r\nAUTH PLAIN\r\n",
	  .want = HELLO_SAID ", 334, 235 2.7.0, 503 5.5.1" },
	{ .name = "AUTH needs EHLO",
	  .service = LISTENER_SUBMISSIONS,
	  .input = "HELO c.test\r\nAUTH PLAIN R09PRA==\r\n",
	  .want = HELLO_SAID ", 503 5.5.1" },
	{ .name = "AUTH is cancelled, or is no base64",
	  .service = LISTENER_SUBMISSIONS,
	  .input = EHLO "AUTH PLAIN\r\n*\r\nAUTH PLAIN\r\nnot base64\r\n"
			"AUTH PLAIN ab\r\nAUTH NONE\r\nAUTH\r\nNOOP\r\n",
	  .want = HELLO_SAID ", 334, 501 5.5.2, 334, 501 5.5.2, 501 5.5.2, "
			     "504 5.5.4, 501 5.5.4, 250 2.0.0" },
	{ .name = "what a login may hear, and how often",
	  .service = LISTENER_SUBMISSIONS,
	  .input = EHLO "AUTH PLAIN TEFURVI=\r\nAUTH PLAIN TEVHQUw=\r\n"
			"AUTH PLAIN AAAA\r\nAUTH PLAIN =\r\nAUTH PLAIN AAAA\r\n"
			"NOOP\r\n",
	  .want = HELLO_SAID ", 454 4.7.0, 525 5.7.13, 535 5.7.8, 535 5.7.8, "
			     "535 5.7.8, 421 4.7.0, closed" },
	{ .name = "channel binding of a sort we do not have",
	  .service = LISTENER_SUBMISSIONS,
	  .input = EHLO "AUTH BOGUS AAAA\r\nNOOP\r\n",
	  .want = HELLO_SAID ", 535 5.7.8, 250 2.0.0" },
	{ .name = "users' domains are complete",
	  .service = LISTENER_SUBMISSIONS,
	  .input = EHLO "AUTH PLAIN R09PRA==\r\nMAIL FROM:<a@host>\r\n"
			"MAIL FROM:<a@example.com>\r\n",
	  .want = HELLO_SAID ", 235 2.7.0, 501 5.1.8, 250 2.1.0" },
};

static void run(const struct dialog *d, size_t piece)
{
	struct world *w = world_new(d->service);
	char got[4096] = "";

	world_connect(w);
	world_send(w, slice_of(d->input), piece);
	if (TAILQ_FIRST(&w->server.sessions) != NULL)
		world_wait(w, 5); /* what lingers goes */
	world_heard(w, got, sizeof(got));
	if (strcmp(got, d->want) != 0)
		print_error("%s (in pieces of %zu)\n", d->name, piece);
	assert_string_equal(got, d->want);
	assert_int_equal(w->delivered, d->delivered);
	world_free(&w);
}

static void test_dialogs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dialogs) / sizeof(dialogs[0]); i++) {
		run(&dialogs[i], 0);
		/* Timing is what tells octets behind STARTTLS. */
		if (strstr(dialogs[i].name, "STARTTLS") == NULL) {
			run(&dialogs[i], 1);
			run(&dialogs[i], 7);
		}
	}
}

/* --- what is handed over --------------------------------------------------------- */

#define LOGIN EHLO "AUTH PLAIN R09PRA==\r\n"

static const struct {
	const char *name;
	enum listener_service service;
	const char *input;
	const char *want;
	bool queue_only;
} contents[] = {
	{ .name = "our Received comes first",
	  .input = TX "DATA\r\n" BODY,
	  .want = "Received: from c.test ([127.0.0.1])\r\n"
		  "\tby mx.test (Culver) with ESMTP\r\n"
		  "\tid xxxxxxxxxxxxx.1\r\n"
		  "\tfor <alice@example.com>;\r\n"
		  "\tSat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "Subject: x\r\n\r\nhello\r\n" },
	{ .name = "a user's message gets Date and Message-ID, and no address",
	  .service = LISTENER_SUBMISSIONS,
	  .input = LOGIN MAIL RCPT "RCPT TO:<bob@example.com>\r\nDATA\r\n" BODY,
	  .want = "Received: from c.test\r\n"
		  "\tby mx.test (Culver) with ESMTPSA\r\n"
		  "\tid xxxxxxxxxxxxx.1\r\n"
		  "\ttls TLS_AES_128_GCM_SHA256 (TLSv1.3);\r\n"
		  "\tSat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "Authentication-Results: mx.test;\r\n    auth=pass\r\n"
		  "Subject: x\r\n"
		  "Date: Sat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "Message-ID: <xxxxxxxxxxxxx.1@mx.test>\r\n"
		  "\r\nhello\r\n" },
	{ .name = "a header without body gets them at its end",
	  .service = LISTENER_SUBMISSIONS,
	  .input = LOGIN MAIL RCPT
	  "RCPT TO:<bob@example.com>\r\nBDAT 4 LAST\r\nA: b",
	  .want = "Received: from c.test\r\n"
		  "\tby mx.test (Culver) with ESMTPSA\r\n"
		  "\tid xxxxxxxxxxxxx.1\r\n"
		  "\ttls TLS_AES_128_GCM_SHA256 (TLSv1.3);\r\n"
		  "\tSat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "Authentication-Results: mx.test;\r\n    auth=pass\r\n"
		  "A: b\r\n"
		  "Date: Sat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "Message-ID: <xxxxxxxxxxxxx.1@mx.test>\r\n" },
	{ .name = "who logs in claims nothing in our name",
	  .service = LISTENER_SUBMISSIONS,
	  .input = LOGIN MAIL RCPT
	  "RCPT TO:<bob@example.com>\r\nDATA\r\nDate: x\r\nMessage-ID: y\r\n"
	  "authentication-results\t: (x) \"mx.\\test\" 1;\r\n spf=pass\r\n"
	  "Authentication-Results: other.test; spf=pass\r\n"
	  "\r\nAuthentication-Results: mx.test; body\r\n.\r\n",
	  .want = "Received: from c.test\r\n"
		  "\tby mx.test (Culver) with ESMTPSA\r\n"
		  "\tid xxxxxxxxxxxxx.1\r\n"
		  "\ttls TLS_AES_128_GCM_SHA256 (TLSv1.3);\r\n"
		  "\tSat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "Authentication-Results: mx.test;\r\n    auth=pass\r\n"
		  "Date: x\r\nMessage-ID: y\r\n"
		  "Authentication-Results: other.test; spf=pass\r\n"
		  "\r\nAuthentication-Results: mx.test; body\r\n" },
	{ .name = "what Sieve sends while LMTP waits goes to the queue",
	  .input = TX "RCPT TO:<bob@example.com>\r\nDATA\r\n"
		      "X-Sieve: Pigeonhole\r\n\r\n.\r\n",
	  .want = "Received: from c.test ([127.0.0.1])\r\n"
		  "\tby mx.test (Culver) with ESMTP\r\n"
		  "\tid xxxxxxxxxxxxx.1;\r\n"
		  "\tSat, 21 Nov 2026 10:04:00 +0000\r\n"
		  "X-Sieve: Pigeonhole\r\n\r\n",
	  .queue_only = true },
};

static void test_contents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		for (size_t piece = 0; piece < 12; piece++) {
			struct world *w = world_new(contents[i].service);

			w->spool_waits = piece % 2 == 1;
			world_connect(w);
			world_send(w, slice_of(contents[i].input), piece);
			assert_int_equal(w->delivered, 1);
			assert_string_equal(world_content(w), contents[i].want);
			assert_int_equal(w->queue_only, contents[i].queue_only);
			world_free(&w);
		}
}

/* --- limits and times ------------------------------------------------------------- */

static void expect(struct world *w, const char *want)
{
	char got[4096] = "";

	world_heard(w, got, sizeof(got));
	assert_string_equal(got, want);
}

static struct world *connected(const char *input)
{
	struct world *w = world_new(LISTENER_SMTP);

	world_connect(w);
	world_send(w, slice_of(input), 0);
	return w;
}

static void send_many(struct world *w, char c, size_t n)
{
	AUTO(mem_free_string) char *octets = mem_new(n + 1);

	memset(octets, c, n);
	world_send(w, (struct slice){ octets, n }, 0);
}

static void test_a_long_line_is_dropped(void **state)
{
	struct world *w = connected("NOOP ");

	(void)state;
	send_many(w, 'x', 50000);
	world_send(w, S("\r\nNOOP\r\n"), 1);
	expect(w, "220, 500 5.5.6, 250 2.0.0");
	world_free(&w);
}

static void test_the_longest_line(void **state)
{
	struct world *w = connected("NOOP ");

	(void)state;
	send_many(w, 'x', 2048 - 5 - 2);
	world_send(w, S("\r\nNOOP "), 0);
	send_many(w, 'x', 2048 - 5 - 1);
	world_send(w, S("\r\n"), 0);
	expect(w, "220, 250 2.0.0, 500 5.5.6");
	world_free(&w);
}

static void test_silence_ends_a_session(void **state)
{
	struct world *w = connected(EHLO);

	(void)state;
	world_wait(w, 299);
	expect(w, HELLO_SAID);
	world_free(&w);
	w = connected(EHLO);
	world_wait(w, 310);
	expect(w, HELLO_SAID ", 421 4.4.2, closed");
	world_free(&w);
}

static void test_a_line_takes_five_minutes_at_most(void **state)
{
	struct world *w = connected("NOOP ");

	(void)state;
	for (int i = 0; i < 12; i++) {
		world_wait(w, 30);
		world_send(w, S("x"), 0);
	}
	expect(w, "220, 421 4.4.2, closed");
	world_free(&w);
}

static void test_content_has_a_floor(void **state)
{
	struct world *w = connected(TX "DATA\r\n");

	(void)state;
	for (int i = 0; i < 100 && w->stream != NULL; i++) {
		world_send(w, S("a line of a letter\r\n"), 0);
		world_wait(w, 1);
	}
	world_wait(w, 5);
	expect(w, TX_SAID ", 354, 421 4.4.2, closed");
	world_free(&w);
}

static void test_a_drain_spares_transactions(void **state)
{
	struct world *idle = connected(EHLO);
	struct world *busy;

	(void)state;
	idle->server.is_draining = true;
	session_drain(TAILQ_FIRST(&idle->server.sessions));
	world_wait(idle, 5);
	expect(idle, HELLO_SAID ", 421 4.3.2, closed");
	world_free(&idle);

	busy = connected(TX);
	busy->server.is_draining = true;
	session_drain(TAILQ_FIRST(&busy->server.sessions));
	world_send(busy, S("DATA\r\n" BODY), 0);
	world_wait(busy, 5);
	expect(busy, TX_SAID ", 354, 250 2.0.0, 421 4.3.2, closed");
	world_free(&busy);
}

static void test_no_room(void **state)
{
	struct world *w = connected(TX);

	(void)state;
	w->content_fails = true;
	world_send(w, S("DATA\r\n" BODY), 0);
	w->server.has_room = false;
	world_send(w, S(MAIL), 0);
	expect(w, TX_SAID ", 354, 452 4.3.1, 452 4.3.1");
	world_free(&w);
}

static void test_limits_of_a_message(void **state)
{
	struct world *w = connected(EHLO MAIL);

	(void)state;
	for (int i = 0; i < 1000; i++)
		world_send(w, S(RCPT), 0);
	(void)world_said(w);
	(void)evbuffer_drain(w->output, evbuffer_get_length(w->output));
	world_send(w, S(RCPT "DATA\r\n"), 0);
	for (int i = 0; i < 101; i++)
		world_send(w, S("Received: x\r\n"), 0);
	world_send(w, S(".\r\n"), 0);
	expect(w, "452 4.5.3, 354, 554 5.4.6");
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_a_long_line_is_dropped),
		cmocka_unit_test(test_the_longest_line),
		cmocka_unit_test(test_silence_ends_a_session),
		cmocka_unit_test(test_a_line_takes_five_minutes_at_most),
		cmocka_unit_test(test_content_has_a_floor),
		cmocka_unit_test(test_a_drain_spares_transactions),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_limits_of_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
