#include "deliver/jobs.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "deliver/descriptor.h"
#include "deliver/job_result.h"
#include "deliver/known.h"
#include "deliver/outcome.h"

#include <assert.h>

/* A tripwire: a message has at most WIRE_OCTETS in WIRE_LIST slices. */
enum { JOB_ARENA_OCTETS = 2 * WIRE_OCTETS };

struct job;

/* One target of a job. */
struct part {
	struct job *job;
	struct target target;
	/* Until its result, by kind. */
	struct lmtp_delivery *delivery;
	struct command_run *run;
	struct remote_delivery *remote;
};

struct job {
	TAILQ_ENTRY(job) entry;
	struct jobs *jobs;
	struct link *from; /* NULL once it is gone */
	bool is_attempt;
	uint64_t id, queue_id;
	int fd;
	uint64_t begun_ms;
	struct arena *arena;
	struct slice trace;
	struct slice reverse_path;
	struct slice envid, orcpt_type, orcpt;
	struct part *parts;
	size_t part_count, open_count;
};

struct jobs {
	struct jobs_ways ways;
	unsigned waiting_max;
	jobs_on_empty *on_empty;
	void *arg;
	struct known *known;
	TAILQ_HEAD(job_list, job) all;
};

struct jobs *jobs_new(const struct jobs_ways *ways, unsigned waiting_max,
		      jobs_on_empty *on_empty, void *arg)
{
	struct jobs *jobs = mem_new(sizeof(*jobs));

	jobs->ways = *ways;
	jobs->waiting_max = waiting_max;
	jobs->on_empty = on_empty;
	jobs->arg = arg;
	jobs->known = known_new();
	TAILQ_INIT(&jobs->all);
	return jobs;
}

static void job_free(struct job **job)
{
	struct job *j = *job;

	TAILQ_REMOVE(&j->jobs->all, j, entry);
	fd_close(&j->fd);
	arena_free(&j->arena);
	mem_free(job);
}

void jobs_free(struct jobs **jobs)
{
	struct job *j;

	if (*jobs == NULL)
		return;
	while ((j = TAILQ_FIRST(&(*jobs)->all)) != NULL)
		job_free(&j);
	known_free(&(*jobs)->known);
	mem_free(jobs);
}

bool jobs_is_empty(const struct jobs *jobs)
{
	return TAILQ_EMPTY(&jobs->all);
}

/* --- results ------------------------------------------------------------------- */

/* The part has its end; the job may be gone after this. */
static void end_part(struct part *part, const struct remote_end *end)
{
	struct job *j = part->job;
	struct jobs *jobs = j->jobs;

	part->delivery = NULL;
	part->run = NULL;
	part->remote = NULL;
	if (end->outcome.kind != OUTCOME_CANCELLED)
		job_result_log(j->trace, part->target, j->begun_ms, end);
	if (j->is_attempt && end->outcome.kind == OUTCOME_DELIVERED)
		known_add(jobs->known, j->queue_id, part->target,
			  &end->outcome);
	if (j->from != NULL)
		job_result_send(j->from, j->is_attempt, j->id,
				(size_t)(part - j->parts), end);
	if (--j->open_count > 0)
		return;
	job_free(&j);
	if (jobs_is_empty(jobs))
		jobs->on_empty(jobs->arg);
}

static void on_result(enum lmtp_end end, const struct reply *reply, void *arg)
{
	const struct remote_end e = { .outcome = outcome_of(end, reply) };

	end_part(arg, &e);
}

static void on_command_end(const struct outcome *outcome, void *arg)
{
	const struct remote_end end = { .outcome = *outcome };

	end_part(arg, &end);
}

static void on_remote_end(const struct remote_end *end, void *arg)
{
	end_part(arg, end);
}

void jobs_refuse(const struct job_request *request, struct outcome outcome)
{
	const struct remote_end end = { .outcome = outcome };

	for (size_t i = 0; i < request->targets.count; i++) {
		job_result_log(request->trace, request->targets.items[i],
			       clock_monotonic_ms(), &end);
		job_result_send(request->from, request->is_attempt, request->id,
				i, &end);
	}
}

