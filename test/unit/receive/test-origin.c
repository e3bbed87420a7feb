/* What SPF, DKIM and DMARC do to a session from outside. */
#include "session_world.h"

#include "base/mem.h"
#include "mail/authres.h"
#include "mail/dmarc_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HELLO "EHLO c.test\r\n"
#define TO    "RCPT TO:<bob@example.com>\r\n"
#define TX    HELLO "MAIL FROM:<me@b.example>\r\n" TO
#define OURS  HELLO "MAIL FROM:<alice@example.com>\r\n" TO
#define NOONE HELLO "MAIL FROM:<>\r\n" TO
#define BODY  "DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n"
#define FROM  "DATA\r\nFrom: a@example.com\r\n\r\nhello\r\n.\r\n"
#define TWICE                                                                  \
	"DATA\r\nFrom: a@b.example\r\nFrom: <a@EXAMPLE.com>\r\n"               \
	"\r\nhello\r\n.\r\n"
#define FALSE "DATA\r\nSubject: x\r\n\r\nFrom: a@example.com\r\n.\r\n"
#define TAKEN "220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0"
#define NO    "220, 250, 250 2.1.0, 250 2.1.5, 354, 550 5.7.1"
#define LATER "220, 250, 250 2.1.0, 250 2.1.5, 354, 451 4.7.1"

enum { ONE = 1 };

static struct slice example = SLICE("example.com");
static struct slice other = SLICE("b.example");
static struct slice pass_ours = SLICE("example.com s pass");
static struct slice pass_below = SLICE("mail.example.com s pass");
static struct slice pass_other = SLICE("notexample.com s pass");
static struct slice fail_ours = SLICE("example.com s fail");
static struct slice late_ours = SLICE("example.com s temperror");
static struct slice resinfo = SLICE("dkim=none");

