/* The message that a filter is shown. */
#include "base/clock.h"
#include "base/mem.h"
#include "ctl/check.h"
#include "mail/date.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct slice check_recipient(const struct check *c)
{
	return arena_format(c->arena, "postmaster@%s", c->conf->hostname);
}

struct slice check_message_id(const struct milter_message *message)
{
	for (size_t i = 0; i < milter_message_field_count(message); i++) {
		const struct milter_field *f = milter_message_field(message, i);

		if (slice_equal_nocase(f->name, S("Message-ID")) &&
		    !slice_has_control(f->value))
			return slice_trim(f->value);
	}
	return S("");
}

/* Our own field is hidden from filters, and those that insert below it count
 * on one being there. */
static void put_received(const struct check *c, FILE *out)
{
	char date[DATE_OCTETS];

	date_format(clock_wall_s(), date);
	(void)fprintf(out,
		      "Received: from " CHECK_HELLO " ([" CHECK_CLIENT "])\r\n"
		      "\tby %s with ESMTP; %s\r\n",
		      c->conf->hostname, date);
}

static void put_sample(const struct check *c, FILE *out)
{
	char date[DATE_OCTETS];

	date_format(clock_wall_s(), date);
	(void)fprintf(out,
		      "From: <" CHECK_SENDER ">\r\n"
		      "To: <postmaster@%s>\r\n"
		      "Subject: A message to check a filter\r\n"
		      "Date: %s\r\n"
		      "Message-ID: <%ju.check@%s>\r\n"
		      "\r\n"
		      "This is only a test. Nobody gets it.\r\n",
		      c->conf->hostname, date, (uintmax_t)clock_wall_s(),
		      c->conf->hostname);
}

/* Lines of a file end with LF, those of mail with CRLF; the last one's end may
 * be missing. Returns false if there are more than limit octets. */
static bool put_lines(FILE *in, FILE *out, uint64_t limit)
{
	uint64_t n = 0;
	int c, before = '\n';

	while ((c = getc(in)) != EOF) {
		if (++n > limit)
			return false;
		if (c == '\n' && before != '\r')
			(void)putc('\r', out);
		(void)putc(c, out);
		before = c;
	}
	if (before != '\n')
		(void)fputs(before == '\r' ? "\n" : "\r\n", out);
	return true;
}

static int put_file(const struct check *c, const char *path, FILE *out)
{
	FILE *in = fopen(path, "re");
	int r = -1;

	if (in == NULL)
		ctl_complain("%s: %s", path, strerror(errno));
	else if (!put_lines(in, out, c->conf->message_size_limit))
		ctl_complain("%s: is larger than message_size_limit", path);
	else if (ferror(in))
		ctl_complain("%s: cannot be read", path);
	else
		r = 0;
	if (in != NULL)
		(void)fclose(in);
	return r;
}

/* Writes the message into fd, which stays open. */
static int put_message(const struct check *c, const char *file, int fd)
{
	int copy = dup(fd), r = 0;
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");

	if (out == NULL) {
		ctl_complain("no memory for the message: %s", strerror(errno));
		fd_close(&copy);
		return -1;
	}
	put_received(c, out);
	if (file != NULL)
		r = put_file(c, file, out);
	else
		put_sample(c, out);
	if (fclose(out) != 0 && r == 0) {
		ctl_complain("no memory for the message: %s", strerror(errno));
		r = -1;
	}
	return r;
}

int check_message(struct check *c, const char *file, int *ret_fd,
		  struct milter_message **ret_message)
{
	AUTO(fd_close) int fd = memfd_create("message", MFD_CLOEXEC);
	off_t end;
	int r;

	if (fd < 0) {
		ctl_complain("no memory for the message: %s", strerror(errno));
		return -1;
	}
	if (put_message(c, file, fd) < 0)
		return -1;
	end = lseek(fd, 0, SEEK_END);
	r = milter_message_open(fd, end < 0 ? 0 : (uint64_t)end, 1,
				ret_message);
	if (r < 0) {
		ctl_complain("%s: %s", file != NULL ? file : "the message",
			     r == -EMSGSIZE ? "the header is too long"
					    : strerror(-r));
		return -1;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
