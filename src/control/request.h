/*
 * What a client of control.sock asks: one JSON object a line.
 *
 *   {"command":"queue_list"}
 *   {"command":"queue_retry"}  {"command":"queue_retry","id":"00000000000000a1"}
 *   {"command":"resolve","address":"user@example.com"}
 *   {"command":"reload"}
 *   {"command":"milter_list"}
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "base/arena.h"

enum request_command {
	REQUEST_QUEUE_LIST,
	REQUEST_QUEUE_RETRY,
	REQUEST_RESOLVE,
	REQUEST_RELOAD,
	REQUEST_MILTER_LIST,
};

struct request {
	enum request_command command;
	uint64_t queue_id;    /* QUEUE_RETRY: 0 = all */
	struct slice address; /* RESOLVE; in the arena */
};

/* Reads a line. Returns NULL, or what is wrong with it; then *ret_request is
 * not touched. */
const char *request_parse(struct slice line, struct arena *arena,
			  struct request *ret_request);

#endif
