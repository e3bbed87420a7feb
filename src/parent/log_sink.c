#include "parent/log_sink.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_datagram(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return fd;
}

static int open_journal(void)
{
	return open_datagram("/run/systemd/journal/socket");
}

static int open_syslog(void)
{
	return open_datagram("/dev/log");
}

static int open_stderr(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

/* systemd.exec(5): JOURNAL_STREAM names the journal's end of our standard
 * error, if that is where it goes. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (text == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%lu:%lu", (unsigned long)st.st_dev,
		       (unsigned long)st.st_ino);
	return strcmp(text, own) == 0;
}

/* What the machine has, where the setting is silent. */
static int open_default(bool is_foreground, enum log_sink *ret_sink)
{
	int fd = -1;

	if (!is_foreground || stderr_is_journal()) {
		*ret_sink = LOG_TO_JOURNAL;
		fd = open_journal();
		if (fd < 0) {
			*ret_sink = LOG_TO_SYSLOG;
			fd = open_syslog();
		}
	}
	if (fd < 0) {
		*ret_sink = LOG_TO_FD;
		fd = open_stderr();
	}
	return fd;
}

int log_sink_open(const struct conf *conf, bool is_foreground,
		  enum log_sink *ret_sink, int *ret_fd)
{
	struct slice log = slice_of(conf->log);
	enum log_sink sink = LOG_TO_FD;
	int fd;

	if (log.n == 0) {
		fd = open_default(is_foreground, &sink);
	} else if (slice_equal(log, S("journal"))) {
		sink = LOG_TO_JOURNAL;
		fd = open_journal();
	} else if (slice_equal(log, S("syslog"))) {
		sink = LOG_TO_SYSLOG;
		fd = open_syslog();
	} else if (slice_equal(log, S("stderr"))) {
		fd = open_stderr();
	} else {
		fd = open(conf->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			  0640);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		return fd;
	*ret_sink = sink;
	*ret_fd = fd;
	return 0;
}
