#include "parent/parent.h"

#include "base/log.h"
#include "base/mem.h"
#include "parent/parent-private.h"
#include "proc/census.h"
#include "proc/wiping.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOK_S = 2,               /* between two looks at the files */
	LOCKED_OCTETS = 80 << 20, /* more than `keyring` locks */
	DRAIN_MS = 10000,         /* for open sessions */
	DRAIN_REST_MS = 5000,     /* for what LMTP has in hand */
	DRAIN_GRACE_MS = 1000,    /* then SIGKILL */
	LOOK_UP_MS = 5000,        /* for a filter's host */
	LOCK_STEP_MS = 20,        /* waiting for a server that ends */
	LOCK_STEPS = 100,
};

/* --- start ---------------------------------------------------------------------------- */

static bool fail(const char *what, const char *which, int error)
{
	LOG(LOG_ERROR, NULL, what, log_string("path", which),
	    log_string("error", strerror(error)));
	return false;
}

static bool make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return fail("cannot make a directory", path, errno);
	if (stat(path, &st) < 0)
		return fail("cannot use a directory", path, errno);
	if (!S_ISDIR(st.st_mode))
		return fail("cannot use a directory", path, ENOTDIR);
	/* What was there may have been open to others. */
	if ((st.st_mode & 07777 & ~mode) != 0 &&
	    chmod(path, st.st_mode & mode) < 0)
		return fail("cannot close a directory to others", path, errno);
	if (geteuid() == 0 && chown(path, uid, gid) < 0)
		return fail("cannot give a directory away", path, errno);
	return true;
}

/* One server a queue. The one before may just be ending. */
static bool lock_state(struct parent *p)
{
	const struct timespec moment = { .tv_nsec = LOCK_STEP_MS * 1000000L };
	const char *path = p->tree->conf->state_dir;

	p->lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->lock_fd < 0)
		return fail("cannot use a directory", path, errno);
	for (int i = 0; flock(p->lock_fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_STEPS)
			return fail("another culverd uses this directory", path,
				    errno);
		(void)nanosleep(&moment, NULL);
	}
	return true;
}

static bool open_control(struct parent *p)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	const char *path =
		arena_format(a, "%s/control.sock", p->tree->conf->run_dir).p;
	gid_t gid = users_gid(&p->users, ROLE_CONTROL);

	p->control_fd = listeners_open_unix(path, 0660);
	if (p->control_fd < 0)
		return fail("cannot listen", path, -p->control_fd);
	if (p->users.is_root && chown(path, 0, gid) < 0)
		return fail("cannot give a socket away", path, errno);
	return true;
}

/* Every user of this machine reaches it; the kernel says who it is. */
static bool open_submit(struct parent *p)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	const char *path =
		arena_format(a, "%s/submit.sock", p->tree->conf->run_dir).p;

	p->submit_fd = listeners_open_unix(path, 0666);
	return p->submit_fd >= 0 || fail("cannot listen", path, -p->submit_fd);
}

static bool prepare(struct parent *p)
{
	const struct conf *conf = p->tree->conf;
	const struct users *u = &p->users;
	int r;

	if (!make_dir(conf->state_dir, 0700, users_uid(u, ROLE_QUEUE),
		      users_gid(u, ROLE_QUEUE)) ||
	    !make_dir(conf->run_dir, 0755, geteuid(), getegid()) ||
	    !lock_state(p) || !open_control(p) || !open_submit(p))
		return false;
	p->workers = (unsigned)conf->workers;
	if (getrandom(&p->census_key, sizeof(p->census_key), 0) < 0)
		return fail("no random octets", "", errno);
	r = census_create(p->workers, &p->census_fd);
	if (r < 0)
		return fail("cannot make the census", "", -r);
	p->self_exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (p->self_exe < 0)
		return fail("cannot find the program", "/proc/self/exe", errno);
	return true;
}

/* Sessions are descriptors: as many as the system grants. Keys are locked in
 * memory, if we may raise that. */
static void raise_limits(void)
{
	const struct rlimit locked = { LOCKED_OCTETS, LOCKED_OCTETS };
	struct rlimit l;

	(void)setrlimit(RLIMIT_MEMLOCK, &locked);
	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

/* --- running ---------------------------------------------------------------------------- */

void parent_on_ready(struct parent *p)
{
	char status[96];

	if (p->was_ready || !children_are_ready(p))
		return;
	p->was_ready = true;
	(void)snprintf(status, sizeof(status), "READY=1\nSTATUS=%zu domains",
		       p->tree->domain_count);
	notify_send(p->notify, status);
	LOG(LOG_INFO, NULL, "ready",
	    log_string("hostname", p->tree->conf->hostname),
	    log_number("domains", p->tree->domain_count),
	    log_number("certificates", p->tree->certificate_count),
	    log_number("workers", p->workers));
}

static void on_look(int fd, short what, void *arg)
{
	struct parent *p = arg;

	(void)fd;
	(void)what;
	if (p->phase != PHASE_RUN)
		return;
	generation_look(p);
	keys_check_dates(p);
}

static void on_hup(int fd, short what, void *arg)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	struct parent *p = arg;

	(void)fd;
	(void)what;
	if (p->phase == PHASE_RUN)
		generation_reload(p, errors);
}

static void on_chld(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	children_reap(arg);
}

/* --- the end ------------------------------------------------------------------------------ */

static void wait_for_drain(struct parent *p, unsigned ms)
{
	ms += DRAIN_GRACE_MS;
	(void)event_add(p->on_drained,
			&(struct timeval){ .tv_sec = ms / 1000,
					   .tv_usec = ms % 1000 * 1000L });
}

