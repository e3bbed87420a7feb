/*
 * One request by HTTPS, to addresses that the caller has found. libcurl within
 * the event loop: HTTP/1.1 over TLS 1.2 or more, the certificate is for the
 * host and by one of the roots; no redirect is followed, no proxy used, nothing
 * kept from one request for the next, no name looked up, no file read.
 */
#ifndef LOOKUP_HTTPS_H
#define LOOKUP_HTTPS_H

#include "base/slice.h"
#include "net/tls_client.h"

#include <event2/event.h>

struct https;
struct https_call;

enum { HTTPS_ADDRESSES_MAX = 8 };

/* Once a process, before its cage is shut: returns whether libcurl works. */
bool https_set_up(void);

struct https *https_new(struct event_base *base);
/* No call may be open. */
void https_free(struct https **https);

/* Copied but for body. */
struct https_request {
	struct slice host; /* a canonical name (smtp/name.h) */
	unsigned port;
	struct slice path; /* "/...", with its query; printable ASCII */
	/* As text; tried one after the other, at most HTTPS_ADDRESSES_MAX. */
	const struct slice *addresses;
	size_t address_count;
	struct tls_client *roots; /* whom to trust; counted */
	/* Empty: GET. Else POST of body, which lives until the end; each
	 * header is a whole line without its end. */
	struct slice content_type;
	struct slice content_encoding; /* of the body, or empty */
	struct slice body;
	size_t limit_octets; /* of what is answered */
	unsigned timeout_ms; /* for all of it */
};

enum https_result {
	HTTPS_ANSWERED,  /* with whatever status */
	HTTPS_UNTRUSTED, /* its certificate is not good enough */
	HTTPS_TOO_BIG,
	HTTPS_FAILED, /* no connection, no TLS, no HTTP, or not in time */
};

struct https_answer {
	enum https_result result;
	/* ANSWERED. Hostile. */
	unsigned status;
	struct slice content_type; /* as it was sent, or empty */
	struct slice body;
	struct slice problem; /* else: in words. Parts of it are hostile. */
};

/* The answer lives during the call; the request ends with it. Never called
 * from within https_start(). */
typedef void https_done(const struct https_answer *answer, void *arg);

struct https_call *https_start(struct https *https,
			       const struct https_request *request,
			       https_done *done, void *arg);
/* NULL is allowed. */
void https_cancel(struct https_call **call);

#endif
