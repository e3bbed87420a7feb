#include "deliver/job_result.h"

#include "base/clock.h"
#include "base/log.h"
#include "deliver/outcome.h"

#include <stdio.h>

void job_result_send(struct link *to, bool is_attempt, uint64_t id,
		     size_t index, const struct remote_end *end)
{
	struct message m = { .type = MESSAGE_DELIVER_RESULT };

	if (is_attempt) {
		m.type = MESSAGE_ATTEMPT_RESULT;
		m.attempt_result.id = id;
		m.attempt_result.outcome = end->outcome;
		m.attempt_result.again_s = end->again_s;
		m.attempt_result.destination = end->destination;
		m.attempt_result.tls_level = end->tls_level;
		m.attempt_result.tls_reason = end->tls_reason;
	} else {
		m.deliver_result.id = id;
		m.deliver_result.index = (uint32_t)index;
		m.deliver_result.outcome = end->outcome;
	}
	link_send(to, &m, -1);
}

void job_result_log(struct slice trace, struct target target, uint64_t begun_ms,
		    const struct remote_end *end)
{
	const struct log_ctx inner = { .key = "trace", .value = trace };
	const struct log_ctx host = { .outer = &inner,
				      .key = "host",
				      .value = end->host };
	const struct log_ctx address = { .outer = &host,
					 .key = "address",
					 .value = end->address };
	const struct log_ctx tls = { .outer = &address,
				     .key = "tls",
				     .value = end->tls };
	const struct outcome *o = &end->outcome;
	const struct log_ctx *ctx = end->host.n > 0 ? &tls : &inner;
	char status[16];

	(void)snprintf(status, sizeof(status), "%u.%u.%u", o->status[0],
		       o->status[1], o->status[2]);
	LOG(LOG_INFO, ctx, outcome_name(o->kind),
	    log_text("recipient", target.address), log_number("code", o->code),
	    log_string("status", status), log_text("text", o->text),
	    log_number("delay_ms", clock_monotonic_ms() - begun_ms));
}
