/* Birth, links and end of the roles' processes. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "parent/parent-private.h"
#include "proc/census.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STABLE_MS = 10000, /* who lived so long starts again at once */
	BACKOFF_FIRST_MS = 100,
	BACKOFF_LONGEST_MS = 10000,
};

/* Who is joined with whom: design section 3. */
static const enum role joined[][2] = {
	{ ROLE_RECEIVE, ROLE_QUEUE },   { ROLE_RECEIVE, ROLE_DELIVER },
	{ ROLE_DELIVER, ROLE_QUEUE },   { ROLE_CONTROL, ROLE_QUEUE },
	{ ROLE_CONTROL, ROLE_RECEIVE }, { ROLE_RECEIVE, ROLE_HOOK },
	{ ROLE_DELIVER, ROLE_HOOK },    { ROLE_DELIVER, ROLE_LOOKUP },
	{ ROLE_CONTROL, ROLE_LOOKUP },  { ROLE_RECEIVE, ROLE_VERIFY },
	{ ROLE_LOOKUP, ROLE_QUEUE },    { ROLE_RECEIVE, ROLE_KEYRING },
	{ ROLE_QUEUE, ROLE_KEYRING },
};

static bool are_joined(enum role a, enum role b)
{
	for (size_t i = 0; i < sizeof(joined) / sizeof(joined[0]); i++)
		if ((joined[i][0] == a && joined[i][1] == b) ||
		    (joined[i][0] == b && joined[i][1] == a))
			return true;
	return false;
}

