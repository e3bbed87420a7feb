#include "deliver/smtp_dialog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "smtp_script.h"

enum { STEPS = 10, OCTETS = 100 };

#define HELLO_ALL                                                              \
	"250-mx\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-DSN\r\n250 PIPELINING\r\n"
#define HELLO_DATA "250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n"
#define HELLO_SLOW "250-mx\r\n250 CHUNKING\r\n"
#define HELLO_NONE "250 mx\r\n"
#define HELLO_TWO  "250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2\r\n"
#define HELLO_ONE                                                              \
	"250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=1 MAILMAX=1\r\n"

#define MAIL "MAIL FROM:<a@b>\r\n"
#define SIZE "MAIL FROM:<a@b> SIZE=100\r\n"
#define R1   "RCPT TO:<c@d>\r\n"
#define R2   "RCPT TO:<e@f>\r\n"
#define R3   "RCPT TO:<g@h>\r\n"
#define BDAT "BDAT 100 LAST\r\n<plain>"

/* Messages for c@d, e@f and g@h, as many as results has, from SMTP_IDLE. */
static const struct {
	const char *name;
	const char *hello;
	bool keeps_content;
	struct exchange script[STEPS];
	const char *results;
	enum smtp_state state;
	const char *text; /* of the last result; NULL: any */
} cases[] = {
#include "smtp_transactions.def"
};

static const struct smtp_recipient three[] = {
	{ .address = SLICE("c@d") },
	{ .address = SLICE("e@f") },
	{ .address = SLICE("g@h") },
};

static size_t words(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == ' ';
	return n;
}

static void run_case(size_t i)
{
	struct smtp_dialog *d = script_greeted(cases[i].hello);
	const struct smtp_message message = {
		.reverse_path = S("a@b"),
		.content_octets = OCTETS,
		.recipients = three,
		.recipient_count = words(cases[i].results),
	};
	const struct smtp_result *last;
	char text[200];

	smtp_dialog_begin(d, &message);
	script_play(d, cases[i].name, cases[i].script, STEPS,
		    cases[i].keeps_content);
	if (!smtp_dialog_is_over(d))
		fail_msg("%s: it is not over", cases[i].name);
	(void)script_results(d, message.recipient_count, text, sizeof(text));
	last = smtp_dialog_result(d, message.recipient_count - 1);
	if (strcmp(text, cases[i].results) != 0 ||
	    smtp_dialog_state(d) != cases[i].state ||
	    (cases[i].text != NULL &&
	     !slice_equal(last->outcome.text, slice_of(cases[i].text))))
		fail_msg("%s: %s, state %d, \"%.*s\"", cases[i].name, text,
			 (int)smtp_dialog_state(d), (int)last->outcome.text.n,
			 last->outcome.text.p);
	smtp_dialog_free(&d);
}

static void test_transactions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
}

/* --- before and after ---------------------------------------------------------- */

#define HI                                                                     \
	{                                                                      \
		"220 mx\r\n", "EHLO me\r\n"                                    \
	}
#define NO_END SMTP_END_QUIT, OUTCOME_DEFERRED, NULL, NULL
#define TLS    "250-mx\r\n250 STARTTLS\r\n"

static const struct {
	const char *name;
	enum smtp_tls tls;
	struct exchange script[STEPS];
	enum smtp_state state;
	enum smtp_end end;      /* if it has ended */
	enum outcome_kind kind; /* the same */
	const char *status, *text;
} sessions[] = {
#include "smtp_sessions.def"
};

static void check_end(const struct smtp_dialog *d, size_t i)
{
	const struct outcome *o = smtp_dialog_failure(d);
	char status[16];

	(void)snprintf(status, sizeof(status), "%u.%u.%u", o->status[0],
		       o->status[1], o->status[2]);
	if (smtp_dialog_end(d) != sessions[i].end ||
	    o->kind != sessions[i].kind ||
	    strcmp(status, sessions[i].status) != 0 ||
	    !slice_equal(o->text, slice_of(sessions[i].text)))
		fail_msg("%s: end %d, kind %d, %s, \"%.*s\"", sessions[i].name,
			 (int)smtp_dialog_end(d), (int)o->kind, status,
			 (int)o->text.n, o->text.p);
}

static void test_sessions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		struct smtp_dialog *d =
			smtp_dialog_new("me", sessions[i].tls, NULL);

		script_play(d, sessions[i].name, sessions[i].script, STEPS,
			    false);
		if (smtp_dialog_state(d) != sessions[i].state)
			fail_msg("%s: state %d", sessions[i].name,
				 (int)smtp_dialog_state(d));
		if (sessions[i].state == SMTP_ENDED)
			check_end(d, i);
		assert_true(smtp_dialog_is_over(d));
		smtp_dialog_free(&d);
	}
}

