/* The listening sockets: bound from the settings, or handed over by systemd. */
#ifndef PARENT_LISTENERS_H
#define PARENT_LISTENERS_H

#include "conf/conf.h"
#include "proc/message.h"

#include <sys/types.h>

struct listeners;

struct listening {
	enum listener_service service;
	const char *address; /* "127.0.0.1:25", or "systemd" */
	int fd;
};

/* No sockets yet. */
struct listeners *listeners_new(void);
void listeners_free(struct listeners **listeners);

/*
 * Opens what conf asks for and closes what it does not any more; a socket that
 * stays is not touched. with_submission: false without a certificate. All or
 * nothing: on failure errors says which and nothing changes.
 */
bool listeners_update(struct listeners *listeners, const struct conf *conf,
		      bool with_submission, struct conf_errors *errors);

size_t listeners_count(const struct listeners *listeners);
const struct listening *listeners_get(const struct listeners *listeners,
				      size_t i);

/* A listening unix socket at path with these rights; replaces a stale one.
 * Returns the descriptor or -errno. */
int listeners_open_unix(const char *path, mode_t mode);

#endif