static int make_pair(int fds[2])
{
	return socketpair(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

/* --- links ------------------------------------------------------------------------ */

static void send_peer(struct child *to, const struct child *peer, int fd,
		      bool is_waiting)
{
	struct message m = { .type = MESSAGE_PEER,
			     .peer = { .role = peer->role,
				       .index = peer->index } };

	if (is_waiting)
		m = (struct message){ .type = MESSAGE_WAITING_LINK,
				      .waiting_link = { .role = peer->role,
							.index =
								peer->index } };
	link_send(to->link, &m, fd);
}

static void join(struct child *a, struct child *b, bool is_waiting)
{
	int fds[2];

	if (make_pair(fds) < 0) {
		LOG(LOG_ERROR, NULL, "cannot join two roles",
		    log_string("error", strerror(errno)));
		return;
	}
	send_peer(a, b, fds[0], is_waiting);
	send_peer(b, a, fds[1], is_waiting);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

/* A handshake goes on when it is signed, and nothing else meanwhile. */
static bool waits(const struct child *a, const struct child *b)
{
	return a->role == ROLE_RECEIVE && b->role == ROLE_KEYRING;
}

static void join_with_all(struct child *c)
{
	for (size_t i = 0; i < c->parent->child_count; i++) {
		struct child *other = &c->parent->children[i];

		if (other->link == NULL || !are_joined(c->role, other->role))
			continue;
		join(c, other, false);
		if (waits(c, other) || waits(other, c))
			join(c, other, true);
	}
}

/* A role says that a peer broke the rules: believed only of its own peers. */
static void restart_misbehaved(struct child *by, const struct msg_misbehaved *m)
{
	for (size_t i = 0; i < by->parent->child_count; i++) {
		struct child *c = &by->parent->children[i];

		if (c->role == m->role && c->index == m->index && c->pid > 0 &&
		    are_joined(by->role, c->role))
			(void)kill(c->pid, SIGKILL);
	}
}

static void reload_for(struct child *c, uint64_t id)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	struct message m = { .type = MESSAGE_RELOADED,
			     .reloaded = { .id = id } };
	struct slice *lines;
	size_t n;

	generation_reload(c->parent, errors);
	n = conf_errors_lines(errors);
	n = n < WIRE_LIST ? n : WIRE_LIST;
	lines = mem_array(n, sizeof(*lines));
	for (size_t i = 0; i < n; i++)
		lines[i] = slice_of(conf_errors_line(errors, i));
	m.reloaded.lines = (struct slices){ lines, n };
	m.reloaded.is_taken = conf_errors_count(errors) == 0;
	link_send(c->link, &m, -1);
	mem_free(&lines);
}

static void on_message(struct link *link, struct message *m, void *arg)
{
	struct child *c = arg;

	(void)link;
	switch ((int)m->type) {
	case MESSAGE_READY:
		c->is_ready = true;
		parent_on_ready(c->parent);
		break;
	case MESSAGE_SOCKET_WANTED:
		connect_for(c, &m->socket_wanted);
		break;
	case MESSAGE_MISBEHAVED:
		restart_misbehaved(c, &m->misbehaved);
		break;
	case MESSAGE_RELOAD:
		reload_for(c, m->reload.id);
		break;
	default: /* messages.def lets nothing else come */
		break;
	}
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	struct child *c = arg;

	(void)link;
	if (end == LINK_MISBEHAVED)
		LOG(LOG_ERROR, NULL, "role broke the rules of its link",
		    log_string("role", role_name(c->role)),
		    log_number("index", c->index));
	/* It is dead or has to be; SIGCHLD tells when. */
	if (c->pid > 0 && !c->is_draining)
		(void)kill(c->pid, SIGKILL);
	link_free(&c->link);
}

/* --- birth -------------------------------------------------------------------------- */

static void send_census(struct child *c)
{
	struct message m = { .type = MESSAGE_CENSUS };

	m.census.rows = c->parent->workers;
	m.census.row = c->index;
	m.census.hash_key = c->parent->census_key;
	link_send(c->link, &m, c->parent->census_fd);
}

static void introduce(struct child *c)
{
	struct message start = { .type = MESSAGE_START };

	generation_send(c->parent, c);
	if (c->role == ROLE_RECEIVE)
		send_census(c);
	join_with_all(c);
	link_send(c->link, &start, -1);
}

static void spawn(struct child *c)
{
	int fds[2];

	if (make_pair(fds) < 0) {
		LOG(LOG_ERROR, NULL, "cannot make a role's link",
		    log_string("error", strerror(errno)));
		return;
	}
	c->pid = fork();
	if (c->pid == 0)
		exec_role(c, fds[1]);
	fd_close(&fds[1]);
	if (c->pid < 0) {
		LOG(LOG_ERROR, NULL, "cannot fork",
		    log_string("error", strerror(errno)));
		c->pid = 0;
		fd_close(&fds[0]);
		return;
	}
	c->is_ready = false;
	c->born_ms = clock_monotonic_ms();
	c->link = link_new(c->parent->base, fds[0], ROLE_PARENT, c->role,
			   c->index, on_message, on_closed, c);
	introduce(c);
}

static unsigned backoff_ms(const struct child *c)
{
	unsigned ms = c->failures == 0 ? 0 : BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < c->failures && ms < BACKOFF_LONGEST_MS; i++)
		ms *= 2;
	return ms < BACKOFF_LONGEST_MS ? ms : BACKOFF_LONGEST_MS;
}

static void schedule(struct child *c)
{
	unsigned ms = backoff_ms(c);

	(void)event_add(c->on_restart,
			&(struct timeval){ .tv_sec = ms / 1000,
					   .tv_usec = ms % 1000 * 1000L });
}

static void on_restart(int fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (c->parent->phase != PHASE_RUN)
		return;
	spawn(c);
	if (c->pid == 0) {
		c->failures++;
		schedule(c);
	}
}

static void add(struct parent *p, enum role role, unsigned index)
{
	struct child *c = &p->children[p->child_count++];

	c->parent = p;
	c->role = role;
	c->index = index;
	c->on_restart = evtimer_new(p->base, on_restart, c);
	assert(c->on_restart != NULL);
}

void children_start(struct parent *p)
{
	p->children = mem_array(p->workers + 7, sizeof(*p->children));
	/* Before those that ask it. */
	add(p, ROLE_KEYRING, 0);
	add(p, ROLE_QUEUE, 0);
	add(p, ROLE_DELIVER, 0);
	add(p, ROLE_CONTROL, 0);
	add(p, ROLE_HOOK, 0);
	add(p, ROLE_LOOKUP, 0);
	add(p, ROLE_VERIFY, 0);
	for (unsigned i = 0; i < p->workers; i++)
		add(p, ROLE_RECEIVE, i);
	for (size_t i = 0; i < p->child_count; i++)
		on_restart(-1, 0, &p->children[i]);
}

/* --- end ------------------------------------------------------------------------------ */

static void log_end(const struct child *c, int status)
{
	bool is_normal =
		c->is_draining && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	LOG(is_normal ? LOG_DEBUG : LOG_ERROR, NULL, "role ended",
	    log_string("role", role_name(c->role)),
	    log_number("index", c->index), log_number("pid", (uint64_t)c->pid),
	    WIFSIGNALED(status)
		    ? log_number("signal", (uint64_t)WTERMSIG(status))
		    : log_number("status", (uint64_t)WEXITSTATUS(status)));
}

static void on_child_end(struct child *c, int status)
{
	struct parent *p = c->parent;

	log_end(c, status);
	c->pid = 0;
	c->is_ready = false;
	link_free(&c->link);
	if (c->role == ROLE_RECEIVE)
		census_clear_row(p->census_fd, p->workers, c->index);
	if (clock_monotonic_ms() - c->born_ms > STABLE_MS)
		c->failures = 0;
	if (p->phase == PHASE_RUN)
		schedule(c);
	c->failures++;
	parent_on_child_end(p);
}

void children_reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (hosts_reap(p->hosts, pid))
			continue;
		for (size_t i = 0; i < p->child_count; i++)
			if (p->children[i].pid == pid)
				on_child_end(&p->children[i], status);
	}
}

size_t children_drain(struct parent *p, enum role role, unsigned timeout_ms)
{
	struct message m = { .type = MESSAGE_DRAIN,
			     .drain = { .timeout_ms = timeout_ms } };
	size_t count = 0;

	for (size_t i = 0; i < p->child_count; i++) {
		struct child *c = &p->children[i];

		if (c->role != role || c->pid == 0)
			continue;
		count++;
		c->is_draining = true;
		if (c->link != NULL)
			link_send(c->link, &m, -1);
	}
	return count;
}

size_t children_alive(const struct parent *p)
{
	size_t count = 0;

	for (size_t i = 0; i < p->child_count; i++)
		count += p->children[i].pid > 0;
	return count;
}

void children_kill(struct parent *p)
{
	for (size_t i = 0; i < p->child_count; i++)
		if (p->children[i].pid > 0)
			(void)kill(p->children[i].pid, SIGKILL);
}

bool children_are_ready(const struct parent *p)
{
	for (size_t i = 0; i < p->child_count; i++)
		if (!p->children[i].is_ready)
			return false;
	return true;
}

void children_free(struct parent *p)
{
	for (size_t i = 0; i < p->child_count; i++) {
		link_free(&p->children[i].link);
		event_free(p->children[i].on_restart);
	}
	mem_free(&p->children);
	p->child_count = 0;
}
