/*
 * What a client of control.sock asks: one JSON object a line.
 *
 *   {"command":"queue_list"}
 *   {"command":"queue_retry"}  {"command":"queue_retry","id":"00000000000000a1"}
 *   {"command":"queue_release","id":"..."}, or "all":true
 *   {"command":"queue_drop","id":"..."}
 *   {"command":"resolve","address":"user@example.com"}
 *   {"command":"route","domain":"example.org"}
 *   {"command":"reload"}
 *   {"command":"milter_list"}
 *
 * An id is a queue id, or the trace id of a message.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "base/arena.h"
#include "proc/message.h"

enum request_command {
	REQUEST_QUEUE_LIST,
	REQUEST_QUEUE_CHANGE,
	REQUEST_RESOLVE,
	REQUEST_ROUTE,
	REQUEST_RELOAD,
	REQUEST_MILTER_LIST,
};

struct request {
	enum request_command command;
	/* QUEUE_CHANGE: neither means all */
	enum queue_change change;
	uint64_t queue_id;
	struct slice trace; /* in the arena */
	struct slice
		address; /* RESOLVE, and the domain of ROUTE; in the arena */
};

/* Reads a line. Returns NULL, or what is wrong with it; then *ret_request is
 * not touched. */
const char *request_parse(struct slice line, struct arena *arena,
			  struct request *ret_request);

#endif
