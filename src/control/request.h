/*
 * What a client of control.sock asks: one JSON object a line.
 *
 *   {"command":"queue_list"}: of all, or those that a selector fits
 *   {"command":"queue_show","id":"00000000000000a1"}
 *   {"command":"queue_retry"}: all, or those that a selector fits
 *   {"command":"queue_hold","reason":"..."}, queue_release, queue_drop and
 *   queue_bounce: with a selector, or "all":true
 *   {"command":"resolve","address":"user@example.com"}
 *   {"command":"route","domain":"example.org"}, and "from" if it matters
 *   {"command":"reload"}
 *   {"command":"domain_tls_list"}: of all
 *   {"command":"domain_tls_show","domain":"example.org"}, domain_tls_forget:
 *   a domain, or "via:a.example/b.example"
 *   {"command":"tls_report_list"}: of all, or with "domain"
 *   {"command":"usage_list"}: of all logins
 *   {"command":"usage_show","login":"user@example.com"}, usage_forget
 *   {"command":"milter_list"}
 *
 * A selector is one or more of
 *
 *   "id":"00000000000000a1"   a queue id, or the trace id of a message
 *   "from":"user@domain"      or "@domain", or "<>" for the null sender
 *   "to":"user@domain"        or "@domain"
 *   "older_than":86400        seconds
 *   "held":true
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
	REQUEST_DOMAIN_TLS_LIST,
	REQUEST_DOMAIN_TLS_FORGET,
	REQUEST_TLS_REPORT_LIST,
	REQUEST_USAGE_LIST,
	REQUEST_USAGE_FORGET,
};

struct request {
	enum request_command command;
	enum queue_change change;
	struct selector selector; /* QUEUE_LIST, QUEUE_CHANGE; from: ROUTE */
	bool is_all;              /* QUEUE_CHANGE without a selector */
	bool with_header;         /* QUEUE_LIST */
	bool needs_domain;        /* DOMAIN_TLS_LIST, USAGE_LIST: not of all */
	struct slice reason;      /* QUEUE_CHANGE: of a hold; in the arena */
	struct slice
		address; /* RESOLVE, and the domain of ROUTE and DOMAIN_TLS_*,
		            empty for all, and the login of USAGE_*; in the
		            arena */
};

/* Reads a line. Returns NULL, or what is wrong with it; then *ret_request is
 * not touched. */
const char *request_parse(struct slice line, struct arena *arena,
			  struct request *ret_request);

#endif
