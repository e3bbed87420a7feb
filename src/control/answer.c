#include "control/answer.h"

#include "base/mem.h"
#include "milter/filter.h"
#include "milter/names.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECONDS_OF_A_DAY = 86400, DAY_OCTETS = 32 };

static const char hex_digits[] = "0123456789ABCDEF";

/* Text of any origin. What is not UTF-8 no JSON can hold: its high octets
 * become \xHH. */
static json_t *text(struct slice s)
{
	json_t *json;
	size_t n = 0;
	char *out;

	if (s.n == 0)
		return json_stringn("", 0);
	if (slice_is_utf8(s))
		return json_stringn(s.p, s.n);
	out = mem_array(s.n, 4);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 128) {
			out[n++] = s.p[i];
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex_digits[c >> 4];
		out[n++] = hex_digits[c & 15];
	}
	json = json_stringn(out, n);
	mem_free(&out);
	return json;
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *texts(struct slices list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list.count; i++)
		(void)json_array_append_new(array, text(list.items[i]));
	return array;
}

/* Takes object over. */
static void put(struct evbuffer *out, json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT);

	if (line != NULL) {
		(void)evbuffer_add(out, line, strlen(line));
		(void)evbuffer_add(out, "\n", 1);
	}
	free(line); /* jansson's */
	json_decref(object);
}

static void put_one(struct evbuffer *out, const char *key, json_t *value)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, key, value);
	put(out, object);
}

static const char *kind_name(enum target_kind kind)
{
	switch (kind) {
	case TARGET_MAILBOX:
		break;
	case TARGET_COMMAND:
		return "command";
	case TARGET_REMOTE:
		return "remote";
	}
	return "mailbox";
}

