#include "base/log.h"
#include "deliver/remote_session-private.h"

#include <stdio.h>
#include <string.h>

void remote_session_fail(struct remote_session *s, const struct outcome *why)
{
	const struct remote_hop *hop = hop_of(s);

	s->failure = *why;
	s->failure.kind = OUTCOME_DEFERRED;
	s->failure.status[0] = 4;
	s->failure.text = slice_head(why->text, sizeof(s->failure_text));
	memcpy(s->failure_text, s->failure.text.p, s->failure.text.n);
	s->failure.text.p = s->failure_text;
	s->failure.server = hop->host;
	s->failing++;
	if (s->is_established)
		return; /* mail on it tells, and an idle one may end */
	/* Where all mail goes this way, somebody has to look. */
	LOG(s->smarthost != NULL ? LOG_WARNING : LOG_INFO, NULL,
	    "a host takes no mail now", log_text("host", hop->host),
	    log_text("address", hop->address), log_number("code", why->code),
	    log_text("text", why->text));
}

void remote_session_fail_for_good(struct remote_session *s,
				  const struct outcome *why)
{
	remote_session_fail(s, why);
	s->failing--;
	s->lacking++;
}

void remote_session_refuse_if_all_lack(struct remote_session *s)
{
	static const uint8_t status[] = { 5, 7, 30 };
	char text[WIRE_TEXT_OCTETS];
	int n;

	if (s->tls_demand != TLS_DEMAND_REQUIRED || s->lacking == 0 ||
	    s->failing > 0)
		return;
	n = snprintf(text, sizeof(text),
		     "the sender wants REQUIRETLS, and no server of the "
		     "recipient keeps that: %.*s",
		     (int)slice_head(s->failure.text, 800).n,
		     s->failure.text.p);
	memcpy(s->failure_text, text, (size_t)n);
	s->failure.text.n = (size_t)n;
	s->failure.kind = OUTCOME_REFUSED;
	s->failure.code = 0;
	memcpy(s->failure.status, status, sizeof(status));
}

void remote_session_fail_end(struct remote_session *s, enum smtp_end end,
			     const struct outcome *why)
{
	const bool is_tls = end == SMTP_END_TLS_MISSING ||
			    end == SMTP_END_TLS_FAILED ||
			    end == SMTP_END_TLS_UNVERIFIED;
	char text[WIRE_TEXT_OCTETS];
	struct outcome o = *why;
	int n;

	if (s->tls_demand == TLS_DEMAND_REQUIRED) {
		if (is_tls && end != SMTP_END_TLS_FAILED &&
		    s->smarthost == NULL)
			remote_session_fail_for_good(s, &o);
		else
			remote_session_fail(s, &o);
		return;
	}
	if (is_tls && s->tls_demand == TLS_DEMAND_USUAL &&
	    remote_session_demand(s) != NULL) {
		n = snprintf(text, sizeof(text), "%s: %.*s",
			     remote_session_demand(s),
			     (int)slice_head(why->text, 800).n, why->text.p);
		o.text = (struct slice){ text, (size_t)n };
	}
	remote_session_fail(s, &o);
}