/* --- beginnings ------------------------------------------------------------------ */

static struct remote_delivery *send_outside(struct part *part,
					    const struct job_request *request)
{
	struct job *j = part->job;
	const struct remote_request out = {
		.queue_id = request->queue_id,
		.trace = j->trace,
		.reverse_path = j->reverse_path,
		.envid = j->envid,
		.ret = request->ret <= DSN_RET_HDRS ? (enum dsn_ret)request->ret
						    : DSN_RET_NONE,
		.is_8bit = request->is_8bit,
		.is_smtputf8 = request->is_smtputf8,
		.content_fd = j->fd,
		.content_octets = request->content_octets,
		.via = part->target.via,
		.smarthost = request->smarthost,
		.tls_floor = request->tls_floor <= TLS_LEVEL_VERIFIED
				     ? (enum tls_level)request->tls_floor
				     : TLS_LEVEL_VERIFIED,
		.tls_demand = request->tls_demand <= TLS_DEMAND_REQUIRED
				      ? (enum tls_demand)request->tls_demand
				      : TLS_DEMAND_REQUIRED,
		.recipient = { .address = part->target.address,
			       .notify = request->notify,
			       .orcpt_type = j->orcpt_type,
			       .orcpt = j->orcpt },
	};

	return remote_deliver(j->jobs->ways.remote, &out, on_remote_end, part);
}

static void start_part(struct part *part, const struct job_request *request)
{
	struct job *j = part->job;
	const struct lmtp_request mailbox = {
		.reverse_path = j->reverse_path,
		.recipient = part->target.address,
		.content_fd = j->fd,
		.content_octets = request->content_octets,
		.is_8bit = request->is_8bit,
	};
	const struct command_request command = {
		.trace = j->trace,
		.alias = part->target.address,
		.reverse_path = j->reverse_path,
		.content_octets = request->content_octets,
		.content_fd = j->fd,
	};

	switch (part->target.kind) {
	case TARGET_MAILBOX:
		part->delivery = lmtp_deliver(j->jobs->ways.pool, &mailbox,
					      !j->is_attempt, on_result, part);
		break;
	case TARGET_COMMAND:
		part->run = commands_run(j->jobs->ways.commands, &command,
					 on_command_end, part);
		break;
	case TARGET_REMOTE:
		part->remote = send_outside(part, request);
		break;
	}
}

static void start_parts(struct job *j, const struct job_request *request)
{
	for (size_t i = 0; i < j->part_count; i++) {
		const struct target *to = &request->targets.items[i];
		struct part *part = &j->parts[i];

		part->job = j;
		part->target = target_copy(*to, j->arena);
		start_part(part, request);
	}
}

static void start(struct jobs *jobs, const struct job_request *request, int fd)
{
	struct job *j = mem_new(sizeof(*j));

	j->jobs = jobs;
	j->from = request->from;
	j->is_attempt = request->is_attempt;
	j->id = request->id;
	j->queue_id = request->queue_id;
	j->fd = fd;
	j->begun_ms = clock_monotonic_ms();
	j->arena = arena_new(JOB_ARENA_OCTETS);
	j->trace = arena_copy(j->arena, request->trace);
	j->reverse_path = arena_copy(j->arena, request->reverse_path);
	j->envid = arena_copy(j->arena, request->envid);
	j->orcpt_type = arena_copy(j->arena, request->orcpt_type);
	j->orcpt = arena_copy(j->arena, request->orcpt);
	j->part_count = j->open_count = request->targets.count;
	j->parts = arena_array(j->arena, j->part_count, sizeof(*j->parts));
	TAILQ_INSERT_TAIL(&jobs->all, j, entry);
	start_parts(j, request);
}

/* Mail for outside comes from the queue, as it may take days. */
static bool is_possible(const struct job_request *request)
{
	for (size_t i = 0; i < request->targets.count; i++)
		if (request->targets.items[i].kind == TARGET_REMOTE &&
		    !request->is_attempt)
			return false;
	return true;
}