static const char *queue_state_name(uint32_t state)
{
	static const char *const names[] = {
		[QUEUE_STATE_NEW] = "new",
		[QUEUE_STATE_DEFERRED] = "deferred",
		[QUEUE_STATE_REPORT] = "report",
		[QUEUE_STATE_HELD] = "held",
		[QUEUE_STATE_IN_SESSION] = "in session",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static json_t *queue_id(uint64_t value)
{
	char id[17];

	(void)snprintf(id, sizeof(id), "%016" PRIx64, value);
	return json_string(id);
}

void answer_header(struct evbuffer *out, const struct msg_queue_header *m)
{
	json_t *header = json_object();

	(void)json_object_set_new(header, "id", queue_id(m->queue_id));
	(void)json_object_set_new(header, "text", text(m->header));
	put_one(out, "header", header);
}

static const char *demand_name(uint32_t demand)
{
	static const char *const names[] = {
		[TLS_DEMAND_USUAL] = "usual",
		[TLS_DEMAND_NONE] = "not required",
		[TLS_DEMAND_REQUIRED] = "REQUIRETLS",
	};

	return demand <= TLS_DEMAND_REQUIRED ? names[demand] : "?";
}

void answer_entry(struct evbuffer *out, const struct msg_queue_entry *m)
{
	json_t *entry = json_object();

	(void)json_object_set_new(entry, "id", queue_id(m->queue_id));
	(void)json_object_set_new(entry, "trace", text(m->trace));
	(void)json_object_set_new(entry, "sender", text(m->reverse_path));
	(void)json_object_set_new(entry, "login", text(m->login));
	(void)json_object_set_new(entry, "envid", text(m->envid));
	(void)json_object_set_new(entry, "recipient", text(m->target.address));
	(void)json_object_set_new(entry, "original", text(m->original));
	(void)json_object_set_new(entry, "kind",
				  json_string(kind_name(m->target.kind)));
	(void)json_object_set_new(entry, "octets", number(m->content_octets));
	(void)json_object_set_new(entry, "arrived", number(m->arrived));
	(void)json_object_set_new(entry, "state",
				  json_string(queue_state_name(m->state)));
	(void)json_object_set_new(entry, "next_try", number(m->next_try));
	(void)json_object_set_new(entry, "last_try", number(m->last_try));
	(void)json_object_set_new(entry, "attempts", number(m->attempts));
	(void)json_object_set_new(entry, "hold", text(m->hold));
	(void)json_object_set_new(entry, "code", number(m->code));
	(void)json_object_set_new(entry, "reason", text(m->reason));
	(void)json_object_set_new(entry, "tls",
				  json_string(demand_name(m->tls_demand)));
	put_one(out, "entry", entry);
}

void answer_total(struct evbuffer *out, uint64_t total)
{
	put_one(out, "total", number(total));
}

void answer_changed(struct evbuffer *out, enum queue_change change,
		    uint64_t count)
{
	static const char *const names[] = {
		[QUEUE_CHANGE_RETRY] = "retried",
		[QUEUE_CHANGE_RELEASE] = "released",
		[QUEUE_CHANGE_DROP] = "dropped",
		[QUEUE_CHANGE_HOLD] = "held",
		[QUEUE_CHANGE_BOUNCE] = "bounced",
	};

	put_one(out, names[change], number(count));
}

static const char *result_name(uint32_t result)
{
	static const char *const names[] = {
		[RESOLVE_TARGETS] = "targets",
		[RESOLVE_NO_USER] = "no user",
		[RESOLVE_TRY_LATER] = "try later",
		[RESOLVE_NOT_LOCAL] = "not local",
	};

	return result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

void answer_explained(struct evbuffer *out, const struct msg_explained *m)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "result",
				  json_string(result_name(m->result)));
	(void)json_object_set_new(object, "steps", texts(m->steps));
	put(out, object);
}

static const char *route_name(uint32_t result)
{
	static const char *const names[] = {
		[ROUTE_HOSTS] = "hosts",
		[ROUTE_NO_DOMAIN] = "no domain",
		[ROUTE_NO_HOST] = "no host",
		[ROUTE_NULL_MX] = "null mx",
		[ROUTE_TRY_LATER] = "try later",
		[ROUTE_LOOP] = "loop",
	};

	return result < sizeof(names) / sizeof(names[0]) ? names[result] : "?";
}

static const char *dane_name(const struct host *h)
{
	if (h->is_tlsa_bogus)
		return "bogus";
	if (!h->has_tlsa)
		return "none";
	return h->tlsa.count > 0 ? "usable" : "unusable";
}

static json_t *hex(struct slice octets)
{
	char *out = mem_array(octets.n, 2);
	json_t *json;

	for (size_t i = 0; i < octets.n; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		out[2 * i] = hex_digits[c >> 4];
		out[2 * i + 1] = hex_digits[c & 15];
	}
	json = json_stringn(out, 2 * octets.n);
	mem_free(&out);
	return json;
}

static json_t *sts(const struct msg_route *m)
{
	const struct sts *s = &m->sts;
	json_t *object = json_object();

	(void)json_object_set_new(object, "id", text(s->id));
	(void)json_object_set_new(object, "mode",
				  json_string(sts_mode_word(s->mode)));
	(void)json_object_set_new(object, "max_age", number(s->max_age_s));
	(void)json_object_set_new(object, "mx", texts(s->patterns));
	(void)json_object_set_new(object, "fetched", number(s->fetched));
	(void)json_object_set_new(
		object, "source",
		json_string(m->is_sts_fresh ? "fetched" : "kept"));
	return object;
}

/* What MTA-STS says of a host: with DANE, nothing. */
static const char *sts_word(const struct msg_route *m, const struct host *h)
{
	const struct sts_policy policy = {
		.patterns = m->sts.patterns.items,
		.pattern_count = m->sts.patterns.count,
	};

	if (m->sts.mode == STS_NONE || h->tlsa.count > 0)
		return "none";
	return sts_policy_names(&policy, h->name) ? "named" : "unnamed";
}

static json_t *host(const struct msg_route *m, const struct host *h)
{
	json_t *object = json_object(), *tlsa = json_array();

	for (size_t i = 0; i < h->tlsa.count; i++)
		(void)json_array_append_new(tlsa, hex(h->tlsa.items[i]));
	(void)json_object_set_new(object, "name", text(h->name));
	(void)json_object_set_new(object, "preference", number(h->preference));
	(void)json_object_set_new(object, "addresses", texts(h->addresses));
	(void)json_object_set_new(object, "secure", json_boolean(h->is_secure));
	(void)json_object_set_new(object, "dane", json_string(dane_name(h)));
	(void)json_object_set_new(object, "tlsa", tlsa);
	(void)json_object_set_new(object, "sts", json_string(sts_word(m, h)));
	return object;
}

static json_t *smarthost_json(const struct conf_smarthost *s)
{
	bool is_first = conf_smarthost_is_tls_first(s);
	json_t *object = json_object();

	(void)json_object_set_new(object, "host", json_string(s->host));
	(void)json_object_set_new(object, "port", number(s->port));
	(void)json_object_set_new(object, "senders", json_string(s->name));
	(void)json_object_set_new(object, "user", json_string(s->user));
	(void)json_object_set_new(
		object, "tls",
		json_string(is_first ? "immediate" : "starttls"));
	return object;
}

void answer_route(struct evbuffer *out, const struct msg_route *m,
		  const struct conf_smarthost *smarthost)
{
	json_t *object = json_object(), *hosts = json_array();

	for (size_t i = 0; i < m->hosts.count; i++)
		(void)json_array_append_new(hosts, host(m, &m->hosts.items[i]));
	(void)json_object_set_new(object, "result",
				  json_string(route_name(m->result)));
	(void)json_object_set_new(object, "secure", json_boolean(m->is_secure));
	(void)json_object_set_new(object, "problem", text(m->problem));
	(void)json_object_set_new(object, "hosts", hosts);
	(void)json_object_set_new(object, "ipv6", json_boolean(m->uses_ipv6));
	(void)json_object_set_new(object, "ipv6_reason", text(m->ipv6_reason));
	if (smarthost != NULL)
		(void)json_object_set_new(object, "smarthost",
					  smarthost_json(smarthost));
	if (m->sts.id.n > 0)
		(void)json_object_set_new(object, "sts", sts(m));
	(void)json_object_set_new(object, "sts_problem", text(m->sts_problem));
	put(out, object);
}

static const char *level_name(uint32_t level)
{
	static const char *const names[] = {
		[TLS_LEVEL_NONE] = "none",
		[TLS_LEVEL_TLS] = "TLS",
		[TLS_LEVEL_VERIFIED] = "verified",
	};

	return level < sizeof(names) / sizeof(names[0]) ? names[level] : "?";
}

void answer_domain_tls(struct evbuffer *out,
		       const struct msg_domain_tls_entry *m)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "name", text(m->destination));
	(void)json_object_set_new(object, "level",
				  json_string(level_name(m->level)));
	(void)json_object_set_new(object, "seen", number(m->seen));
	(void)json_object_set_new(object, "reason", text(m->reason));
	put_one(out, "destination", object);
}