static size_t alive(const struct parent *p, enum role role)
{
	size_t count = 0;

	for (size_t i = 0; i < p->child_count; i++)
		count += p->children[i].role == role && p->children[i].pid > 0;
	return count;
}

/* Clients first, then what serves them. */
static void drain(struct parent *p)
{
	if (p->phase == PHASE_DRAIN_RECEIVE && alive(p, ROLE_RECEIVE) == 0) {
		p->phase = PHASE_DRAIN_REST;
		(void)children_drain(p, ROLE_DELIVER, DRAIN_REST_MS);
		(void)children_drain(p, ROLE_CONTROL, 0);
		(void)children_drain(p, ROLE_VERIFY, 0);
		wait_for_drain(p, DRAIN_REST_MS);
	}
	/* The queue goes last: the others still have results for it. Nobody
	 * waits for a program or for DNS any more. */
	if (p->phase == PHASE_DRAIN_REST && alive(p, ROLE_DELIVER) == 0) {
		(void)children_drain(p, ROLE_QUEUE, DRAIN_REST_MS);
		(void)children_drain(p, ROLE_HOOK, 0);
		(void)children_drain(p, ROLE_LOOKUP, 0);
		(void)children_drain(p, ROLE_KEYRING, 0);
	}
	if (children_alive(p) == 0)
		(void)event_base_loopbreak(p->base);
}

void parent_on_child_end(struct parent *p)
{
	if (p->phase != PHASE_RUN)
		drain(p);
}

static void on_term(int fd, short what, void *arg)
{
	struct parent *p = arg;

	(void)fd;
	(void)what;
	if (p->phase != PHASE_RUN) { /* asked twice */
		children_kill(p);
		return;
	}
	log_plain(LOG_INFO, NULL, "stopping");
	notify_send(p->notify, "STOPPING=1");
	p->phase = PHASE_DRAIN_RECEIVE;
	(void)children_drain(p, ROLE_RECEIVE, DRAIN_MS);
	wait_for_drain(p, DRAIN_MS);
	drain(p);
}

static void on_drained(int fd, short what, void *arg)
{
	struct parent *p = arg;

	(void)fd;
	(void)what;
	log_plain(LOG_WARNING, NULL, "roles did not end in time");
	for (size_t i = 0; i < p->child_count; i++)
		if (p->children[i].pid > 0 &&
		    (p->phase == PHASE_DRAIN_REST ||
		     p->children[i].role == ROLE_RECEIVE))
			(void)kill(p->children[i].pid, SIGKILL);
}

/* --- life --------------------------------------------------------------------------------- */

static struct event *watch_signal(struct parent *p, int number,
				  event_callback_fn fn)
{
	struct event *e = evsignal_new(p->base, number, fn, p);

	assert(e != NULL);
	(void)event_add(e, NULL);
	return e;
}

static void watch(struct parent *p)
{
	(void)signal(SIGPIPE, SIG_IGN);
	p->on_term = watch_signal(p, SIGTERM, on_term);
	p->on_int = watch_signal(p, SIGINT, on_term);
	p->on_hup = watch_signal(p, SIGHUP, on_hup);
	p->on_chld = watch_signal(p, SIGCHLD, on_chld);
	p->on_look = event_new(p->base, -1, EV_PERSIST, on_look, p);
	p->on_drained = evtimer_new(p->base, on_drained, p);
	assert(p->on_look != NULL && p->on_drained != NULL);
	(void)event_add(p->on_look, &(struct timeval){ .tv_sec = LOOK_S });
}

static void unwatch(struct parent *p)
{
	struct event *events[] = { p->on_term, p->on_int,  p->on_hup,
				   p->on_chld, p->on_look, p->on_drained };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i] != NULL)
			event_free(events[i]);
}

/* Leaves the terminal; what can go wrong early has been said there. */
static bool detach(const struct parent *p)
{
	if (p->options->is_foreground)
		return true;
	if (daemon(0, 0) < 0)
		return fail("cannot detach", "", errno);
	return true;
}

static int run(struct parent *p)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	const char *problem = users_find(&p->users);

	if (problem != NULL) {
		log_plain(LOG_ERROR, NULL, problem);
		return 1;
	}
	raise_limits();
	if (!generation_load(p, errors) || !prepare(p) || !detach(p))
		return 1;
	if (privileges_limit() < 0)
		(void)fail("cannot give up capabilities", "", errno);
	p->base = event_base_new();
	assert(p->base != NULL);
	p->notify = notify_new(p->base);
	watch(p);
	p->hosts = hosts_new(p->base, LOOK_UP_MS, exec_look_up, p);
	children_start(p);
	(void)event_base_dispatch(p->base);
	log_plain(LOG_INFO, NULL, "stopped");
	return 0;
}

int parent_main(const struct parent_options *options)
{
	struct parent p = { .options = options,
			    .listeners = listeners_new(),
			    .self_exe = -1,
			    .lock_fd = -1,
			    .control_fd = -1,
			    .submit_fd = -1,
			    .census_fd = -1 };
	int status;

	wiping_start();
	status = run(&p);

	children_free(&p);
	hosts_free(&p.hosts);
	unwatch(&p);
	notify_free(&p.notify);
	listeners_free(&p.listeners);
	tree_free(&p.tree);
	fd_close(&p.lock_fd);
	fd_close(&p.control_fd);
	fd_close(&p.submit_fd);
	fd_close(&p.census_fd);
	fd_close(&p.self_exe);
	if (p.base != NULL)
		event_base_free(p.base);
	return status;
}
