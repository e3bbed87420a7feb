#include "deliver/commands.h"

#include "base/list.h"
#include "base/mem.h"
#include "deliver/outcome.h"

TAILQ_HEAD(command_list, command_run);

struct command_run {
	TAILQ_ENTRY(command_run) entry;
	struct command_list *list; /* where entry is */
	struct commands *commands;
	struct command_request request;
	uint64_t id;         /* of COMMAND; 0 until it is sent */
	struct event *event; /* the time-out; or the end, in the next turn */
	struct outcome end;
	command_on_end *done;
	void *arg;
};

struct commands {
	struct event_base *base;
	struct link *hook; /* NULL while it is away */
	uint64_t last_id;
	struct command_list waiting;
	struct command_list running;
	struct command_list ending; /* the end is known */
	unsigned waiting_count;
	unsigned running_count;
};

static unsigned *count_of(struct command_list *list, struct commands *c)
{
	if (list == &c->waiting)
		return &c->waiting_count;
	return list == &c->running ? &c->running_count : NULL;
}

static void put_on(struct command_run *run, struct command_list *list)
{
	struct commands *c = run->commands;
	unsigned *count;

	if (run->list != NULL) {
		TAILQ_REMOVE(run->list, run, entry);
		count = count_of(run->list, c);
		if (count != NULL)
			--*count;
	}
	run->list = list;
	if (list == NULL)
		return;
	TAILQ_INSERT_TAIL(list, run, entry);
	count = count_of(list, c);
	if (count != NULL)
		++*count;
}

static void run_free(struct command_run **run)
{
	put_on(*run, NULL);
	event_free((*run)->event);
	mem_free(run);
}

static void end_later(struct command_run *run, struct outcome end)
{
	put_on(run, &run->commands->ending);
	(void)event_del(run->event);
	run->end = end;
	event_active(run->event, EV_TIMEOUT, 0);
}

static struct outcome uncertain(const char *text)
{
	return (struct outcome){ .kind = OUTCOME_UNCERTAIN,
				 .status = { 4, 3, 0 },
				 .text = slice_of(text) };
}

static void begin(struct commands *c, struct command_run *run)
{
	static const struct timeval patience = {
		.tv_sec = COMMANDS_ANSWER_MS / 1000,
	};
	const struct command_request *request = &run->request;
	struct message m = { .type = MESSAGE_COMMAND, .fd = -1 };

	put_on(run, &c->running);
	run->id = ++c->last_id;
	m.command = (struct msg_command){
		.id = run->id,
		.trace = request->trace,
		.alias = request->alias,
		.reverse_path = request->reverse_path,
		.content_octets = request->content_octets,
	};
	(void)event_add(run->event, &patience);
	link_send(c->hook, &m, request->content_fd);
}

/* Begins what may, and ends what nobody will begin. */
static void go_on(struct commands *c)
{
	struct command_run *run;

	while ((run = TAILQ_FIRST(&c->waiting)) != NULL) {
		if (c->hook == NULL)
			end_later(run,
				  outcome_deferred(3, 0,
						   "it cannot be handled now"));
		else if (c->running_count < COMMANDS_RUNNING_MAX)
			begin(c, run);
		else
			break;
	}
}

/* The last of a run: the next one may begin before its owner acts on it. */
static void end(struct command_run *run, const struct outcome *outcome)
{
	struct commands *c = run->commands;
	command_on_end *done = run->done;
	void *arg = run->arg;

	run_free(&run);
	go_on(c);
	done(outcome, arg);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct command_run *run = arg;
	struct outcome outcome = run->end;

	(void)fd;
	(void)what;
	if (run->list == &run->commands->running)
		outcome = uncertain("no answer in time");
	end(run, &outcome);
}

struct command_run *commands_run(struct commands *commands,
				 const struct command_request *request,
				 command_on_end *done, void *arg)
{
	struct command_run *run = mem_new(sizeof(*run));

	run->commands = commands;
	run->request = *request;
	run->done = done;
	run->arg = arg;
	run->event = evtimer_new(commands->base, on_event, run);
	if (commands->waiting_count >= COMMANDS_WAITING_MAX) {
		end_later(run, outcome_deferred(3, 2, "busy: too many wait"));
		return run;
	}
	put_on(run, &commands->waiting);
	go_on(commands);
	return run;
}

bool command_withdraw(struct command_run **run)
{
	if ((*run)->list != &(*run)->commands->waiting)
		return false;
	run_free(run);
	return true;
}

void commands_on_result(struct commands *commands,
			const struct msg_command_result *m)
{
	struct command_run *run;

	TAILQ_FOREACH(run, &commands->running, entry) {
		if (run->id != m->id)
			continue;
		end(run, &m->outcome);
		return;
	}
}

void commands_use_hook(struct commands *commands, struct link *hook)
{
	struct command_run *run;

	commands->hook = hook;
	while ((run = TAILQ_FIRST(&commands->running)) != NULL)
		end_later(run, uncertain("the process that handles it ended"));
	go_on(commands);
}

struct commands *commands_new(struct event_base *base)
{
	struct commands *commands = mem_new(sizeof(*commands));

	commands->base = base;
	TAILQ_INIT(&commands->waiting);
	TAILQ_INIT(&commands->running);
	TAILQ_INIT(&commands->ending);
	return commands;
}

static void free_all(struct command_list *list)
{
	struct command_run *run;

	while ((run = TAILQ_FIRST(list)) != NULL)
		run_free(&run);
}

void commands_free(struct commands **commands)
{
	struct commands *c = *commands;

	if (c == NULL)
		return;
	free_all(&c->waiting);
	free_all(&c->running);
	free_all(&c->ending);
	mem_free(commands);
}