static const struct {
	const char *name;
	const char *input;
	const char *want;
	struct msg_spf spf;
	struct msg_verified verified;
	bool marks_spf, marks_dmarc, no_own_check;
} dialogs[] = {
	{ .name = "nothing is known", .input = TX BODY, .want = TAKEN },
	{ .name = "SPF passes",
	  .input = TX BODY,
	  .spf.result = AUTHRES_PASS,
	  .want = TAKEN },
	{ .name = "SPF fails",
	  .input = TX TO "DATA\r\n",
	  .spf.result = AUTHRES_FAIL,
	  .want = "220, 250, 250 2.1.0, 550 5.7.23, 550 5.7.23, 503 5.5.1" },
	{ .name = "SPF fails, and that is marked",
	  .input = TX BODY,
	  .spf.result = AUTHRES_FAIL,
	  .marks_spf = true,
	  .want = TAKEN },
	{ .name = "SPF is in doubt",
	  .input = TX BODY,
	  .spf.result = AUTHRES_SOFTFAIL,
	  .want = TAKEN },
	{ .name = "SPF cannot be asked",
	  .input = TX BODY,
	  .spf.result = AUTHRES_TEMPERROR,
	  .want = TAKEN },
	{ .name = "its record is broken",
	  .input = TX BODY,
	  .spf.result = AUTHRES_PERMERROR,
	  .want = TAKEN },
	{ .name = "a result that is none",
	  .input = TX BODY,
	  .spf.result = 99,
	  .want = TAKEN },
	{ .name = "who fails may send another",
	  .input = TX "RSET\r\n" TX,
	  .spf.result = AUTHRES_FAIL,
	  .want = "220, 250, 250 2.1.0, 550 5.7.23, 250 2.0.0, 250, 250 2.1.0,"
		  " 550 5.7.23" },
	{ .name = "the session ends while SPF is asked",
	  .input = HELLO "MAIL FROM:<me@b.example>\r\nQUIT\r\n",
	  .want = "220, 250, 250 2.1.0, 221 2.0.0, closed" },

	{ .name = "DMARC: reject",
	  .input = TX BODY,
	  .verified = { .dmarc = AUTHRES_FAIL, .policy = DMARC_REJECT },
	  .want = NO },
	{ .name = "DMARC: reject, and that is marked",
	  .input = TX BODY,
	  .verified = { .dmarc = AUTHRES_FAIL, .policy = DMARC_REJECT },
	  .marks_dmarc = true,
	  .want = TAKEN },
	{ .name = "DMARC: quarantine",
	  .input = TX BODY,
	  .verified = { .dmarc = AUTHRES_FAIL, .policy = DMARC_QUARANTINE },
	  .want = TAKEN },
	{ .name = "DMARC cannot be asked",
	  .input = TX BODY,
	  .verified = { .dmarc = AUTHRES_TEMPERROR,
			.alignment = AUTHRES_TEMPERROR },
	  .want = TAKEN },

	{ .name = "our sender, and nothing shows it",
	  .input = OURS BODY,
	  .verified.results = { &resinfo, ONE },
	  .want = NO },
	{ .name = "SPF shows it",
	  .input = OURS BODY,
	  .spf.result = AUTHRES_PASS,
	  .verified.results = { &resinfo, ONE },
	  .want = TAKEN },
	{ .name = "DKIM shows it",
	  .input = OURS BODY,
	  .verified = { .results = { &resinfo, ONE },
			.signatures = { &pass_ours, ONE } },
	  .want = TAKEN },
	{ .name = "DKIM of a subdomain shows it",
	  .input = OURS BODY,
	  .verified = { .results = { &resinfo, ONE },
			.signatures = { &pass_below, ONE } },
	  .want = TAKEN },
	{ .name = "DKIM of another does not",
	  .input = OURS BODY,
	  .verified = { .results = { &resinfo, ONE },
			.signatures = { &pass_other, ONE } },
	  .want = NO },
	{ .name = "DKIM that fails does not",
	  .input = OURS BODY,
	  .verified = { .results = { &resinfo, ONE },
			.signatures = { &fail_ours, ONE } },
	  .want = NO },
	{ .name = "DKIM may show it later",
	  .input = OURS BODY,
	  .verified = { .results = { &resinfo, ONE },
			.signatures = { &late_ours, ONE } },
	  .want = LATER },
	{ .name = "SPF may show it later",
	  .input = OURS BODY,
	  .spf.result = AUTHRES_TEMPERROR,
	  .verified.results = { &resinfo, ONE },
	  .want = LATER },
	{ .name = "nobody answers",
	  .input = OURS BODY,
	  .verified = { .dmarc = AUTHRES_TEMPERROR,
			.alignment = AUTHRES_TEMPERROR },
	  .want = LATER },
	{ .name = "nobody asks",
	  .input = OURS BODY,
	  .no_own_check = true,
	  .verified.results = { &resinfo, ONE },
	  .want = TAKEN },

	{ .name = "our author, and nothing shows it",
	  .input = TX BODY,
	  .verified = { .from_domains = { &example, ONE },
			.alignment = AUTHRES_FAIL },
	  .want = NO },
	{ .name = "our author in a report's place",
	  .input = NOONE BODY,
	  .verified = { .from_domains = { &example, ONE },
			.alignment = AUTHRES_FAIL },
	  .want = NO },
	{ .name = "our author, aligned",
	  .input = TX BODY,
	  .verified = { .from_domains = { &example, ONE },
			.alignment = AUTHRES_PASS },
	  .want = TAKEN },
	{ .name = "our author, to be known later",
	  .input = TX BODY,
	  .verified = { .from_domains = { &example, ONE },
			.alignment = AUTHRES_TEMPERROR },
	  .want = LATER },
	{ .name = "our author, and nobody answers",
	  .input = TX FROM,
	  .verified = { .dmarc = AUTHRES_TEMPERROR,
			.alignment = AUTHRES_TEMPERROR },
	  .want = LATER },
	{ .name = "our author in the body, and nobody answers",
	  .input = TX FALSE,
	  .verified = { .dmarc = AUTHRES_TEMPERROR,
			.alignment = AUTHRES_TEMPERROR },
	  .want = TAKEN },
	{ .name = "our author, nobody answers, and nobody asks",
	  .input = TX FROM,
	  .no_own_check = true,
	  .verified = { .dmarc = AUTHRES_TEMPERROR,
			.alignment = AUTHRES_TEMPERROR },
	  .want = TAKEN },
	{ .name = "our author in one of two fields, and that is marked",
	  .input = TX TWICE,
	  .marks_dmarc = true,
	  .verified = { .results = { &resinfo, ONE },
			.dmarc = AUTHRES_PERMERROR,
			.policy = DMARC_REJECT,
			.alignment = AUTHRES_FAIL },
	  .want = NO },
	{ .name = "another's author",
	  .input = TX BODY,
	  .verified = { .from_domains = { &other, ONE },
			.alignment = AUTHRES_FAIL },
	  .want = TAKEN },
	{ .name = "our author, and nobody asks",
	  .input = TX BODY,
	  .no_own_check = true,
	  .verified = { .from_domains = { &example, ONE },
			.alignment = AUTHRES_FAIL },
	  .want = TAKEN },
};

static void set(struct world *w, size_t i)
{
	struct conf *conf = (struct conf *)(uintptr_t)w->server.conf;

	w->is_outside = true;
	w->spf = dialogs[i].spf;
	w->verified = dialogs[i].verified;
	if (dialogs[i].marks_spf)
		conf->spf_fail = "mark";
	if (dialogs[i].marks_dmarc)
		conf->dmarc = "mark";
	conf->own_domain_check = !dialogs[i].no_own_check;
}

