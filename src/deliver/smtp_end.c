#include "deliver/smtp_end.h"

#include <string.h>

/* RFC 3463 3.4, 3.5, 3.6, 3.8 */
static const uint8_t statuses[][3] = {
	[SMTP_END_QUIT] = { 4, 4, 2 },
	[SMTP_END_NO_CONNECTION] = { 4, 4, 1 },
	[SMTP_END_UNWILLING] = { 4, 3, 2 },
	[SMTP_END_TLS_MISSING] = { 4, 7, 4 },
	[SMTP_END_TLS_FAILED] = { 4, 7, 5 },
	[SMTP_END_TLS_UNVERIFIED] = { 4, 7, 5 },
	[SMTP_END_TOLD] = { 4, 3, 2 },
	[SMTP_END_LOST] = { 4, 4, 2 },
	[SMTP_END_TIMEOUT] = { 4, 4, 2 },
	[SMTP_END_NONSENSE] = { 4, 5, 0 },
	[SMTP_END_CONTENT] = { 4, 3, 0 },
	[SMTP_END_LOGIN] = { 4, 7, 0 },
};

struct outcome smtp_outcome_of_end(enum smtp_end end, struct slice text)
{
	struct outcome o = { .kind = OUTCOME_DEFERRED, .text = text };

	memcpy(o.status, statuses[end], sizeof(o.status));
	return o;
}

struct outcome smtp_outcome_in_words(enum smtp_end end, const char *what,
				     const struct reply *reply,
				     struct arena *arena)
{
	const struct slice parts[] = {
		arena_format(arena, "%s: %u ", what, reply->code),
		slice_head(reply->text, WIRE_TEXT_OCTETS),
	};

	return smtp_outcome_of_end(end, arena_join(arena, parts, 2));
}

struct outcome smtp_outcome_of(const struct reply *reply)
{
	struct outcome o = { .kind = OUTCOME_DEFERRED,
			     .code = reply->code,
			     .text = reply->text };

	memcpy(o.status, reply->status, sizeof(o.status));
	if (reply->code / 100 == 2)
		o.kind = OUTCOME_DELIVERED;
	else if (reply_is_permanent(reply))
		o.kind = OUTCOME_REFUSED;
	return o;
}
