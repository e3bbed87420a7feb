#include "base/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unictype.h>
#include <unistd.h>
#include <unistr.h>

/* The one mutable global of the program, with the signal flags. */
static struct {
	enum log_sink sink;
	int fd;
	enum log_level level;
	const char *name;
} log_state = { LOG_TO_FD, -1, LOG_INFO, "culverd" };

/* Text of bounded size; what does not fit is left out. */
struct line {
	char bytes[LOG_LINE_OCTETS];
	size_t n;
};

static const char *const level_names[] = { "panic", "error", "warning", "info",
					   "debug" };
/* RFC 3164 4.1.1 severities. */
static const int severities[] = { 2, 3, 4, 6, 7 };

static void put(struct line *l, struct slice s)
{
	size_t room = sizeof(l->bytes) - l->n;
	size_t n = s.n < room ? s.n : room;

	if (n > 0)
		memcpy(l->bytes + l->n, s.p, n);
	l->n += n;
}

static void __attribute__((format(printf, 2, 3)))
put_format(struct line *l, const char *format, ...)
{
	char text[128];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		put(l, slice_of(text));
}

/* Who reads the log must see it: nothing that breaks or turns a line. */
static bool is_visible(ucs4_t c)
{
	return !uc_is_general_category_withtable(
		c,
		UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
}

/* Octets of the valid UTF-8 character at the start of s, else 0. */
static size_t utf8_octets(struct slice s)
{
	ucs4_t c;
	int n = u8_mbtoucr(&c, (const uint8_t *)s.p, s.n);

	return n > 1 && is_visible(c) ? (size_t)n : 0;
}

static void put_escaped(struct line *l, struct slice s)
{
	bool cut = s.n > LOG_VALUE_OCTETS;

	s = slice_head(s, LOG_VALUE_OCTETS);
	while (s.n > 0) {
		unsigned char c = (unsigned char)s.p[0];
		size_t n = 1;

		if (c > 127 && (n = utf8_octets(s)) > 0)
			put(l, slice_head(s, n));
		else if (c < ' ' || c >= 127 || c == '"' || c == '\\')
			put_format(l, "\\x%02x", c);
		else
			put(l, slice_head(s, 1));
		s = slice_tail(s, n > 0 ? n : 1);
	}
	if (cut)
		put(l, S("..."));
}

static void put_number(struct line *l, const struct log_fact *f)
{
	put_format(l, f->is_id ? "%016llx" : "%llu",
		   (unsigned long long)f->number);
}

static void put_value(struct line *l, const struct log_fact *f)
{
	bool quote;

	if (f->is_number) {
		put_number(l, f);
		return;
	}
	quote = f->text.n == 0 || slice_find(f->text, ' ') < f->text.n;
	if (quote)
		put(l, S("\""));
	put_escaped(l, f->text);
	if (quote)
		put(l, S("\""));
}

static void put_fact(struct line *l, const struct log_fact *f)
{
	put(l, S(" "));
	put(l, slice_of(f->key));
	put(l, S("="));
	put_value(l, f);
}

static void put_ctx(struct line *l, const struct log_ctx *ctx)
{
	struct log_fact f;

	if (ctx == NULL)
		return;
	put_ctx(l, ctx->outer);
	f = log_text(ctx->key, ctx->value);
	put_fact(l, &f);
}

/* NOLINTNEXTLINE(readability-function-size): log_event()'s six */
static void put_body(struct line *l, enum log_level level,
		     const struct log_ctx *ctx, const char *message,
		     const struct log_fact *facts, size_t count)
{
	if (level <= LOG_WARNING) {
		put(l, slice_of(level_names[level]));
		put(l, S(": "));
	}
	put(l, slice_of(message));
	put_ctx(l, ctx);
	for (size_t i = 0; i < count; i++)
		put_fact(l, &facts[i]);
}

static void put_journal_field(struct line *l, const struct log_fact *f)
{
	put(l, S("CULVER_"));
	for (const char *k = f->key; *k != '\0'; k++) {
		char c = (char)toupper((unsigned char)*k);

		put(l, (struct slice){ &c, 1 });
	}
	put(l, S("="));
	if (f->is_number)
		put_number(l, f);
	else
		put_escaped(l, f->text);
	put(l, S("\n"));
}

static void put_journal_ctx(struct line *l, const struct log_ctx *ctx)
{
	struct log_fact f;

	if (ctx == NULL)
		return;
	put_journal_ctx(l, ctx->outer);
	f = log_text(ctx->key, ctx->value);
	put_journal_field(l, &f);
}

static void send_line(const struct line *l)
{
	if (log_state.fd < 0)
		return;
	/* A log that cannot be written must not stop the mail. */
	(void)!send(log_state.fd, l->bytes, l->n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void to_journal(enum log_level level, const struct log_ctx *ctx,
		       const char *message, const struct log_fact *facts,
		       size_t count)
{
	struct line l = { .n = 0 };

	put_format(&l, "PRIORITY=%d\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=",
		   severities[level]);
	put(&l, slice_of(log_state.name));
	put(&l, S("\n"));
	put_journal_ctx(&l, ctx);
	for (size_t i = 0; i < count; i++)
		put_journal_field(&l, &facts[i]);
	put(&l, S("MESSAGE="));
	put_body(&l, level, ctx, message, facts, count);
	if (l.n == sizeof(l.bytes))
		l.n--; /* cut: the field must still end */
	put(&l, S("\n"));
	send_line(&l);
}

static void to_syslog(enum log_level level, const struct log_ctx *ctx,
		      const char *message, const struct log_fact *facts,
		      size_t count)
{
	struct line l = { .n = 0 };
	time_t now = clock_wall_s();
	struct tm tm;
	char stamp[32];

	(void)localtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	put_format(&l, "<%d>%s ", 2 * 8 + severities[level], stamp);
	put(&l, slice_of(log_state.name));
	put_format(&l, "[%d]: ", (int)getpid());
	put_body(&l, level, ctx, message, facts, count);
	send_line(&l);
}

static void to_fd(enum log_level level, const struct log_ctx *ctx,
		  const char *message, const struct log_fact *facts,
		  size_t count)
{
	struct line l = { .n = 0 };
	struct timespec now;
	struct tm tm;
	char stamp[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	put_format(&l, "%s.%03ldZ ", stamp, now.tv_nsec / 1000000);
	put(&l, slice_of(log_state.name));
	put(&l, S(": "));
	put_body(&l, level, ctx, message, facts, count);
	if (l.n == sizeof(l.bytes))
		l.n--;
	put(&l, S("\n"));
	(void)!write(log_state.fd >= 0 ? log_state.fd : STDERR_FILENO, l.bytes,
		     l.n);
}

void log_event(enum log_level level, const struct log_ctx *ctx,
	       const char *message, const struct log_fact *facts, size_t count)
{
	if (level > log_state.level)
		return;
	switch (log_state.sink) {
	case LOG_TO_FD:
		to_fd(level, ctx, message, facts, count);
		break;
	case LOG_TO_SYSLOG:
		to_syslog(level, ctx, message, facts, count);
		break;
	case LOG_TO_JOURNAL:
		to_journal(level, ctx, message, facts, count);
		break;
	}
}

void log_plain(enum log_level level, const struct log_ctx *ctx,
	       const char *message)
{
	log_event(level, ctx, message, NULL, 0);
}

struct log_fact log_text(const char *key, struct slice value)
{
	return (struct log_fact){ .key = key, .text = value };
}

struct log_fact log_string(const char *key, const char *value)
{
	return log_text(key, slice_of(value));
}

struct log_fact log_number(const char *key, uint64_t value)
{
	return (struct log_fact){ .key = key,
				  .number = value,
				  .is_number = true };
}

struct log_fact log_id(const char *key, uint64_t value)
{
	struct log_fact f = log_number(key, value);

	f.is_id = true;
	return f;
}

void log_use(enum log_sink sink, int fd)
{
	fd_close(&log_state.fd);
	log_state.sink = sink;
	log_state.fd = fd;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

void log_set_name(const char *name)
{
	log_state.name = name;
}

enum log_level log_level_find(const char *name)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]);
	     i++)
		if (strcmp(level_names[i], name) == 0)
			return (enum log_level)i;
	return LOG_INFO;
}
