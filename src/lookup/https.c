#include "lookup/https.h"

#include "base/arena.h"
#include "base/mem.h"

#include <assert.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <string.h>

enum { CALL_OCTETS = 65536, CONNECT_MS = 20000 };

struct https {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	unsigned open;
};

struct https_call {
	struct https *https;
	struct arena *arena; /* of the request */
	CURL *easy;
	/* Names found for this call alone: those of a multi handle would stay
	 * there for good. */
	CURLSH *names;
	struct curl_slist *resolve, *header;
	struct tls_client *roots;
	size_t limit_octets;
	char *body;
	size_t octets, room;
	bool is_too_big;
	char problem[CURL_ERROR_SIZE];
	https_done *done;
	void *arg;
};

/* --- the loop ----------------------------------------------------------------------- */

static enum https_result result_of(const struct https_call *c, CURLcode code)
{
	if (c->is_too_big || code == CURLE_FILESIZE_EXCEEDED)
		return HTTPS_TOO_BIG;
	if (code == CURLE_OK)
		return HTTPS_ANSWERED;
	return code == CURLE_PEER_FAILED_VERIFICATION ? HTTPS_UNTRUSTED
						      : HTTPS_FAILED;
}

static void finish(struct https_call *c, CURLcode code)
{
	struct https_answer answer = { .result = result_of(c, code) };
	const char *content_type = NULL;
	long status = 0;

	if (answer.result == HTTPS_TOO_BIG) {
		answer.problem = S("the answer is too big");
	} else if (answer.result != HTTPS_ANSWERED) {
		answer.problem = slice_of(c->problem[0] != '\0'
						  ? c->problem
						  : curl_easy_strerror(code));
	} else {
		(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE,
					&status);
		(void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE,
					&content_type);
		answer.status = status > 0 ? (unsigned)status : 0;
		answer.content_type = slice_of(content_type);
		answer.body = (struct slice){ c->body, c->octets };
	}
	c->done(&answer, c->arg);
	https_cancel(&c);
}

/* What is called back may start and cancel calls. */
static void finish_all(const struct https *h)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct https_call *c = NULL;

		if (m->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c) ==
			    CURLE_OK)
			finish(c, m->data.result);
	}
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	const int bits = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
			 ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
	const struct https *h = arg;
	int running;

	(void)curl_multi_socket_action(h->multi, fd, bits, &running);
	finish_all(h);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	const struct https *h = arg;
	int running;

	(void)fd;
	(void)what;
	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0,
				       &running);
	finish_all(h);
}

/* CURLMOPT_SOCKETFUNCTION: what libcurl waits for at a socket of its own. */
static int watch(CURL *easy, curl_socket_t fd, int action, void *arg,
		 void *watched)
{
	struct https *h = arg;
	struct event *event = watched;
	short what = EV_PERSIST;

	(void)easy;
	if (event != NULL)
		event_free(event);
	event = NULL;
	if (action != CURL_POLL_REMOVE) {
		if (action != CURL_POLL_OUT)
			what |= EV_READ;
		if (action != CURL_POLL_IN)
			what |= EV_WRITE;
		event = event_new(h->base, fd, what, on_socket_ready, h);
		assert(event != NULL);
		(void)event_add(event, NULL);
	}
	(void)curl_multi_assign(h->multi, fd, event);
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long ms, void *arg)
{
	const struct https *h = arg;
	const struct timeval wait = { .tv_sec = ms / 1000,
				      .tv_usec = ms % 1000 * 1000 };

	(void)multi;
	(void)(ms < 0 ? event_del(h->timer) : event_add(h->timer, &wait));
	return 0;
}

/* --- one request -------------------------------------------------------------------- */

/* CURLOPT_WRITEFUNCTION */
static size_t take(char *octets, size_t size, size_t n, void *arg)
{
	struct https_call *c = arg;

	n *= size;
	if (n > c->limit_octets - c->octets) {
		c->is_too_big = true;
		return 0;
	}
	if (n > c->room - c->octets) {
		c->room = 2 * c->room + n;
		c->body = mem_resize(c->body, c->room, 1);
	}
	if (n > 0)
		memcpy(c->body + c->octets, octets, n);
	c->octets += n;
	return n;
}

/* CURLOPT_SSL_CTX_FUNCTION: the roots, read once for all. */
static CURLcode trust(CURL *easy, void *ctx, void *arg)
{
	const struct https_call *c = arg;

	(void)easy;
	if (tls_client_store(c->roots) == NULL)
		return CURLE_FAILED_INIT;
	SSL_CTX_set1_cert_store(ctx, tls_client_store(c->roots));
	return CURLE_OK;
}

static bool set_ways(const struct https_call *c)
{
	CURL *e = c->easy;

	return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == 0 &&
	       curl_easy_setopt(e, CURLOPT_PROXY, "") == 0 &&
	       curl_easy_setopt(e, CURLOPT_NOPROXY, "*") == 0 &&
	       curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
				(long)CURL_HTTP_VERSION_1_1) == 0 &&
	       curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) ==
		       0 &&
	       curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_SHARE, c->names) == 0 &&
	       curl_easy_setopt(e, CURLOPT_RESOLVE, c->resolve) == 0;
}

