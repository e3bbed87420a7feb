#include "hook/errands.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/command.h"
#include "hook/environment.h"
#include "hook/output.h"
#include "hook/program.h"

#include <string.h>

enum {
	POST_DATA_MS = 60000,
	ALIAS_RESOLVE_MS = 5000,
	COMMAND_MS = 30000,
	/* Of each kind, so that none waits for slow ones of another. */
	RUNNING_MAX = 20,
	WAITING_MAX = 500, /* each holds a descriptor */
	/* A tripwire: a message has WIRE_OCTETS at most, output is bounded. */
	ERRAND_OCTETS = 4 * WIRE_OCTETS,
};

struct errand {
	TAILQ_ENTRY(errand) entry;
	struct errands *errands;
	struct arena *arena;
	struct link *from;
	enum message_type type;
	uint64_t id;
	struct program *program;
	/* COMMAND, while alias-resolve is asked for it: */
	struct msg_command command;
	int content_fd;
};

struct errands {
	struct programs *post_data, *alias_resolve, *command;
	struct catalog *catalog;
	TAILQ_HEAD(, errand) all;
};

struct errands *errands_new(struct event_base *base)
{
	struct errands *errands = mem_new(sizeof(*errands));

	errands->post_data = programs_new(base, RUNNING_MAX, WAITING_MAX);
	errands->alias_resolve = programs_new(base, RUNNING_MAX, WAITING_MAX);
	errands->command = programs_new(base, RUNNING_MAX, WAITING_MAX);
	errands->catalog = catalog_new();
	TAILQ_INIT(&errands->all);
	return errands;
}

/* Its program, if there is one still, is killed. */
static void errand_free(struct errand **errand)
{
	struct errand *e = *errand;

	program_cancel(&e->program);
	TAILQ_REMOVE(&e->errands->all, e, entry);
	fd_close(&e->content_fd);
	arena_free(&e->arena);
	mem_free(errand);
}

void errands_free(struct errands **errands)
{
	struct errand *e;

	if (*errands == NULL)
		return;
	while ((e = TAILQ_FIRST(&(*errands)->all)) != NULL)
		errand_free(&e);
	programs_free(&(*errands)->post_data);
	programs_free(&(*errands)->alias_resolve);
	programs_free(&(*errands)->command);
	catalog_free(&(*errands)->catalog);
	mem_free(errands);
}

void errands_use(struct errands *errands, struct catalog **catalog)
{
	catalog_free(&errands->catalog);
	errands->catalog = *catalog;
	*catalog = NULL;
}

static struct errand *errand_new(struct errands *errands, struct link *from,
				 enum message_type type, uint64_t id)
{
	struct errand *e = mem_new(sizeof(*e));

	e->errands = errands;
	e->arena = arena_new(ERRAND_OCTETS);
	e->from = from;
	e->type = type;
	e->id = id;
	e->content_fd = -1;
	TAILQ_INSERT_TAIL(&errands->all, e, entry);
	return e;
}

/* What the others say of a program that none runs for. */
static const char too_many[] = "too many programs wait";

static struct slice directory_of(const struct errand *e)
{
	return slice_of(catalog_directory(e->errands->catalog));
}

/* --- post-data ----------------------------------------------------------------------- */

static void answer_post_data(struct errand *e,
			     struct msg_post_data_result *result)
{
	struct message m = { .type = MESSAGE_POST_DATA_RESULT,
			     .post_data_result = *result };

	m.post_data_result.id = e->id;
	link_send(e->from, &m, -1);
	errand_free(&e);
}

static void on_post_data(const struct program_result *result, void *arg)
{
	struct errand *e = arg;
	struct msg_post_data_result r = { .result = HOOK_TRY_LATER };

	e->program = NULL;
	if (result->end == PROGRAM_EXITED)
		output_judge_post_data(result->number, result->output, e->arena,
				       &r);
	else
		r.problem = program_problem(result, e->arena);
	answer_post_data(e, &r);
}

static void start_post_data(struct errands *errands, struct link *from,
			    const struct message *m)
{
	const struct msg_post_data *in = &m->post_data;
	struct errand *e = errand_new(errands, from, m->type, in->id);
	const char *path = catalog_post_data(errands->catalog);
	const struct program_request request = {
		.path = path,
		.argv = (const char *const[]){ path, NULL },
		.environment =
			environment_post_data(directory_of(e), in, e->arena),
		.directory = catalog_directory(errands->catalog),
		.input_fd = m->fd,
		.input_octets = in->content_octets,
		.timeout_ms = POST_DATA_MS,
		.trace = in->trace,
	};
	struct msg_post_data_result busy = { .result = HOOK_TRY_LATER,
					     .problem = slice_of(too_many) };

	if (m->fd >= 0) /* else it got lost on its way: link.h */
		e->program = program_start(errands->post_data, &request,
					   on_post_data, e);
	if (e->program == NULL)
		answer_post_data(e, &busy);
}

/* --- alias-resolve ---------------------------------------------------------------------- */

static struct program *resolve(struct errand *e, struct slice address,
			       struct slice trace, program_on_end *done)
{
	const char *path = catalog_alias_resolve(e->errands->catalog);
	const struct program_request request = {
		.path = path,
		.argv = (const char *const[]){ path,
					       arena_string(e->arena, address),
					       NULL },
		.environment = environment_plain(directory_of(e), e->arena),
		.directory = catalog_directory(e->errands->catalog),
		.input_fd = -1,
		.timeout_ms = ALIAS_RESOLVE_MS,
		.trace = trace,
	};

	if (slice_has_control(address))
		return NULL;
	return program_start(e->errands->alias_resolve, &request, done, e);
}