/* What was offered in plain text counts for nothing. */
static void test_secure(void **state)
{
	static const struct exchange before[] = {
		HI,
		{ "250-mx\r\n250-DSN\r\n250-STARTTLS\r\n250 SIZE 5\r\n",
		  "STARTTLS\r\n" },
		{ "220 go\r\n", "" },
	};
	static const struct exchange after[] = {
		{ "", "EHLO me\r\n" },
		{ "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "" },
		{ "", "" },
	};
	struct smtp_dialog *d = smtp_dialog_new("me", SMTP_TLS_DEMANDED, NULL);

	(void)state;
	script_play(d, "before", before, 3, false);
	assert_int_equal(smtp_dialog_wait(d), SMTP_WAIT_TLS);
	smtp_dialog_secure(d);
	script_play(d, "after", after, 3, false);
	assert_int_equal(smtp_dialog_state(d), SMTP_IDLE);
	assert_false(smtp_dialog_features(d)->has_dsn);
	assert_int_equal(smtp_dialog_features(d)->size_max, 0);
	assert_true(smtp_dialog_features(d)->common.has_pipelining);
	smtp_dialog_free(&d);
}

static void test_quit(void **state)
{
	static const char *const answers[] = { "221 bye\r\n", "500 what\r\n",
					       "421 bye\r\n" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct smtp_dialog *d = script_greeted(HELLO_ALL);
		const struct exchange script[] = { { "", "QUIT\r\n" },
						   { answers[i], "" } };

		smtp_dialog_quit(d);
		script_play(d, "quit", script, 2, false);
		assert_int_equal(smtp_dialog_state(d), SMTP_ENDED);
		assert_int_equal(smtp_dialog_end(d), SMTP_END_QUIT);
		smtp_dialog_free(&d);
	}
}

/* --- what goes out --------------------------------------------------------------- */

static const struct {
	const char *name, *hello;
	struct smtp_message message;
	struct smtp_recipient to[2]; /* the second, if it has an address */
	const char *sent;            /* up to the first answer */
	const char *results;         /* if there is nothing to send */
	const char *status;          /* of the last result, the same */
} envelopes[] = {
#include "smtp_envelopes.def"
};

static void run_envelope(size_t i)
{
	struct smtp_dialog *d = script_greeted(envelopes[i].hello);
	struct smtp_message message = envelopes[i].message;
	const struct exchange script[] = { { "", envelopes[i].sent } };
	const struct smtp_result *last;
	char text[100];

	message.recipients = envelopes[i].to;
	message.recipient_count = envelopes[i].to[1].address.n > 0 ? 2 : 1;
	smtp_dialog_begin(d, &message);
	script_play(d, envelopes[i].name, script, 1, false);
	assert_int_equal(smtp_dialog_is_over(d), *envelopes[i].sent == '\0');
	if (!smtp_dialog_is_over(d)) {
		smtp_dialog_close(d, SMTP_END_LOST, "the end");
		smtp_dialog_free(&d);
		return;
	}
	(void)script_results(d, message.recipient_count, text, sizeof(text));
	assert_string_equal(text, envelopes[i].results);
	last = smtp_dialog_result(d, message.recipient_count - 1);
	(void)snprintf(text, sizeof(text), "%u.%u.%u", last->outcome.status[0],
		       last->outcome.status[1], last->outcome.status[2]);
	assert_string_equal(text, envelopes[i].status);
	assert_int_equal(smtp_dialog_state(d), SMTP_IDLE);
	smtp_dialog_free(&d);
}

static void test_envelopes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++)
		run_envelope(i);
}

/* Several messages in one session, and more recipients than fit anywhere. */
static void test_many(void **state)
{
	enum { MANY = 250 };
	struct smtp_dialog *d = script_greeted(HELLO_DATA);
	struct smtp_recipient all[MANY];
	const struct smtp_message message = { .recipients = all,
					      .recipient_count = MANY };

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		all[i].address = S("somebody@somewhere.example");
	for (size_t round = 0; round < 3; round++) {
		unsigned rcpt = 0, mail = 0;

		smtp_dialog_begin(d, &message);
		while (!smtp_dialog_is_over(d)) {
			struct slice out = smtp_dialog_output(d);

			if (smtp_dialog_content(d) != SMTP_CONTENT_NONE) {
				smtp_dialog_content_sent(d);
				smtp_dialog_feed(d, S("250 done\r\n"));
			}
			for (bool has_more = true; has_more && out.n > 0;) {
				struct slice line;

				has_more = slice_cut(out, '\n', &line, &out);
				rcpt += slice_starts(line, S("RCPT"));
				mail += slice_starts(line, S("MAIL"));
				if (slice_starts(line, S("DATA")))
					smtp_dialog_feed(d, S("354 go\r\n"));
				else
					smtp_dialog_feed(d, S("250 ok\r\n"));
			}
		}
		assert_int_equal(rcpt, MANY);
		assert_int_equal(mail, 3);
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(smtp_dialog_result(d, i)->outcome.kind,
					 OUTCOME_DELIVERED);
	}
	smtp_dialog_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transactions),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_secure),
		cmocka_unit_test(test_quit),
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
