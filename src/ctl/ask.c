#include "ctl/ask.h"

#include "base/mem.h"
#include "base/slice.h"
#include "conf/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { ANSWER_TIMEOUT_S = 100, PATH_OCTETS = 4096 };

struct question {
	const struct ctl *ctl;
	ask_on_line *on_line;
	void *arg;
};

static void close_file(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file);
	*file = NULL;
}

/* A configuration with errors elsewhere is no reason not to talk to a daemon
 * that runs with the last good one. */
void ask_run_path(const struct ctl *ctl, const char *name, char *path,
		  size_t size)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	AUTO(conf_free) struct conf *conf = conf_new();
	char file[PATH_OCTETS];

	if (ctl->socket != NULL) {
		(void)snprintf(path, size, "%s", ctl->socket);
		return;
	}
	(void)snprintf(file, sizeof(file), "%s/culver.conf", ctl->dir);
	(void)conf_parse_file(conf, file, errors);
	for (size_t i = 0; i < ctl->override_count; i++)
		(void)conf_parse_override(conf, ctl->overrides[i], errors);
	(void)snprintf(path, size, "%s/%s", conf->run_dir, name);
}

static FILE *dial(const struct ctl *ctl)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[PATH_OCTETS];
	FILE *file;
	int fd;

	ask_run_path(ctl, "control.sock", path, sizeof(path));
	if (strlen(path) >= sizeof(address.sun_path)) {
		ctl_complain("%s: the path is too long for a socket", path);
		return NULL;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		ctl_complain("cannot reach the daemon at %s: %s", path,
			     strerror(errno));
		fd_close(&fd);
		return NULL;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
			 sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
			 sizeof(timeout));
	file = fdopen(fd, "r+");
	if (file == NULL)
		fd_close(&fd);
	return file;
}

/* Takes request over. */
static bool send_request(FILE *daemon, json_t *request)
{
	char *line = json_dumps(request, JSON_COMPACT);
	bool is_sent = line != NULL && fprintf(daemon, "%s\n", line) > 0 &&
		       fflush(daemon) == 0;

	free(line); /* jansson's */
	json_decref(request);
	return is_sent;
}

/* True: another line follows. */
static bool take_line(const struct question *q, struct slice line,
		      int *ret_status)
{
	json_t *object = json_loadb(line.p, line.n, JSON_ALLOW_NUL, NULL);
	bool is_more = false;

	if (!json_is_object(object)) {
		ctl_complain("the daemon's answer makes no sense");
		*ret_status = CTL_FAILED;
	} else if (json_object_get(object, "error") != NULL) {
		ctl_complain("%s", ask_text(object, "error"));
		*ret_status = CTL_FAILED;
	} else {
		is_more = q->on_line(q->ctl, object, q->arg);
	}
	json_decref(object);
	return is_more;
}

int ask(const struct ctl *ctl, json_t *request, ask_on_line *on_line, void *arg)
{
	const struct question q = { .ctl = ctl,
				    .on_line = on_line,
				    .arg = arg };
	AUTO(close_file) FILE *daemon = dial(ctl);
	AUTO(mem_free_string) char *line = NULL; /* getline(3): the same heap */
	size_t room = 0;
	ssize_t n;
	int status = CTL_DONE;

	if (daemon == NULL) {
		json_decref(request);
		return CTL_FAILED;
	}
	if (!send_request(daemon, request)) {
		ctl_complain("cannot send the request: %s", strerror(errno));
		return CTL_FAILED;
	}
	do {
		n = getline(&line, &room, daemon);
		if (n < 0) {
			ctl_complain("the daemon gave no whole answer");
			return CTL_FAILED;
		}
	} while (take_line(&q, (struct slice){ .p = line, .n = (size_t)n },
			   &status));
	return status;
}

void ask_print_json(const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (text != NULL)
		(void)puts(text);
	free(text); /* jansson's */
}

const char *ask_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

json_int_t ask_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}
