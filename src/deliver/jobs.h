/*
 * What `receive` and `queue` have asked for: each DELIVER or ATTEMPT is a job
 * with a part for each target, and each target gets one result and
 * one line in the log.
 */
#ifndef DELIVER_JOBS_H
#define DELIVER_JOBS_H

#include "deliver/commands.h"
#include "deliver/remote.h"
#include "lmtp/pool.h"
#include "proc/link.h"

struct jobs;

struct job_request {
	struct link *from;
	bool is_attempt; /* ATTEMPT, not DELIVER */
	uint64_t id;
	struct slice trace;
	struct slice reverse_path;
	struct targets targets;
	uint64_t content_octets;
	bool is_8bit;
	/* The rest is ATTEMPT's. */
	uint64_t queue_id;
	bool is_smtputf8;
	struct slice envid;
	uint32_t ret, notify;
	struct slice orcpt_type, orcpt;
	uint32_t tls_floor;          /* enum tls_level */
	uint32_t tls_demand;         /* enum tls_demand */
	struct smarthost *smarthost; /* as remote_request */
};

/* Where targets go, by kind. */
struct jobs_ways {
	struct lmtp_pool *pool;
	struct commands *commands;
	struct remote *remote;
};

/* Called when the last job has ended. */
typedef void jobs_on_empty(void *arg);

/* waiting_max: deliveries that may wait for a connection; a job that would make
 * them more is answered "busy" at once. */
struct jobs *jobs_new(const struct jobs_ways *ways, unsigned waiting_max,
		      jobs_on_empty *on_empty, void *arg);
/* After what ways names: what that does points here. */
void jobs_free(struct jobs **jobs);

/* Copies the request and takes fd over. What cannot be begun is answered. */
void jobs_start(struct jobs *jobs, const struct job_request *request, int fd);
/* Answers the request without beginning it. */
void jobs_refuse(const struct job_request *request, struct outcome outcome);
/* DELIVER_CANCEL: what has not begun is taken back, and answered so. */
void jobs_cancel(struct jobs *jobs, const struct link *from, uint64_t id);
/* There is a new queue: it hears of what the one before may have missed. */
void jobs_use_queue(struct jobs *jobs, struct link *queue);
/* A link is gone: what has not begun is taken back, other results dropped. */
void jobs_forget(struct jobs *jobs, const struct link *gone);

bool jobs_is_empty(const struct jobs *jobs);

#endif