static void test_dialogs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dialogs) / sizeof(dialogs[0]); i++)
		for (size_t piece = 0; piece < 3; piece++) {
			struct world *w = world_new(LISTENER_SMTP);
			char heard[400];

			print_message("%s\n", dialogs[i].name);
			set(w, i);
			world_connect(w);
			world_send(w, slice_of(dialogs[i].input), piece);
			world_heard(w, heard, sizeof(heard));
			assert_string_equal(heard, dialogs[i].want);
			world_free(&w);
		}
}

/* Checks that are begun and left: each is as an error. */
static void test_left(void **state)
{
	enum { LIMIT = 3 };
	struct world *w = world_new(LISTENER_SMTP);
	struct conf *conf = (struct conf *)(uintptr_t)w->server.conf;
	char heard[400];

	(void)state;
	conf->error_limit = LIMIT;
	w->is_outside = true;
	world_connect(w);
	world_send(w,
		   S(HELLO "MAIL FROM:<me@b.example>\r\nRSET\r\n"
			   "MAIL FROM:<me@b.example>\r\nEHLO c.test\r\n"
			   "MAIL FROM:<me@b.example>\r\nRSET\r\n"
			   "MAIL FROM:<me@b.example>\r\n"),
		   0);
	world_heard(w, heard, sizeof(heard));
	assert_string_equal(heard, "220, 250, 250 2.1.0, 250 2.0.0, 250 2.1.0,"
				   " 250, 250 2.1.0, 250 2.0.0, 421 4.7.0");
	world_free(&w);
}

/* --- words and fields ------------------------------------------------------------- */

#define RECEIVED                                                               \
	"Received: from c.test ([192.0.2.9])\r\n"                              \
	"\tby mx.test (Culver) with ESMTP\r\n"                                 \
	"\tid xxxxxxxxxxxxx.1\r\n"                                             \
	"\tfor <bob@example.com>;\r\n"                                         \
	"\tSat, 21 Nov 2026 10:04:00 +0000\r\n"

static struct world *sent(struct world *w, const char *input)
{
	w->is_outside = true;
	world_connect(w);
	world_send(w, slice_of(input), 0);
	return w;
}

static void test_words(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);

	(void)state;
	w->spf = (struct msg_spf){ .result = AUTHRES_FAIL,
				   .domain = S("b.example"),
				   .explanation = S("see \r\nhttp://b") };
	(void)sent(w, TX);
	assert_non_null(
		strstr(world_said(w),
		       "550 5.7.23 192.0.2.9 may not send for b.example"
		       ", as that says in its SPF record: see ? http://b"
		       "\r\n"));
	world_free(&w);

	w = world_new(LISTENER_SMTP);
	w->verified = (struct msg_verified){ .policy = DMARC_REJECT,
					     .problem = S("it is forged") };
	(void)sent(w, TX BODY);
	assert_non_null(strstr(world_said(w),
			       "550 5.7.1 Message refused: it is forged\r\n"));
	world_free(&w);

	w = world_new(LISTENER_SMTP);
	(void)sent(w, OURS BODY);
	assert_non_null(strstr(world_said(w), "example.com is a domain of this"
					      " server"));
	world_free(&w);
}

static void test_fields(void **state)
{
	struct slice results[] = { SLICE("dkim=pass header.d=b.example"),
				   SLICE("dmarc=fail header.from=b.example\r\n"
					 "X-Evil: 1") };
	struct world *w = world_new(LISTENER_SMTP);
	struct conf *conf = (struct conf *)(uintptr_t)w->server.conf;

	(void)state;
	conf->received_spf = true;
	w->spf.result = AUTHRES_PASS;
	w->verified = (struct msg_verified){ .results = { results, 2 },
					     .policy = DMARC_QUARANTINE };
	(void)sent(w, TX BODY);
	assert_string_equal(world_content(w), RECEIVED
			    "X-Culver-Quarantine: dmarc\r\n"
			    "Authentication-Results: mx.test;\r\n"
			    "    spf=pass smtp.mailfrom=b.example;\r\n"
			    "    dkim=pass header.d=b.example;\r\n"
			    "    dmarc=fail header.from=b.example X-Evil: 1\r\n"
			    "Received-SPF: pass (mx.test)\r\n"
			    "    receiver=mx.test; client-ip=192.0.2.9;"
			    " identity=mailfrom;\r\n"
			    "    helo=c.test;\r\n"
			    "    envelope-from=\"me@b.example\"\r\n"
			    "Subject: x\r\n\r\nhello\r\n");
	world_free(&w);

	w = world_new(LISTENER_SMTP);
	w->spf.is_helo = true;
	(void)sent(w, NOONE BODY);
	assert_string_equal(world_content(w),
			    RECEIVED "Authentication-Results: mx.test;\r\n"
				     "    spf=none smtp.helo=c.test;\r\n"
				     "    dmarc=temperror\r\n"
				     "Subject: x\r\n\r\nhello\r\n");
	world_free(&w);
}

