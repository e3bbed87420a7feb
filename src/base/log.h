/*
 * The log: one line an event, a constant message and facts as key=value.
 * Values that came from outside are escaped and cut here, in one place:
 * control octets, quotes, backslashes and invalid UTF-8 become \xHH, and a
 * value ends after LOG_VALUE_OCTETS. A value with a space stands in quotes.
 *
 * `base`, `smtp` and codecs never call it. A function logs or returns an
 * error, never both.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

#include <stdint.h>

enum { LOG_VALUE_OCTETS = 512, LOG_LINE_OCTETS = 4096 };

enum log_level {
	LOG_PANIC,   /* our bug */
	LOG_ERROR,   /* the operator must act */
	LOG_WARNING, /* the operator should look */
	LOG_INFO,    /* one for each message and each refusal */
	LOG_DEBUG,
};

enum log_sink {
	LOG_TO_FD,      /* lines with a time stamp: stderr or a file */
	LOG_TO_SYSLOG,  /* a datagram a line, RFC 3164, facility mail */
	LOG_TO_JOURNAL, /* a datagram a line, systemd's native fields */
};

/* Where an event happened; a chain from the inside out. Facts of an outer
 * link come first. Lives as long as what it describes. */
struct log_ctx {
	const struct log_ctx *outer; /* or NULL */
	const char *key;             /* "trace", "queue_id" */
	struct slice value;
};

struct log_fact {
	const char
		*key; /* [a-z_]+; the journal's field is CULVER_ + upper case */
	struct slice text;
	uint64_t number;
	bool is_number;
	bool is_id;
};

/* Facts: text of any origin; a C string of any origin; a number. */
struct log_fact log_text(const char *key, struct slice value);
struct log_fact log_string(const char *key, const char *value);
struct log_fact log_number(const char *key, uint64_t value);
/* A number that names something, as 16 hex digits: a queue_id. */
struct log_fact log_id(const char *key, uint64_t value);

#define LOG(level, ctx, message, ...)                                          \
	log_event(level, ctx, message,                                         \
		  (const struct log_fact[]){ __VA_ARGS__ },                    \
		  sizeof((const struct log_fact[]){ __VA_ARGS__ }) /           \
			  sizeof(struct log_fact))

/* One event without facts. */
void log_plain(enum log_level level, const struct log_ctx *ctx,
	       const char *message);
/* One event. ctx may be NULL. message is a literal of ours. */
void log_event(enum log_level level, const struct log_ctx *ctx,
	       const char *message, const struct log_fact *facts, size_t count);

/*
 * Sends the log to fd from now on; the log owns fd and closes the one before.
 * For the two datagram sinks fd is a connected socket. Before the first call
 * the log goes to standard error.
 */
void log_use(enum log_sink sink, int fd);
/* Events below this importance are dropped; LOG_INFO at first. */
void log_set_level(enum log_level level);
/* The level of that name, "warning"; LOG_INFO for an unknown one. */
enum log_level log_level_find(const char *name);
/* The program's name in front of each line, "culverd/receive.0"; a literal,
 * or what lives as long as the process. */
void log_set_name(const char *name);

#endif
