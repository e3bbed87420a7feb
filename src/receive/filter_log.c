#include "receive/filter_log.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#include <string.h>

enum { QUIET_MS = 1000 }; /* between two failures of a filter in the log */

/* A filter that has failed; as many as there are names in configurations. */
struct failure {
	STAILQ_ENTRY(failure) entry;
	char *filter;
	uint64_t said_ms;
	uint64_t unsaid; /* failures since */
};

struct filter_log {
	STAILQ_HEAD(, failure) failures;
};

struct filter_log *filter_log_new(void)
{
	struct filter_log *log = mem_new(sizeof(*log));

	STAILQ_INIT(&log->failures);
	return log;
}

void filter_log_free(struct filter_log **log)
{
	struct failure *f;

	if (*log == NULL)
		return;
	while ((f = STAILQ_FIRST(&(*log)->failures)) != NULL) {
		STAILQ_REMOVE_HEAD(&(*log)->failures, entry);
		mem_free(&f->filter);
		mem_free(&f);
	}
	mem_free(log);
}

static struct failure *find(struct filter_log *log, const char *filter)
{
	struct failure *f;

	STAILQ_FOREACH(f, &log->failures, entry)
		if (strcmp(f->filter, filter) == 0)
			return f;
	f = mem_new(sizeof(*f));
	f->filter = mem_string(filter);
	STAILQ_INSERT_TAIL(&log->failures, f, entry);
	return f;
}

static const char *words(enum milter_event_kind kind)
{
	switch (kind) {
	case MILTER_EVENT_FAILED:
		return "filter failed";
	case MILTER_EVENT_PASSED:
		return "message goes on without filter";
	case MILTER_EVENT_IGNORED:
		return "filter's wish makes no sense";
	case MILTER_EVENT_VERDICT:
		return "filter's verdict";
	case MILTER_EVENT_EDIT:
		return "filter's edit";
	case MILTER_EVENT_QUARANTINE:
		return "filter wants it held";
	case MILTER_EVENT_RETURNED:
		return "filter is back";
	}
	return "filter";
}

/* The message's own line says as much. */
static bool is_accept(const struct milter_event *e)
{
	return e->code == 0 && slice_equal(e->text, S("accept"));
}

static enum log_level level_of(const struct milter_event *e)
{
	switch (e->kind) {
	case MILTER_EVENT_FAILED:
	case MILTER_EVENT_PASSED:
		return LOG_WARNING;
	case MILTER_EVENT_EDIT:
		return e->is_dry_run ? LOG_INFO : LOG_DEBUG;
	case MILTER_EVENT_VERDICT:
		return is_accept(e) && !e->is_dry_run ? LOG_DEBUG : LOG_INFO;
	case MILTER_EVENT_IGNORED:
	case MILTER_EVENT_QUARANTINE:
	case MILTER_EVENT_RETURNED:
		break;
	}
	return LOG_INFO;
}

/* Whether it is time to say that a filter failed; *ret_unsaid counts those that
 * were not said. */
static bool may_say(struct filter_log *log, const char *filter,
		    uint64_t *ret_unsaid)
{
	struct failure *f = find(log, filter);
	uint64_t now_ms = clock_monotonic_ms();

	if (f->said_ms != 0 && now_ms - f->said_ms < QUIET_MS) {
		f->unsaid++;
		return false;
	}
	*ret_unsaid = f->unsaid;
	f->said_ms = now_ms;
	f->unsaid = 0;
	return true;
}

void filter_log_event(struct filter_log *log, const struct log_ctx *ctx,
		      const struct milter_event *event)
{
	struct log_fact facts[6] = { log_string("filter", event->filter) };
	uint64_t unsaid = 0;
	size_t n = 1;

	if (event->kind == MILTER_EVENT_FAILED &&
	    !may_say(log, event->filter, &unsaid))
		return;
	if (event->stage != NULL)
		facts[n++] = log_string("stage", event->stage);
	if (event->code != 0)
		facts[n++] = log_number("code", event->code);
	if (event->text.n > 0)
		facts[n++] = log_text("text", event->text);
	if (event->is_dry_run)
		facts[n++] = log_string("dry_run", "yes");
	if (unsaid > 0)
		facts[n++] = log_number("more", unsaid);
	log_event(level_of(event), ctx, words(event->kind), facts, n);
}