static void count(struct msg_verified verified, const char *want)
{
	struct world *w = world_new(LISTENER_SMTP);

	w->spf = (struct msg_spf){ .result = AUTHRES_PASS,
				   .domain = S("b.example") };
	w->verified = verified;
	(void)sent(w, TX BODY);
	assert_string_equal(w->dmarc_seen, want);
	world_free(&w);
}

/* Who asks for reports is counted, and nobody else. */
static void test_counts(void **state)
{
	struct msg_verified v = {
		.from_domains = { &other, ONE },
		.policy = DMARC_REJECT,
		.record_domain = S("example"),
		.record = S("v=DMARC1;p=reject;rua=mailto:a@example"),
		.signatures = { &fail_ours, ONE },
	};

	(void)state;
	count(v, "example: source=192.0.2.9 policy=reject,reject,reject,r,r,n"
		 " disposition=reject dkim=fail spf=fail from=b.example"
		 " envelope=b.example auth_spf=b.example/mfrom/pass"
		 " auth_dkim=example.com/s/fail");
	v.policy = DMARC_NONE;
	v.is_spf_aligned = true;
	v.signatures.count = 0;
	count(v, "example: source=192.0.2.9 policy=reject,reject,reject,r,r,n"
		 " disposition=none dkim=fail spf=pass from=b.example"
		 " envelope=b.example auth_spf=b.example/mfrom/pass");
	v.record = S("v=DMARC1;p=reject");
	count(v, "");
	v.record = S("");
	count(v, "");
}

/* However it is written, what claims to be ours is not. */
static void test_forged(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);

	(void)state;
	(void)sent(w, TX "DATA\r\n"
			 "Authentication-Results: mx.test; spf=pass\r\n"
			 "AUTHENTICATION-RESULTS : MX.TEST. 1; spf=pass\r\n"
			 "authentication-results:\r\n"
			 "\t(a (b)) \"mx\\.test\"\r\n 1 ; dkim=pass;\r\n"
			 " dmarc=pass\r\n"
			 "Subject: x\r\n"
			 " Authentication-Results: mx.test; spf=pass\r\n"
			 "Authentication-Results: mx.test.evil; spf=pass\r\n"
			 "Authentication-Results: (mx.test; spf=pass\r\n"
			 "X-Last: y\r\n"
			 "\r\nAuthentication-Results: mx.test; body\r\n.\r\n");
	assert_string_equal(world_content(w), RECEIVED
			    "Authentication-Results: mx.test;\r\n"
			    "    spf=none smtp.mailfrom=b.example;\r\n"
			    "    dmarc=temperror\r\n"
			    "Subject: x\r\n"
			    " Authentication-Results: mx.test; spf=pass\r\n"
			    "Authentication-Results: mx.test.evil; spf=pass\r\n"
			    "X-Last: y\r\n"
			    "\r\nAuthentication-Results: mx.test; body\r\n");
	world_free(&w);
}

/* A header without body, and one with nothing but what is taken out. */
static void test_forged_alone(void **state)
{
	struct world *w = world_new(LISTENER_SMTP);

	(void)state;
	(void)sent(w, TX "BDAT 41 LAST\r\n"
			 "Authentication-Results: mx.test; spf=pass");
	assert_string_equal(world_content(w),
			    RECEIVED "Authentication-Results: mx.test;\r\n"
				     "    spf=none smtp.mailfrom=b.example;"
				     "\r\n    dmarc=temperror\r\n");
	world_free(&w);
}

/* Whom the settings trust is asked nothing. */
static void test_trusted(void **state)
{
	static const char *items[] = { "198.51.100.0/24", "192.0.2.8/31" };
	struct world *w = world_new(LISTENER_SMTP);
	struct conf *conf = (struct conf *)(uintptr_t)w->server.conf;

	(void)state;
	conf->trusted_networks = (conf_list){ items, 2 };
	w->spf.result = AUTHRES_FAIL;
	(void)sent(w, OURS "DATA\r\nAuthentication-Results: mx.test; x\r\n"
			   "\r\n.\r\n");
	assert_string_equal(world_content(w),
			    RECEIVED "Authentication-Results: mx.test; x\r\n"
				     "\r\n");
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_forged_alone),
		cmocka_unit_test(test_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
