/*
 * Addresses of filters' host names. Whoever looks a name up waits, and reads
 * what comes from the network; so a short-lived child does it, without
 * privileges and with no descriptor but a pipe, into which it writes the
 * addresses in a fixed form. Answers are kept for a minute.
 */
#ifndef PARENT_HOSTS_H
#define PARENT_HOSTS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HOSTS_ADDRESSES = 8 };

/* In the pipe, too. */
struct host_address {
	uint32_t family; /* AF_INET or AF_INET6; AF_UNSPEC: see hosts_child() */
	unsigned char octets[16]; /* of AF_INET the first four */
};

struct host_addresses {
	size_t count; /* 0: there are none */
	struct host_address items[HOSTS_ADDRESSES];
};

struct hosts;

/* Starts the child, which runs hosts_child(). Returns its pid or -errno;
 * pipe_fd stays the caller's. */
typedef pid_t hosts_start(const char *name, int pipe_fd, void *arg);

/* limit_ms: for one look-up. */
struct hosts *hosts_new(struct event_base *base, unsigned limit_ms,
			hosts_start *start_child, void *arg);
/* Children are killed, and nobody is called. */
void hosts_free(struct hosts **hosts);

/* What is known of the name, which may be that it has no address; valid until
 * the next turn of the loop. NULL: it has to be looked up. */
const struct host_addresses *hosts_find(const struct hosts *hosts,
					const char *name);

/*
 * Looks the name up, unless that is being done; done is called later, once,
 * and hosts_find() then finds something. arg is from mem_new(); when 0 is
 * returned it belongs to hosts, which frees it after the call. Returns 0 or
 * -errno; -EAGAIN when too many wait.
 */
typedef void hosts_done(void *arg);
int hosts_look_up(struct hosts *hosts, const char *name, hosts_done *done,
		  void *arg);

/* A child has ended; true if it was one of ours. */
bool hosts_reap(struct hosts *hosts, pid_t pid);

/*
 * The child: looks the name up and writes its addresses to fd, at most
 * HOSTS_ADDRESSES. When there are none it writes one of AF_UNSPEC whose octets
 * begin with getaddrinfo(3)'s error, an int. Returns the exit status.
 */
int hosts_child(const char *name, int fd);

#endif
