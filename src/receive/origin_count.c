#include "receive/origin_count.h"

#include "mail/dmarc_fact.h"
#include "receive/origin_policy.h"
#include "receive/queue_call.h"
#include "receive/session-private.h"

static enum dmarc_policy disposition(const struct msg_verified *answer,
				     bool is_refused)
{
	if (is_refused)
		return DMARC_REJECT;
	return origin_is_junk(answer) ? DMARC_QUARANTINE : DMARC_NONE;
}

void origin_count(const struct session *s, const struct msg_verified *answer,
		  bool is_refused)
{
	const struct origin *o = &s->tx->origin;
	struct dmarc_record record;
	const struct dmarc_fact fact = {
		.source = slice_of(s->peer_ip),
		.record = &record,
		.disposition = disposition(answer, is_refused),
		.is_dkim_aligned = answer->is_dkim_aligned,
		.is_spf_aligned = answer->is_spf_aligned,
		.from = answer->from_domains.count > 0
				? answer->from_domains.items[0]
				: S(""),
		.envelope = transaction_sender_domain(s->tx),
		.is_helo = o->is_helo,
		.spf_domain = o->spf_domain,
		.spf = o->spf,
		.signatures = answer->signatures.items,
		.signature_count = answer->signatures.count,
	};
	struct msg_dmarc_seen seen = { .domain = answer->record_domain };

	if (answer->from_domains.count != 1 ||
	    dmarc_parse(answer->record, &record) != 0 || record.rua.n == 0)
		return;
	seen.fact = dmarc_fact_write(&fact, s->server->scratch);
	seen.outline = dmarc_fact_outline(&fact, s->server->scratch);
	queue_calls_dmarc_seen(s->server->queue_calls, &seen);
}