void answer_usage(struct evbuffer *out, const struct msg_usage_entry *m)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "login", text(m->login));
	(void)json_object_set_new(object, "messages", number(m->messages));
	(void)json_object_set_new(object, "message_limit",
				  number(m->message_limit));
	(void)json_object_set_new(object, "recipients", number(m->recipients));
	(void)json_object_set_new(object, "recipient_limit",
				  number(m->recipient_limit));
	(void)json_object_set_new(object, "blocked",
				  json_boolean(m->is_blocked));
	(void)json_object_set_new(object, "resets", number(m->resets));
	put_one(out, "usage", object);
}

void answer_tls_report(struct evbuffer *out,
		       const struct msg_tls_report_entry *m)
{
	json_t *object = json_object();
	json_t *report = json_loadb(m->report.n > 0 ? m->report.p : "",
				    m->report.n, 0, NULL);
	time_t begin = (time_t)(m->day * SECONDS_OF_A_DAY);
	char day[DAY_OCTETS] = "";
	struct tm tm;

	if (gmtime_r(&begin, &tm) != NULL)
		(void)strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	(void)json_object_set_new(object, "domain", text(m->domain));
	(void)json_object_set_new(object, "day", json_string(day));
	(void)json_object_set_new(object, "due", number(m->due));
	(void)json_object_set_new(object, "tries", number(m->tries));
	(void)json_object_set_new(object, "report",
				  report != NULL ? report : json_null());
	put_one(out, "tls_report", object);
}

void answer_listed(struct evbuffer *out, enum request_command command,
		   uint64_t count)
{
	const char *what = "destinations";

	if (command == REQUEST_USAGE_LIST)
		what = "logins";
	else if (command == REQUEST_TLS_REPORT_LIST)
		what = "tls_reports";
	put_one(out, what, number(count));
}

void answer_forgotten(struct evbuffer *out, uint64_t count)
{
	put_one(out, "forgotten", number(count));
}

void answer_reloaded(struct evbuffer *out, const struct msg_reloaded *m)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "taken", json_boolean(m->is_taken));
	(void)json_object_set_new(object, "lines", texts(m->lines));
	put(out, object);
}

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[MILTER_UNTRIED] = "untried",
		[MILTER_WORKS] = "works",
		[MILTER_IS_AWAY] = "away",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static json_t *action_names(uint32_t actions)
{
	json_t *array = json_array();

	for (size_t i = 0; i < MILTER_ACTION_NAMES; i++)
		if ((actions & milter_action_names[i].bit) != 0)
			(void)json_array_append_new(
				array,
				json_string(milter_action_names[i].name));
	return array;
}

/* What the filter is not told. */
static json_t *skipped_names(uint32_t steps)
{
	json_t *array = json_array();

	for (size_t i = 0; i < MILTER_STEP_NAMES; i++)
		if ((steps & milter_step_names[i].skip_bit) != 0)
			(void)json_array_append_new(
				array, json_string(milter_step_names[i].name));
	return array;
}

void answer_milter(struct evbuffer *out, const struct msg_milter_state *m)
{
	const struct {
		const char *key;
		uint64_t value;
	} counters[] = {
		{ "version", m->version },
		{ "connections", m->connections },
		{ "messages", m->messages },
		{ "rejected", m->rejected },
		{ "deferred", m->deferred },
		{ "discarded", m->discarded },
		{ "quarantined", m->quarantined },
		{ "edited", m->edited },
		{ "failed", m->failed },
		{ "unfiltered", m->unfiltered },
		{ "failed_at", m->failed_at },
	};
	json_t *milter = json_object();

	(void)json_object_set_new(milter, "name", text(m->name));
	(void)json_object_set_new(milter, "state",
				  json_string(state_name(m->state)));
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		(void)json_object_set_new(milter, counters[i].key,
					  number(counters[i].value));
	(void)json_object_set_new(milter, "problem", text(m->problem));
	(void)json_object_set_new(milter, "actions", action_names(m->actions));
	(void)json_object_set_new(milter, "skipped", skipped_names(m->steps));
	put_one(out, "milter", milter);
}

void answer_milters(struct evbuffer *out, size_t count)
{
	put_one(out, "milters", number(count));
}

void answer_error(struct evbuffer *out, const char *what)
{
	put_one(out, "error", text(slice_of(what)));
}