static bool set_tls(struct https_call *c)
{
	CURL *e = c->easy;

	return curl_easy_setopt(e, CURLOPT_SSLVERSION,
				(long)CURL_SSLVERSION_TLSv1_2) == 0 &&
	       curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_CAINFO, NULL) == 0 &&
	       curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == 0 &&
	       curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, trust) == 0 &&
	       curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, c) == 0;
}

static bool set_limits(struct https_call *c, unsigned timeout_ms)
{
	CURL *e = c->easy;

	return curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == 0 &&
	       curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
				(long)CONNECT_MS) == 0 &&
	       curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE,
				(curl_off_t)c->limit_octets) == 0 &&
	       curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take) == 0 &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, c) == 0 &&
	       curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->problem) == 0 &&
	       curl_easy_setopt(e, CURLOPT_PRIVATE, c) == 0;
}

static void add_header(struct https_call *c, struct slice name,
		       struct slice value)
{
	const struct slice parts[] = { name, value };

	if (value.n > 0)
		c->header = curl_slist_append(
			c->header,
			arena_string(c->arena, arena_join(c->arena, parts, 2)));
}

static bool set_body(struct https_call *c, const struct https_request *r)
{
	CURL *e = c->easy;

	if (r->content_type.n == 0)
		return curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) == 0;
	add_header(c, S("Content-Type: "), r->content_type);
	add_header(c, S("Content-Encoding: "), r->content_encoding);
	/* It would be waited for. */
	c->header = curl_slist_append(c->header, "Expect:");
	return curl_easy_setopt(e, CURLOPT_POST, 1L) == 0 &&
	       curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
				(curl_off_t)r->body.n) == 0 &&
	       curl_easy_setopt(e, CURLOPT_POSTFIELDS,
				r->body.n > 0 ? r->body.p : "") == 0 &&
	       curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->header) == 0;
}

static struct slice port_text(const struct https_call *c,
			      const struct https_request *r)
{
	return arena_format(c->arena, ":%u", r->port);
}

static bool set_url(const struct https_call *c, const struct https_request *r)
{
	const struct slice parts[] = {
		SLICE("https://"),
		r->host,
		r->port == 443 ? S("") : port_text(c, r),
		r->path,
	};

	return curl_easy_setopt(c->easy, CURLOPT_URL,
				arena_string(c->arena,
					     arena_join(c->arena, parts, 4))) ==
	       0;
}

/* "HOST:PORT:ADDRESS,..." */
static void add_addresses(struct https_call *c, const struct https_request *r)
{
	struct slice parts[3 + 2 * HTTPS_ADDRESSES_MAX] = { r->host,
							    port_text(c, r),
							    SLICE(":") };
	size_t count = 3;

	for (size_t i = 0; i < r->address_count && i < HTTPS_ADDRESSES_MAX;
	     i++) {
		if (i > 0)
			parts[count++] = S(",");
		parts[count++] = r->addresses[i];
	}
	c->resolve = curl_slist_append(
		NULL,
		arena_string(c->arena, arena_join(c->arena, parts, count)));
}

static void set_all(struct https_call *c, const struct https_request *r)
{
	bool is_set;

	c->names = curl_share_init();
	(void)curl_share_setopt(c->names, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	add_addresses(c, r);
	c->easy = curl_easy_init();
	/* What can fail is memory, and that ends the process everywhere. */
	is_set = c->names != NULL && c->resolve != NULL && c->easy != NULL &&
		 set_url(c, r) && set_ways(c) && set_tls(c) &&
		 set_limits(c, r->timeout_ms) && set_body(c, r);
	assert(is_set);
}

struct https_call *https_start(struct https *https,
			       const struct https_request *request,
			       https_done *done, void *arg)
{
	struct https_call *c = mem_new(sizeof(*c));
	CURLMcode added;

	assert(request->address_count > 0);
	c->https = https;
	c->arena = arena_new(CALL_OCTETS);
	c->roots = tls_client_ref(request->roots);
	c->limit_octets = request->limit_octets;
	c->done = done;
	c->arg = arg;
	set_all(c, request);
	https->open++;
	added = curl_multi_add_handle(https->multi, c->easy);
	assert(added == CURLM_OK);
	return c;
}

void https_cancel(struct https_call **call)
{
	struct https_call *c = *call;

	if (c == NULL)
		return;
	(void)curl_multi_remove_handle(c->https->multi, c->easy);
	curl_easy_cleanup(c->easy);
	(void)curl_share_cleanup(c->names);
	curl_slist_free_all(c->resolve);
	curl_slist_free_all(c->header);
	tls_client_free(&c->roots);
	c->https->open--;
	mem_free(&c->body);
	arena_free(&c->arena);
	mem_free(call);
}

/* --- life --------------------------------------------------------------------------- */

bool https_set_up(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct https *https_new(struct event_base *base)
{
	struct https *h = mem_new(sizeof(*h));
	bool is_set;

	h->base = base;
	h->timer = evtimer_new(base, on_timer, h);
	h->multi = curl_multi_init();
	is_set = h->timer != NULL && h->multi != NULL &&
		 curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch) ==
			 CURLM_OK &&
		 curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) ==
			 CURLM_OK &&
		 curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION,
				   set_timer) == CURLM_OK &&
		 curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK;
	assert(is_set);
	return h;
}

void https_free(struct https **https)
{
	struct https *h = *https;

	if (h == NULL)
		return;
	assert(h->open == 0);
	(void)curl_multi_cleanup(h->multi);
	event_free(h->timer);
	mem_free(https);
}
