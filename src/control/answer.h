/*
 * What a client of control.sock is told: JSON objects, one a line.
 *
 *   queue_list   {"entry":{...}} for each recipient, then {"total":N}
 *   queue_show   the same, with {"header":{"id":"...","text":"..."}} after the
 *                entries of a message
 *   queue_retry  {"retried":N}; queue_release {"released":N}; queue_drop
 *                {"dropped":N}; queue_hold {"held":N}; queue_bounce
 *                {"bounced":N}: recipients
 *   resolve      {"result":"targets","steps":["...",...]}
 *   route        {"result":"hosts","secure":true,"problem":"","hosts":[
 *                {"name":"...","preference":10,"addresses":["...",...],
 *                "secure":true,"dane":"usable","tlsa":["030101...",...]},...]}
 *                dane: none, usable, unusable or bogus
 *   reload       {"taken":true,"lines":["...",...]}: errors and warnings
 *   milter_list  {"milter":{...}} for each filter, then {"milters":N}
 *   domain_tls_list, domain_tls_show
 *                {"destination":{"name":"example.org","level":"verified",
 *                "seen":N,"reason":"..."}} for each, then {"destinations":N};
 *                level: none, TLS or verified
 *   tls_report_list
 *                {"tls_report":{"domain":"example.org","day":"2026-11-21",
 *                "due":N,"tries":N,"report":{...}}} for each, the report as RFC
 *                8460 has it; then {"tls_reports":N}
 *   domain_tls_forget
 *                {"forgotten":N}
 *   usage_list, usage_show
 *                {"usage":{"login":"...","messages":N,"message_limit":N,
 *                "recipients":N,"recipient_limit":N,"blocked":false,
 *                "resets":N}} for each, then {"logins":N}
 *   usage_forget {"forgotten":N}
 *   any          {"error":"..."}
 *
 * Every answer but "entry", "header", "milter", "destination" and "usage" is the
 * last line of its request.
 */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include "conf/conf.h"
#include "control/request.h"

#include <event2/buffer.h>

void answer_entry(struct evbuffer *out, const struct msg_queue_entry *m);
void answer_header(struct evbuffer *out, const struct msg_queue_header *m);
void answer_total(struct evbuffer *out, uint64_t total);
void answer_changed(struct evbuffer *out, enum queue_change change,
		    uint64_t count);
void answer_explained(struct evbuffer *out, const struct msg_explained *m);
/* smarthost: through which mail goes, or NULL. */
void answer_route(struct evbuffer *out, const struct msg_route *m,
		  const struct conf_smarthost *smarthost);
void answer_reloaded(struct evbuffer *out, const struct msg_reloaded *m);
/* A filter's sums. */
void answer_milter(struct evbuffer *out, const struct msg_milter_state *m);
void answer_milters(struct evbuffer *out, size_t count);
void answer_domain_tls(struct evbuffer *out,
		       const struct msg_domain_tls_entry *m);
void answer_tls_report(struct evbuffer *out,
		       const struct msg_tls_report_entry *m);
void answer_usage(struct evbuffer *out, const struct msg_usage_entry *m);
/* The end of a list: how many there were. */
void answer_listed(struct evbuffer *out, enum request_command command,
		   uint64_t count);
void answer_forgotten(struct evbuffer *out, uint64_t count);
void answer_error(struct evbuffer *out, const char *what);

#endif
