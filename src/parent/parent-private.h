/* The members of the parent, for the files of this folder. */
#ifndef PARENT_PARENT_PRIVATE_H
#define PARENT_PARENT_PRIVATE_H

#include "conf/tree.h"
#include "parent/hosts.h"
#include "parent/listeners.h"
#include "parent/notify.h"
#include "parent/parent.h"
#include "parent/privileges.h"
#include "proc/link.h"
#include "proc/role.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/types.h>

struct parent;

struct child {
	struct parent *parent;
	enum role role;
	unsigned index;
	pid_t pid; /* 0: not there */
	struct link *link;
	bool is_ready;
	bool is_draining;
	unsigned failures; /* in a row; sets the back-off */
	uint64_t born_ms;
	struct event *on_restart;
};

enum phase {
	PHASE_RUN,
	PHASE_DRAIN_RECEIVE, /* clients finish their messages */
	PHASE_DRAIN_REST,    /* deliver, queue and the others */
};

struct parent {
	const struct parent_options *options;
	struct event_base *base;
	struct users users;
	int self_exe; /* O_PATH: what a role executes */
	enum phase phase;
	struct tree *tree;
	uint64_t generation;
	uint64_t loaded_print, seen_print; /* tree_fingerprint() */
	uint64_t dates_checked_ms;
	struct listeners *listeners;
	int lock_fd; /* of state_dir */
	int control_fd;
	int submit_fd;
	int census_fd;
	uint64_t census_key;
	struct hosts *hosts; /* of filters */
	struct child *children;
	size_t child_count;
	unsigned workers;
	struct notify *notify;
	bool was_ready;
	struct event *on_term, *on_int, *on_hup, *on_chld;
	struct event *on_look; /* at the files */
	struct event *on_drained;
};

/* exec.c: in the child, between fork and exec. Does not return. */
void exec_role(const struct child *c, int link_fd) __attribute__((noreturn));
/* hosts_start of hosts.h; arg is the parent. */
pid_t exec_look_up(const char *name, int pipe_fd, void *arg);

/* child.c */
void children_start(struct parent *p);
/* Asks all children of a role to finish; returns how many there are. */
size_t children_drain(struct parent *p, enum role role, unsigned timeout_ms);
size_t children_alive(const struct parent *p);
void children_kill(struct parent *p);
/* SIGCHLD. */
void children_reap(struct parent *p);
void children_free(struct parent *p);
bool children_are_ready(const struct parent *p);

/* parent.c: the states that follow from a child's birth and end. */
void parent_on_ready(struct parent *p);
void parent_on_child_end(struct parent *p);

/* generation.c */
/* Reads the files; on failure the errors are logged and the old state stays.
 * With control the errors go there too. */
bool generation_load(struct parent *p, struct conf_errors *errors);
void generation_reload(struct parent *p, struct conf_errors *errors);
void generation_log(const struct conf_errors *errors);
/* The timer's look at the files. */
void generation_look(struct parent *p);

/* generation_send.c: what the role needs of it. */
void generation_send(struct parent *p, struct child *c);

/* keys.c: to `keyring` all private keys; to others, which there are of DKIM. */
void keys_send(struct child *c);
void keys_send_names(struct child *c);
/* Says once a day which certificates are near their end, or beyond. */
void keys_check_dates(struct parent *p);

/* connect.c: answers SOCKET_WANTED. */
void connect_for(struct child *c, const struct msg_socket_wanted *m);
/* Both return a descriptor, which may still be connecting, or -errno. A unix
 * socket whose backlog is full is -EAGAIN: the asker comes again. */
int connect_address(const struct sockaddr *a, socklen_t size);
int connect_unix(const char *path);
/* connect_milter.c: the same for SOCKET_MILTER, now or later. */
void connect_milter_for(struct child *c, const struct msg_socket_wanted *m);

#endif
