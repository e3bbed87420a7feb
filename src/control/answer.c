#include "control/answer.h"

#include "control/answer-private.h"
#include "milter/filter.h"
#include "milter/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { SECONDS_OF_A_DAY = 86400, DAY_OCTETS = 32 };

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
	(void)json_object_set_new(header, "text", answer_text(m->header));
	answer_put_one(out, "header", header);
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
	(void)json_object_set_new(entry, "trace", answer_text(m->trace));
	(void)json_object_set_new(entry, "sender",
				  answer_text(m->reverse_path));
	(void)json_object_set_new(entry, "login", answer_text(m->login));
	(void)json_object_set_new(entry, "envid", answer_text(m->envid));
	(void)json_object_set_new(entry, "recipient",
				  answer_text(m->target.address));
	(void)json_object_set_new(entry, "original", answer_text(m->original));
	(void)json_object_set_new(entry, "kind",
				  json_string(kind_name(m->target.kind)));
	(void)json_object_set_new(entry, "octets",
				  answer_number(m->content_octets));
	(void)json_object_set_new(entry, "arrived", answer_number(m->arrived));
	(void)json_object_set_new(entry, "state",
				  json_string(queue_state_name(m->state)));
	(void)json_object_set_new(entry, "next_try",
				  answer_number(m->next_try));
	(void)json_object_set_new(entry, "last_try",
				  answer_number(m->last_try));
	(void)json_object_set_new(entry, "attempts",
				  answer_number(m->attempts));
	(void)json_object_set_new(entry, "hold", answer_text(m->hold));
	(void)json_object_set_new(entry, "code", answer_number(m->code));
	(void)json_object_set_new(entry, "reason", answer_text(m->reason));
	(void)json_object_set_new(entry, "tls",
				  json_string(demand_name(m->tls_demand)));
	answer_put_one(out, "entry", entry);
}

void answer_total(struct evbuffer *out, uint64_t total)
{
	answer_put_one(out, "total", answer_number(total));
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

	answer_put_one(out, names[change], answer_number(count));
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
	(void)json_object_set_new(object, "steps", answer_texts(m->steps));
	answer_put(out, object);
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

	(void)json_object_set_new(object, "name", answer_text(m->destination));
	(void)json_object_set_new(object, "level",
				  json_string(level_name(m->level)));
	(void)json_object_set_new(object, "seen", answer_number(m->seen));
	(void)json_object_set_new(object, "reason", answer_text(m->reason));
	answer_put_one(out, "destination", object);
}

void answer_usage(struct evbuffer *out, const struct msg_usage_entry *m)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "login", answer_text(m->login));
	(void)json_object_set_new(object, "messages",
				  answer_number(m->messages));
	(void)json_object_set_new(object, "message_limit",
				  answer_number(m->message_limit));
	(void)json_object_set_new(object, "recipients",
				  answer_number(m->recipients));
	(void)json_object_set_new(object, "recipient_limit",
				  answer_number(m->recipient_limit));
	(void)json_object_set_new(object, "blocked",
				  json_boolean(m->is_blocked));
	(void)json_object_set_new(object, "resets", answer_number(m->resets));
	answer_put_one(out, "usage", object);
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
	(void)json_object_set_new(object, "domain", answer_text(m->domain));
	(void)json_object_set_new(object, "day", json_string(day));
	(void)json_object_set_new(object, "due", answer_number(m->due));
	(void)json_object_set_new(object, "tries", answer_number(m->tries));
	(void)json_object_set_new(object, "report",
				  report != NULL ? report : json_null());
	answer_put_one(out, "tls_report", object);
}

void answer_listed(struct evbuffer *out, enum request_command command,
		   uint64_t count)
{
	const char *what = "destinations";

	if (command == REQUEST_USAGE_LIST)
		what = "logins";
	else if (command == REQUEST_TLS_REPORT_LIST)
		what = "tls_reports";
	answer_put_one(out, what, answer_number(count));
}

void answer_forgotten(struct evbuffer *out, uint64_t count)
{
	answer_put_one(out, "forgotten", answer_number(count));
}

void answer_reloaded(struct evbuffer *out, const struct msg_reloaded *m)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "taken", json_boolean(m->is_taken));
	(void)json_object_set_new(object, "lines", answer_texts(m->lines));
	answer_put(out, object);
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

	(void)json_object_set_new(milter, "name", answer_text(m->name));
	(void)json_object_set_new(milter, "state",
				  json_string(state_name(m->state)));
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		(void)json_object_set_new(milter, counters[i].key,
					  answer_number(counters[i].value));
	(void)json_object_set_new(milter, "problem", answer_text(m->problem));
	(void)json_object_set_new(milter, "actions", action_names(m->actions));
	(void)json_object_set_new(milter, "skipped", skipped_names(m->steps));
	answer_put_one(out, "milter", milter);
}

void answer_milters(struct evbuffer *out, size_t count)
{
	answer_put_one(out, "milters", answer_number(count));
}

void answer_error(struct evbuffer *out, const char *what)
{
	answer_put_one(out, "error", answer_text(slice_of(what)));
}
