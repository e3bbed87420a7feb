#include "lmtp/commands.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum lmtp_step lmtp_step_after(const struct lmtp_features *features,
			       enum lmtp_step step)
{
	if (step == LMTP_STEP_RCPT && features->has_chunking)
		return LMTP_STEP_CONTENT;
	return step + 1;
}

void lmtp_commands_add(struct lmtp_commands *to, const char *format, ...)
{
	size_t room = sizeof(to->octets) - to->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(to->octets + to->n, room, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < room);
	to->n += (size_t)n;
}

/* An address has no NUL and is short: lmtp_features_refuse() has looked. */
static void add_path(struct lmtp_commands *to, const char *verb, struct slice s)
{
	lmtp_commands_add(to, "%s:<%.*s>", verb, (int)s.n, s.n > 0 ? s.p : "");
}

static void add_mail(struct lmtp_commands *to, const struct lmtp_request *r,
		     const struct lmtp_features *features)
{
	add_path(to, "MAIL FROM", r->reverse_path);
	if (r->is_8bit && features->has_8bitmime)
		lmtp_commands_add(to, " BODY=8BITMIME");
	if (features->has_size)
		lmtp_commands_add(to, " SIZE=%llu",
				  (unsigned long long)r->content_octets);
	if (features->has_smtputf8 &&
	    (slice_has_high(r->reverse_path) || slice_has_high(r->recipient)))
		lmtp_commands_add(to, " SMTPUTF8");
	lmtp_commands_add(to, "\r\n");
}

void lmtp_commands_add_step(struct lmtp_commands *to, enum lmtp_step step,
			    const struct lmtp_request *request,
			    const struct lmtp_features *features)
{
	switch (step) {
	case LMTP_STEP_MAIL:
		add_mail(to, request, features);
		break;
	case LMTP_STEP_RCPT:
		add_path(to, "RCPT TO", request->recipient);
		lmtp_commands_add(to, "\r\n");
		break;
	case LMTP_STEP_DATA:
		lmtp_commands_add(to, "DATA\r\n");
		break;
	case LMTP_STEP_CONTENT:
		if (features->has_chunking)
			lmtp_commands_add(
				to, "BDAT %llu LAST\r\n",
				(unsigned long long)request->content_octets);
		break;
	case LMTP_STEP_END:
		break;
	}
}
