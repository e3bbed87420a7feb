#include "lookup/fetch.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/record.h"

#include <assert.h>

enum { FETCH_OCTETS = 65536 };

struct fetch;

/* One kind of address. */
struct ask {
	struct fetch *fetch;
	struct dns_query *query; /* NULL: answered */
};

struct fetch {
	TAILQ_ENTRY(fetch) entry; /* of the line, or of those begun */
	struct fetcher *fetcher;
	struct arena *arena;
	struct https_request request;
	struct slice addresses[HTTPS_ADDRESSES_MAX];
	bool is_begun;
	struct event *timer; /* the line's */
	struct ask ipv6, ipv4;
	struct slice problem; /* of DNS */
	struct https_call *call;
	https_done *done;
	void *arg;
};

TAILQ_HEAD(fetch_list, fetch);

struct fetcher {
	struct event_base *base;
	struct dns *dns;
	struct https *https;
	struct tls_client *roots;
	bool uses_loopback;
	struct fetch_list line, begun;
	unsigned count; /* begun */
};

static void begin_next(struct fetcher *f);

/* --- the end ------------------------------------------------------------------------ */

static void fetch_free(struct fetch **fetch)
{
	struct fetch *f = *fetch;

	TAILQ_REMOVE(f->is_begun ? &f->fetcher->begun : &f->fetcher->line, f,
		     entry);
	f->fetcher->count -= f->is_begun;
	dns_cancel(&f->ipv6.query);
	dns_cancel(&f->ipv4.query);
	https_cancel(&f->call);
	event_free(f->timer);
	arena_free(&f->arena);
	mem_free(fetch);
}

static void end(struct fetch *f, const struct https_answer *answer)
{
	struct fetcher *fetcher = f->fetcher;

	f->done(answer, f->arg);
	fetch_free(&f);
	begin_next(fetcher);
}

static void fail(struct fetch *f, struct slice problem)
{
	const struct https_answer answer = { .result = HTTPS_FAILED,
					     .problem = problem };

	end(f, &answer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *f = arg;

	(void)fd;
	(void)what;
	fail(f, S("too much else is fetched now"));
}

/* --- addresses ---------------------------------------------------------------------- */

static bool is_loopback(struct slice address)
{
	return slice_starts(address, S("127.")) ||
	       slice_equal(address, S("::1"));
}

static void add_addresses(struct fetch *f, const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		struct slice address;

		if (f->request.address_count == HTTPS_ADDRESSES_MAX)
			return;
		if (!record_address(answer->records[i], f->arena, &address))
			continue;
		if (is_loopback(address) && !f->fetcher->uses_loopback) {
			f->problem = S("its host's address leads back to us");
			continue;
		}
		f->addresses[f->request.address_count++] = address;
	}
}

static void on_answer(const struct https_answer *answer, void *arg)
{
	struct fetch *f = arg;

	f->call = NULL; /* it ends with the answer */
	end(f, answer);
}

static void connect_to(struct fetch *f)
{
	f->request.addresses = f->addresses;
	f->request.roots = f->fetcher->roots;
	if (f->request.address_count > 0)
		f->call = https_start(f->fetcher->https, &f->request, on_answer,
				      f);
	else
		fail(f, f->problem.n > 0 ? f->problem
					 : S("its host has no address"));
}

static void on_addresses(const struct dns_answer *answer, void *arg)
{
	struct ask *a = arg;
	struct fetch *f = a->fetch;
	const struct slice problem[] = { SLICE("DNS: "), answer->problem };

	a->query = NULL;
	switch (answer->result) {
	case DNS_DATA:
		add_addresses(f, answer);
		break;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		break;
	case DNS_FAILED:
	case DNS_BOGUS:
		f->problem = arena_join(f->arena, problem, 2);
		break;
	}
	if (f->ipv6.query == NULL && f->ipv4.query == NULL)
		connect_to(f);
}

/* --- the line ----------------------------------------------------------------------- */

static void begin(struct fetch *f)
{
	struct fetcher *fetcher = f->fetcher;

	TAILQ_REMOVE(&fetcher->line, f, entry);
	TAILQ_INSERT_TAIL(&fetcher->begun, f, entry);
	f->is_begun = true;
	fetcher->count++;
	(void)event_del(f->timer);
	f->ipv6.fetch = f->ipv4.fetch = f;
	f->ipv6.query = dns_ask(fetcher->dns, f->request.host, DNS_AAAA,
				on_addresses, &f->ipv6);
	f->ipv4.query = dns_ask(fetcher->dns, f->request.host, DNS_A,
				on_addresses, &f->ipv4);
}

static void begin_next(struct fetcher *f)
{
	struct fetch *next;

	while (f->count < FETCH_MAX && (next = TAILQ_FIRST(&f->line)) != NULL)
		begin(next);
}

struct fetch *fetch_start(struct fetcher *fetcher,
			  const struct https_request *request, https_done *done,
			  void *arg)
{
	static const struct timeval patience = { .tv_sec =
							 FETCH_LINE_MS / 1000 };
	struct fetch *f = mem_new(sizeof(*f));
	struct https_request *r = &f->request;

	f->fetcher = fetcher;
	f->arena = arena_new(FETCH_OCTETS);
	*r = *request;
	r->address_count = 0;
	r->host = arena_copy(f->arena, r->host);
	r->path = arena_copy(f->arena, r->path);
	r->content_type = arena_copy(f->arena, r->content_type);
	r->content_encoding = arena_copy(f->arena, r->content_encoding);
	f->done = done;
	f->arg = arg;
	f->timer = evtimer_new(fetcher->base, on_timer, f);
	assert(f->timer != NULL);
	(void)event_add(f->timer, &patience);
	TAILQ_INSERT_TAIL(&fetcher->line, f, entry);
	begin_next(fetcher);
	return f;
}

void fetch_cancel(struct fetch **fetch)
{
	struct fetcher *fetcher;

	if (*fetch == NULL)
		return;
	fetcher = (*fetch)->fetcher;
	fetch_free(fetch);
	begin_next(fetcher);
}

/* --- life --------------------------------------------------------------------------- */

struct fetcher *fetcher_new(struct event_base *base, struct dns *dns)
{
	struct fetcher *f = mem_new(sizeof(*f));

	f->base = base;
	f->dns = dns;
	f->https = https_new(base);
	TAILQ_INIT(&f->line);
	TAILQ_INIT(&f->begun);
	return f;
}

void fetcher_configure(struct fetcher *fetcher, struct tls_client *roots,
		       bool uses_loopback)
{
	tls_client_free(&fetcher->roots);
	fetcher->roots = tls_client_ref(roots);
	fetcher->uses_loopback = uses_loopback;
}

void fetcher_free(struct fetcher **fetcher)
{
	struct fetcher *f = *fetcher;

	if (f == NULL)
		return;
	assert(TAILQ_EMPTY(&f->line) && TAILQ_EMPTY(&f->begun));
	https_free(&f->https);
	tls_client_free(&f->roots);
	mem_free(fetcher);
}
