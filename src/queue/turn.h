/*
 * One turn of the batch loop: what the parts of one transaction share, and
 * what is to be said in the log once it holds.
 */
#ifndef QUEUE_TURN_H
#define QUEUE_TURN_H

#include "base/list.h"
#include "base/log.h"
#include "queue/schedule.h"
#include "queue/store.h"

/* What the queue uses of the configuration. */
struct queue_settings {
	struct schedule schedule;
	uint64_t report_lifetime_s; /* of mail without a sender */
	uint64_t warn_after_s;      /* 0: never */
	struct slice hostname;
	uint64_t reserve_octets;
	uint64_t size_limit_octets;           /* of the queue; 0: none */
	uint64_t tls_memory_s;                /* tls_memory.h; 0: off */
	bool sends_tls_reports;               /* tls_reports.h */
	struct slice tls_report_organization; /* empty: hostname */
	struct slice tls_report_contact;      /* empty: postmaster */
	uint64_t quiet_ms; /* at a start, until the first attempt */
};

struct note;
struct report;

struct turn {
	struct store *store;
	const struct queue_settings *settings;
	struct arena *arena; /* freed after the transaction */
	int64_t now;         /* wall-clock seconds */
	STAILQ_HEAD(, note) notes;
	STAILQ_HEAD(, report) reports; /* report.h */
};

void turn_init(struct turn *t, struct store *store,
	       const struct queue_settings *settings, int64_t now);
void turn_done(struct turn *t);

/* What happened to a recipient, to a message when recipient is empty, or to
 * all when queue_id is 0, too; trace may be empty.
 * outcome may be NULL; count: seconds to the next try, or recipients. All of
 * it lives as long as the turn. */
struct note {
	STAILQ_ENTRY(note) entry;
	enum log_level level;
	const char *message;
	struct slice trace;
	uint64_t queue_id;
	struct slice recipient;
	const struct outcome *outcome;
	const char *count_of; /* what number counts; NULL: nothing */
	uint64_t count;
};

/* A copy of note is logged by turn_log(). */
void turn_note(struct turn *t, const struct note *note);
/* The transaction holds: logs the notes. */
void turn_log(const struct turn *t);

#endif
