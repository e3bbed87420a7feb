#include "parent/hosts.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHILD_S = 10, /* it is gone then, if nobody kills it */
	KEPT_MS = 60000,
	FAILURE_KEPT_MS = 5000, /* mail waits; but not each a child */
	WAITING_MAX = 4096,
};

struct waiting {
	TAILQ_ENTRY(waiting) entry;
	hosts_done *done;
	void *arg;
};
TAILQ_HEAD(waitings, waiting);

struct host {
	TAILQ_ENTRY(host) entry;
	struct hosts *hosts;
	char *name;
	struct host_addresses known;
	uint64_t kept_until_ms; /* 0: nothing is known */
	/* While it is looked up: */
	pid_t pid; /* 0: no child, or reaped */
	int fd;    /* -1: nothing is waited for */
	uint64_t deadline_ms;
	struct event *on_answer;
	/* Room for one octet too many. */
	char answer[HOSTS_ADDRESSES * sizeof(struct host_address) + 1];
	size_t answer_octets;
	struct waitings waiting;
};

struct hosts {
	struct event_base *base;
	unsigned limit_ms;
	hosts_start *start_child;
	void *start_arg;
	TAILQ_HEAD(, host) all;
	size_t waiting_count;
};

/* --- what is known ------------------------------------------------------------- */

static struct host *find(const struct hosts *hosts, const char *name)
{
	struct host *h;

	TAILQ_FOREACH(h, &hosts->all, entry)
		if (strcasecmp(h->name, name) == 0)
			return h;
	return NULL;
}

const struct host_addresses *hosts_find(const struct hosts *hosts,
					const char *name)
{
	const struct host *h = find(hosts, name);

	if (h == NULL || clock_monotonic_ms() >= h->kept_until_ms)
		return NULL;
	return &h->known;
}

static void stop(struct host *h)
{
	if (h->on_answer != NULL)
		event_free(h->on_answer);
	h->on_answer = NULL;
	fd_close(&h->fd);
}

static void host_free(struct host *h)
{
	struct waiting *w;

	stop(h);
	if (h->pid > 0)
		(void)kill(h->pid, SIGKILL);
	while ((w = TAILQ_FIRST(&h->waiting)) != NULL) {
		TAILQ_REMOVE(&h->waiting, w, entry);
		mem_free(&w->arg);
		mem_free(&w);
	}
	TAILQ_REMOVE(&h->hosts->all, h, entry);
	mem_free(&h->name);
	mem_free(&h);
}

/* Names that the configuration does not have any more. */
static void forget_old(struct hosts *hosts)
{
	uint64_t now = clock_monotonic_ms();
	struct host *h, *next;

	TAILQ_FOREACH_SAFE(h, &hosts->all, entry, next)
		if (h->fd < 0 && h->pid == 0 && now >= h->kept_until_ms)
			host_free(h);
}

static struct host *add(struct hosts *hosts, const char *name)
{
	struct host *h = mem_new(sizeof(*h));

	h->hosts = hosts;
	h->name = mem_string(name);
	h->fd = -1;
	TAILQ_INIT(&h->waiting);
	TAILQ_INSERT_TAIL(&hosts->all, h, entry);
	return h;
}

/* --- the answer ------------------------------------------------------------------ */

static void log_failure(const struct host *h, const char *why)
{
	LOG(LOG_WARNING, NULL, "no address for a filter's host",
	    log_string("host", h->name), log_string("reason", why));
}

/* The child may be anybody's by now. */
static void read_answer(struct host *h)
{
	size_t count = h->answer_octets / sizeof(struct host_address);
	struct host_address *a = h->known.items;
	int error;

	h->known.count = 0;
	if (count == 0 || count > HOSTS_ADDRESSES ||
	    h->answer_octets % sizeof(*a) != 0) {
		log_failure(h, "the look-up failed");
		return;
	}
	memcpy(a, h->answer, h->answer_octets);
	if (a[0].family == AF_UNSPEC) {
		memcpy(&error, a[0].octets, sizeof(error));
		log_failure(h, gai_strerror(error));
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (a[i].family != AF_INET && a[i].family != AF_INET6) {
			log_failure(h, "the look-up failed");
			return;
		}
	h->known.count = count;
}

static void tell(struct host *h)
{
	struct hosts *hosts = h->hosts;
	struct waiting *w;

	/* Nobody waits anew: hosts_find() has an answer now. */
	while ((w = TAILQ_FIRST(&h->waiting)) != NULL) {
		TAILQ_REMOVE(&h->waiting, w, entry);
		hosts->waiting_count--;
		w->done(w->arg);
		mem_free(&w->arg);
		mem_free(&w);
	}
}

static void finish(struct host *h)
{
	stop(h);
	h->kept_until_ms =
		clock_monotonic_ms() +
		(h->known.count > 0 ? (uint64_t)KEPT_MS : FAILURE_KEPT_MS);
	tell(h);
}

static void wait_on(struct host *h)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t ms = now < h->deadline_ms ? h->deadline_ms - now : 0;

	(void)event_add(h->on_answer,
			&(struct timeval){
				.tv_sec = (time_t)(ms / 1000),
				.tv_usec = (suseconds_t)(ms % 1000 * 1000) });
}