/* Why there is no answer; empty when there is one. */
static struct slice resolve_problem(const struct program_result *result,
				    struct arena *arena)
{
	if (result->end == PROGRAM_EXITED && result->number != 0)
		return arena_format(arena, "exit status %d", result->number);
	return program_problem(result, arena);
}

static void answer_alias(struct errand *e, struct slice targets,
			 struct slice problem)
{
	const struct message m = {
		.type = MESSAGE_ALIAS_RESOLVED,
		.alias_resolved = { .id = e->id,
				    .is_answered = problem.n == 0,
				    .targets = targets,
				    .problem = problem },
	};

	link_send(e->from, &m, -1);
	errand_free(&e);
}

static void on_alias(const struct program_result *result, void *arg)
{
	struct errand *e = arg;

	e->program = NULL;
	answer_alias(e, output_targets(result->output),
		     resolve_problem(result, e->arena));
}

static void start_alias(struct errands *errands, struct link *from,
			const struct message *m)
{
	struct errand *e =
		errand_new(errands, from, m->type, m->alias_resolve.id);

	e->program = resolve(e, m->alias_resolve.address, S(""), on_alias);
	if (e->program == NULL)
		answer_alias(e, S(""), slice_of(too_many));
}

/* --- commands --------------------------------------------------------------------------- */

static void answer_command(struct errand *e, struct outcome outcome)
{
	const struct message m = {
		.type = MESSAGE_COMMAND_RESULT,
		.command_result = { .id = e->id, .outcome = outcome },
	};

	link_send(e->from, &m, -1);
	errand_free(&e);
}

static void log_problem(const struct errand *e, struct slice problem)
{
	const struct log_ctx ctx = { .key = "trace",
				     .value = e->command.trace };

	if (problem.n > 0)
		LOG(LOG_WARNING, &ctx, "alias's command failed",
		    log_text("alias", e->command.alias),
		    log_text("problem", problem));
}

static void on_command(const struct program_result *result, void *arg)
{
	struct errand *e = arg;

	e->program = NULL;
	log_problem(e, program_problem(result, e->arena));
	answer_command(e, command_outcome(result, e->arena));
}

static void run_command(struct errand *e, struct slice command)
{
	struct program_request request = {
		.environment = environment_command(directory_of(e), &e->command,
						   e->arena),
		.directory = catalog_directory(e->errands->catalog),
		.input_fd = e->content_fd,
		.input_octets = e->command.content_octets,
		.timeout_ms = COMMAND_MS,
		.keeps_tail = true,
		.trace = e->command.trace,
	};

	if (command_split(command, e->arena, &request.argv))
		request.path = command_find(request.argv[0], e->arena);
	if (request.path == NULL) {
		log_problem(e, S("there is no such program"));
		answer_command(e,
			       command_deferred("The command cannot be run"));
		return;
	}
	e->program =
		program_start(e->errands->command, &request, on_command, e);
	if (e->program == NULL)
		answer_command(e, command_deferred("Too many commands wait"));
}

static void on_command_resolved(const struct program_result *result, void *arg)
{
	struct errand *e = arg;
	struct slice problem = resolve_problem(result, e->arena);
	struct slice command =
		arena_copy(e->arena, command_of_targets(result->output));

	e->program = NULL;
	if (problem.n == 0 && command.n == 0)
		problem = S("the alias has no command any more");
	if (problem.n == 0) {
		run_command(e, command);
		return;
	}
	log_problem(e, problem);
	answer_command(e, command_deferred("The command is not known now"));
}

static void start_command(struct errands *errands, struct link *from,
			  struct message *m)
{
	struct errand *e = errand_new(errands, from, m->type, m->command.id);
	struct slice command =
		catalog_command(errands->catalog, m->command.alias);

	e->command = m->command;
	e->command.alias = arena_copy(e->arena, m->command.alias);
	e->command.trace = arena_copy(e->arena, m->command.trace);
	e->command.reverse_path = arena_copy(e->arena, m->command.reverse_path);
	e->content_fd = message_take_fd(m);
	if (e->content_fd < 0) {
		answer_command(e, command_deferred("Too many files are open"));
	} else if (command.n > 0) {
		run_command(e, command);
	} else if (catalog_has_alias_resolve(errands->catalog)) {
		e->program = resolve(e, e->command.alias, e->command.trace,
				     on_command_resolved);
		if (e->program == NULL)
			answer_command(
				e, command_deferred("Too many commands wait"));
	} else {
		log_problem(e, S("the alias has no command any more"));
		answer_command(
			e, command_deferred("The command is not known now"));
	}
}

/* --- peers -------------------------------------------------------------------------------- */

static void cancel(struct errands *errands, const struct link *from,
		   uint64_t id)
{
	struct errand *e;

	TAILQ_FOREACH(e, &errands->all, entry) {
		if (e->from == from && e->id == id) {
			errand_free(&e);
			return;
		}
	}
}

void errands_on_message(struct errands *errands, struct link *from,
			struct message *m)
{
	if (m->type == MESSAGE_POST_DATA)
		start_post_data(errands, from, m);
	else if (m->type == MESSAGE_ALIAS_RESOLVE)
		start_alias(errands, from, m);
	else if (m->type == MESSAGE_COMMAND)
		start_command(errands, from, m);
	else if (m->type == MESSAGE_HOOK_CANCEL)
		cancel(errands, from, m->hook_cancel.id);
}

void errands_forget(struct errands *errands, const struct link *gone)
{
	struct errand *e, *next;

	TAILQ_FOREACH_SAFE(e, &errands->all, entry, next)
		if (e->from == gone)
			errand_free(&e);
}
