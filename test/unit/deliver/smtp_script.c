#include "smtp_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

enum { SENT_OCTETS = 64 << 10 };

/* Takes what the dialog would send now. */
static void take_output(struct smtp_dialog *d, bool keeps_content, char *ret)
{
	size_t n = 0;
	struct slice out;

	ret[0] = '\0';
	while ((out = smtp_dialog_output(d)).n > 0) {
		assert_true(n + out.n < SENT_OCTETS);
		memcpy(ret + n, out.p, out.n);
		n += out.n;
		ret[n] = '\0';
	}
	if (smtp_dialog_content(d) == SMTP_CONTENT_NONE)
		return;
	(void)strcat(ret, smtp_dialog_content(d) == SMTP_CONTENT_PLAIN
				  ? "<plain>"
				  : "<dotted>");
	if (!keeps_content)
		smtp_dialog_content_sent(d);
}

void script_play(struct smtp_dialog *d, const char *name,
		 const struct exchange *script, size_t count,
		 bool keeps_content)
{
	static char out[SENT_OCTETS];

	for (size_t i = 0; i < count && script[i].client != NULL; i++) {
		if (script[i].server != NULL)
			smtp_dialog_feed(d, slice_of(script[i].server));
		else
			smtp_dialog_close(d, SMTP_END_LOST, "hung up");
		take_output(d, keeps_content, out);
		if (strcmp(out, script[i].client) != 0)
			fail_msg("%s: sent \"%s\", not \"%s\"", name, out,
				 script[i].client);
	}
}

struct smtp_dialog *script_greeted(const char *hello)
{
	struct smtp_dialog *d =
		smtp_dialog_new("me.test", SMTP_TLS_NEVER, NULL);
	const struct exchange script[] = {
		{ "", "" },
		{ "220 mx ready\r\n", "EHLO me.test\r\n" },
		{ hello, "" },
	};

	assert_int_equal(smtp_dialog_state(d), SMTP_GREETING);
	script_play(d, "greeting", script, 3, false);
	assert_int_equal(smtp_dialog_state(d), SMTP_IDLE);
	return d;
}

const char *script_results(const struct smtp_dialog *d, size_t count,
			   char *ret_text, size_t room)
{
	size_t n = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct smtp_result *r = smtp_dialog_result(d, i);

		n += (size_t)snprintf(
			ret_text + n, room - n, "%s%c%u%s%s", i > 0 ? " " : "",
			"DRLU?"[r->outcome.kind], r -> outcome.code,
			r->is_untouched ? "*" : "",
			r->is_dsn_taken_over ? "+" : "");
		assert_true(n < room);
	}
	return ret_text;
}