/* True while more may come. */
static bool read_more(struct host *h, const char **ret_problem)
{
	ssize_t n = read(h->fd, h->answer + h->answer_octets,
			 sizeof(h->answer) - h->answer_octets);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n > 0)
		h->answer_octets += (size_t)n;
	if (n < 0 || h->answer_octets == sizeof(h->answer))
		*ret_problem = "the look-up failed";
	return n > 0 && *ret_problem == NULL;
}

static void on_answer(int fd, short what, void *arg)
{
	const char *problem = NULL;
	struct host *h = arg;

	(void)fd;
	if ((what & EV_READ) == 0)
		problem = "it took too long";
	if (problem == NULL && read_more(h, &problem)) {
		wait_on(h);
		return;
	}
	if (problem != NULL) {
		log_failure(h, problem);
		h->known.count = 0;
		if (h->pid > 0)
			(void)kill(h->pid, SIGKILL);
	} else {
		read_answer(h);
	}
	finish(h);
}

/* --- asking ----------------------------------------------------------------------- */

static int start(struct host *h)
{
	const struct hosts *hosts = h->hosts;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	pid = hosts->start_child(h->name, fds[1], hosts->start_arg);
	fd_close(&fds[1]);
	if (pid < 0) {
		fd_close(&fds[0]);
		return (int)pid;
	}
	h->pid = pid;
	h->fd = fds[0];
	h->answer_octets = 0;
	h->deadline_ms = clock_monotonic_ms() + hosts->limit_ms;
	h->on_answer = event_new(hosts->base, h->fd, EV_READ, on_answer, h);
	assert(h->on_answer != NULL);
	wait_on(h);
	return 0;
}

int hosts_look_up(struct hosts *hosts, const char *name, hosts_done *done,
		  void *arg)
{
	struct waiting *w;
	struct host *h;
	int r = 0;

	if (hosts->waiting_count >= WAITING_MAX)
		return -EAGAIN;
	forget_old(hosts);
	h = find(hosts, name);
	if (h == NULL)
		h = add(hosts, name);
	if (h->fd < 0)
		r = h->pid > 0 ? -EAGAIN : start(h); /* it is being buried */
	if (r < 0)
		return r;
	w = mem_new(sizeof(*w));
	w->done = done;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&h->waiting, w, entry);
	hosts->waiting_count++;
	return 0;
}

bool hosts_reap(struct hosts *hosts, pid_t pid)
{
	struct host *h;

	TAILQ_FOREACH(h, &hosts->all, entry)
		if (h->pid == pid)
			break;
	if (h == NULL)
		return false;
	h->pid = 0; /* what it wrote is read all the same */
	return true;
}

/* --- the child -------------------------------------------------------------------- */

static struct host_address address_of(const struct addrinfo *info)
{
	struct host_address a = { .family = (uint32_t)info->ai_family };
	const void *address = info->ai_addr;
	const struct sockaddr_in *v4 = address;
	const struct sockaddr_in6 *v6 = address;

	if (info->ai_family == AF_INET)
		memcpy(a.octets, &v4->sin_addr, sizeof(v4->sin_addr));
	else
		memcpy(a.octets, &v6->sin6_addr, sizeof(v6->sin6_addr));
	return a;
}

int hosts_child(const char *name, int fd)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct host_address found[HOSTS_ADDRESSES] = { 0 };
	struct addrinfo *all = NULL;
	size_t count = 0;
	int error;

	/* Should the parent be gone, or its patience. */
	(void)alarm(CHILD_S);
	error = getaddrinfo(name, NULL, &hints, &all);
	for (const struct addrinfo *i = all;
	     error == 0 && i != NULL && count < HOSTS_ADDRESSES; i = i->ai_next)
		if (i->ai_family == AF_INET || i->ai_family == AF_INET6)
			found[count++] = address_of(i);
	if (count == 0) {
		error = error != 0 ? error : EAI_NONAME;
		memcpy(found[0].octets, &error, sizeof(error));
		count = 1;
	}
	if (all != NULL)
		freeaddrinfo(all);
	return write(fd, found, count * sizeof(found[0])) < 0;
}

/* --- life --------------------------------------------------------------------------- */

struct hosts *hosts_new(struct event_base *base, unsigned limit_ms,
			hosts_start *start_child, void *arg)
{
	struct hosts *hosts = mem_new(sizeof(*hosts));

	hosts->base = base;
	hosts->limit_ms = limit_ms;
	hosts->start_child = start_child;
	hosts->start_arg = arg;
	TAILQ_INIT(&hosts->all);
	return hosts;
}

void hosts_free(struct hosts **hosts)
{
	struct host *h;

	if (*hosts == NULL)
		return;
	while ((h = TAILQ_FIRST(&(*hosts)->all)) != NULL)
		host_free(h);
	mem_free(hosts);
}
