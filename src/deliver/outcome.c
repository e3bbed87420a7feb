#include "deliver/outcome.h"

#include <string.h>

static enum outcome_kind kind_of(enum lmtp_end end, const struct reply *reply)
{
	switch (end) {
	case LMTP_ANSWERED:
		if (reply_is_permanent(reply))
			return OUTCOME_REFUSED;
		return reply_is_transient(reply) ? OUTCOME_DEFERRED
						 : OUTCOME_DELIVERED;
	case LMTP_NO_ANSWER:
		return OUTCOME_DEFERRED;
	case LMTP_UNCERTAIN:
		break;
	}
	return OUTCOME_UNCERTAIN;
}

struct outcome outcome_of(enum lmtp_end end, const struct reply *reply)
{
	/* RFC 3463 3.5: no answer from host; bad connection. */
	static const uint8_t no_answer[3] = { 4, 4, 1 }, lost[3] = { 4, 4, 2 };
	struct outcome o = {
		.kind = kind_of(end, reply),
		.code = reply->code,
		.text = slice_head(reply->text, WIRE_TEXT_OCTETS),
	};

	switch (end) {
	case LMTP_ANSWERED:
		memcpy(o.status, reply->status, sizeof(o.status));
		break;
	case LMTP_NO_ANSWER:
		memcpy(o.status, no_answer, sizeof(o.status));
		break;
	case LMTP_UNCERTAIN:
		memcpy(o.status, lost, sizeof(o.status));
		break;
	}
	return o;
}

struct outcome outcome_deferred(uint8_t subject, uint8_t detail,
				const char *text)
{
	return (struct outcome){ .kind = OUTCOME_DEFERRED,
				 .status = { 4, subject, detail },
				 .text = slice_of(text) };
}

const char *outcome_name(enum outcome_kind kind)
{
	switch (kind) {
	case OUTCOME_DELIVERED:
		return "delivered";
	case OUTCOME_REFUSED:
		return "refused";
	case OUTCOME_DEFERRED:
		return "deferred";
	case OUTCOME_UNCERTAIN:
		return "uncertain";
	case OUTCOME_CANCELLED:
		break;
	}
	return "cancelled";
}