/* Whether a queue asks again for what its forerunner could not write down. */
static bool is_answered(struct jobs *jobs, const struct job_request *request)
{
	const struct target *to = request->targets.items;
	struct remote_end end = { 0 };
	const struct outcome *outcome =
		known_find(jobs->known, request->queue_id, *to);

	if (outcome == NULL)
		return false;
	LOG(LOG_INFO, NULL, "was delivered before",
	    log_text("trace", request->trace),
	    log_text("recipient", to->address));
	end.outcome = *outcome;
	job_result_send(request->from, request->is_attempt, request->id, 0,
			&end);
	return true;
}

/* The same for what is still under way: its result goes to who asks now. */
static bool is_adopted(struct jobs *jobs, const struct job_request *request)
{
	struct job *j;

	TAILQ_FOREACH(j, &jobs->all, entry) {
		if (j->from != NULL || !j->is_attempt ||
		    j->queue_id != request->queue_id || j->part_count != 1 ||
		    !target_is_same(j->parts->target, *request->targets.items))
			continue;
		LOG(LOG_INFO, NULL, "is under way already",
		    log_text("trace", request->trace),
		    log_text("recipient", request->targets.items->address));
		j->from = request->from;
		j->id = request->id;
		return true;
	}
	return false;
}

static bool is_old(struct jobs *jobs, const struct job_request *request)
{
	return request->is_attempt && request->targets.count == 1 &&
	       (is_answered(jobs, request) || is_adopted(jobs, request));
}

void jobs_start(struct jobs *jobs, const struct job_request *request, int fd)
{
	size_t count = request->targets.count;

	if (!descriptor_is_fit(fd, request->content_octets)) {
		LOG(LOG_ERROR, NULL, "content that can change was refused",
		    log_string("from", role_name(link_peer(request->from))),
		    log_text("trace", request->trace));
		jobs_refuse(request,
			    outcome_deferred(3, 0, "the content is unusable"));
	} else if (!is_possible(request)) {
		jobs_refuse(request,
			    outcome_deferred(3, 5, "it has to be queued"));
	} else if (lmtp_pool_waiting(jobs->ways.pool) + count >
		   jobs->waiting_max) {
		jobs_refuse(request,
			    outcome_deferred(3, 2, "busy: too many wait"));
	} else if (count > 0 && !is_old(jobs, request)) {
		start(jobs, request, fd);
		return;
	}
	fd_close(&fd);
}

/* --- ends before the end --------------------------------------------------------- */

static bool is_withdrawn(struct part *part)
{
	if (part->delivery != NULL)
		return lmtp_withdraw(&part->delivery);
	return part->run != NULL ? command_withdraw(&part->run)
				 : remote_withdraw(&part->remote);
}

/* Takes back what has not begun. The job may be gone after this. */
static void withdraw(struct job *j)
{
	const struct remote_end cancelled = {
		.outcome = { .kind = OUTCOME_CANCELLED },
	};
	size_t open = j->open_count;

	for (size_t i = 0; open > 0 && i < j->part_count; i++) {
		struct part *part = &j->parts[i];

		if (part->delivery == NULL && part->run == NULL &&
		    part->remote == NULL)
			continue;
		open--;
		if (is_withdrawn(part))
			end_part(part, &cancelled);
	}
}

void jobs_cancel(struct jobs *jobs, const struct link *from, uint64_t id)
{
	struct job *j;

	TAILQ_FOREACH(j, &jobs->all, entry) {
		if (j->from == from && !j->is_attempt && j->id == id) {
			withdraw(j);
			return;
		}
	}
}

void jobs_use_queue(struct jobs *jobs, struct link *queue)
{
	known_tell(jobs->known, queue);
}

void jobs_forget(struct jobs *jobs, const struct link *gone)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE(j, &jobs->all, entry, next) {
		if (j->from != gone)
			continue;
		j->from = NULL;
		withdraw(j);
	}
}
