#include "lookup/reverse.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/record.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	NAMES_MAX = 4, /* of the address; the others are not asked for */
	NAME_OCTETS = 255,
	ADDRESS_OCTETS = sizeof(struct in6_addr),
	ARPA_OCTETS = 4 * ADDRESS_OCTETS + sizeof("ip6.arpa"),
	REASON_OCTETS = 512,
};

struct reverse_wait {
	TAILQ_ENTRY(reverse_wait) entry;
	struct reverse *reverse;
	reverse_done *done;
	void *arg;
};

/* A name of the address, and the question for its addresses. */
struct name {
	struct reverse *reverse;
	char text[NAME_OCTETS + 1];
	struct dns_query *query; /* NULL: answered */
};

struct reverse {
	struct dns *dns;
	reverse_find *find;
	bool is_auto, is_yes;
	char *address6;

	bool is_known, uses_ipv6;
	char reason[REASON_OCTETS];
	uint64_t until_ms; /* then it is old */

	/* While it is asked. */
	bool is_asking, is_failed;
	struct in6_addr address;
	char address_text[INET6_ADDRSTRLEN];
	struct dns_query *ptr;
	struct name names[NAMES_MAX];
	size_t name_count, open;
	const struct name *proof;

	struct event *on_turn;    /* tells those who wait */
	struct event *on_timeout; /* of what is asked */
	TAILQ_HEAD(, reverse_wait) waits;
};

/* --- the address ------------------------------------------------------------------ */

/* Connecting by UDP sends nothing; any address of the Internet will do. */
bool reverse_find_address(uint8_t ret_address[16])
{
	AUTO(fd_close) int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons(25) };
	socklen_t n = sizeof(a);

	a.sin6_addr.s6_addr[0] = 0x20; /* 2000::1 */
	a.sin6_addr.s6_addr[15] = 1;
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return false;
	memcpy(ret_address, a.sin6_addr.s6_addr, ADDRESS_OCTETS);
	return true;
}

static bool find_address(struct reverse *r)
{
	if (r->address6[0] != '\0')
		return inet_pton(AF_INET6, r->address6, &r->address) == 1;
	return r->find(r->address.s6_addr);
}

/* RFC 3596 2.5: its nibbles, the last one first. */
static struct slice arpa_of(const struct in6_addr *address,
			    char text[ARPA_OCTETS])
{
	static const char digits[] = "0123456789abcdef";
	char *p = text;

	for (size_t i = ADDRESS_OCTETS; i-- > 0;) {
		*p++ = digits[address->s6_addr[i] & 15];
		*p++ = '.';
		*p++ = digits[address->s6_addr[i] >> 4];
		*p++ = '.';
	}
	memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
	return slice_of(text);
}

/* --- what was found ----------------------------------------------------------------- */

static void on_turn(int fd, short what, void *arg)
{
	struct reverse *r = arg;
	struct reverse_wait *w;

	(void)fd;
	(void)what;
	while (r->is_known && (w = TAILQ_FIRST(&r->waits)) != NULL) {
		reverse_done *done = w->done;
		void *their = w->arg;

		reverse_cancel(&w);
		done(their);
	}
}

static void stop(struct reverse *r)
{
	dns_cancel(&r->ptr);
	for (size_t i = 0; i < r->name_count; i++)
		dns_cancel(&r->names[i].query);
	(void)event_del(r->on_timeout);
	r->name_count = r->open = 0;
	r->is_asking = false;
}

static void log_finding(const struct reverse *r, enum log_level level)
{
	LOG(level, NULL,
	    r->uses_ipv6 ? "mail goes out over IPv6 and IPv4"
			 : "mail goes out over IPv4 only",
	    log_string("reason", r->reason));
}

/* level: of the log; the same is said once. */
static void know(struct reverse *r, bool uses_ipv6, const char *reason,
		 enum log_level level)
{
	bool is_news = !r->is_known || r->uses_ipv6 != uses_ipv6 ||
		       strcmp(r->reason, reason) != 0;

	r->is_known = true;
	r->uses_ipv6 = uses_ipv6;
	(void)snprintf(r->reason, sizeof(r->reason), "%s", reason);
	r->until_ms = clock_monotonic_ms() +
		      (r->is_failed ? REVERSE_RETRY_MS : REVERSE_KEEP_MS);
	stop(r);
	if (is_news)
		log_finding(r, level);
	event_active(r->on_turn, EV_TIMEOUT, 1);
}

/* What was known is better than nothing. */
static void fail(struct reverse *r)
{
	char reason[REASON_OCTETS];

	r->is_failed = true;
	if (r->is_known) {
		(void)snprintf(reason, sizeof(reason), "%s", r->reason);
		know(r, r->uses_ipv6, reason, LOG_INFO);
		return;
	}
	(void)snprintf(reason, sizeof(reason),
		       "DNS does not answer what the name of our address %s is",
		       r->address_text);
	know(r, false, reason, LOG_WARNING);
}

static void decide(struct reverse *r)
{
	char reason[REASON_OCTETS];

	if (r->proof != NULL) {
		(void)snprintf(reason, sizeof(reason),
			       "our address %s is %s, and leads back",
			       r->address_text, r->proof->text);
		know(r, true, reason, LOG_INFO);
	} else if (r->is_failed) {
		fail(r);
	} else {
		(void)snprintf(
			reason, sizeof(reason),
			r->name_count > 0
				? "our address %s is %s in DNS, which does "
				  "not lead back to it"
				: "our address %s has no name in DNS%s",
			r->address_text,
			r->name_count > 0 ? r->names[0].text : "");
		know(r, false, reason, LOG_WARNING);
	}
}

/* --- questions ------------------------------------------------------------------------ */

static bool has_address(const struct dns_answer *answer,
			const struct in6_addr *address)
{
	for (size_t i = 0; i < answer->count; i++)
		if (answer->records[i].n == ADDRESS_OCTETS &&
		    memcmp(answer->records[i].p, address->s6_addr,
			   ADDRESS_OCTETS) == 0)
			return true;
	return false;
}

static bool is_failure(const struct dns_answer *answer)
{
	return answer->result == DNS_FAILED || answer->result == DNS_BOGUS;
}

static void on_addresses(const struct dns_answer *answer, void *arg)
{
	struct name *name = arg;
	struct reverse *r = name->reverse;

	name->query = NULL;
	r->open--;
	if (is_failure(answer))
		r->is_failed = true;
	else if (r->proof == NULL && answer->result == DNS_DATA &&
		 has_address(answer, &r->address))
		r->proof = name;
	if (r->open == 0)
		decide(r);
}

static void ask_name(struct reverse *r, struct slice text)
{
	struct name *name = &r->names[r->name_count];

	if (text.n > NAME_OCTETS)
		return;
	r->name_count++;
	r->open++;
	name->reverse = r;
	(void)snprintf(name->text, sizeof(name->text), "%.*s", (int)text.n,
		       text.p);
	name->query = dns_ask(r->dns, text, DNS_AAAA, on_addresses, name);
}

static void on_names(const struct dns_answer *answer, void *arg)
{
	AUTO(arena_free) struct arena *arena = arena_new(1 << 20);
	struct reverse *r = arg;
	struct slice name;

	r->ptr = NULL;
	for (size_t i = 0; answer->result == DNS_DATA && i < answer->count &&
			   r->name_count < NAMES_MAX;
	     i++)
		if (record_name(answer->records[i], arena, &name))
			ask_name(r, name);
	r->is_failed = is_failure(answer);
	if (r->open == 0)
		decide(r);
}

static void on_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg);
}

static void ask(struct reverse *r)
{
	const struct timeval wait = { .tv_sec = REVERSE_WAIT_MS / 1000 };
	char arpa[ARPA_OCTETS];

	r->is_failed = false;
	r->proof = NULL;
	r->is_asking = true;
	if (!find_address(r)) {
		know(r, false, "this machine has no way to IPv6 addresses",
		     LOG_INFO);
		return;
	}
	(void)inet_ntop(AF_INET6, &r->address, r->address_text,
			sizeof(r->address_text));
	(void)event_add(r->on_timeout, &wait);
	r->ptr = dns_ask(r->dns, arpa_of(&r->address, arpa), DNS_PTR, on_names,
			 r);
}

/* --- for the owner ------------------------------------------------------------------ */

struct reverse_wait *reverse_ask(struct reverse *reverse, reverse_done *done,
				 void *arg)
{
	struct reverse_wait *w = mem_new(sizeof(*w));

	w->reverse = reverse;
	w->done = done;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&reverse->waits, w, entry);
	if (!reverse->is_asking &&
	    (!reverse->is_known ||
	     (reverse->is_auto && clock_monotonic_ms() >= reverse->until_ms)))
		ask(reverse);
	if (reverse->is_known)
		event_active(reverse->on_turn, EV_TIMEOUT, 1);
	return w;
}

void reverse_cancel(struct reverse_wait **wait)
{
	if (*wait == NULL)
		return;
	TAILQ_REMOVE(&(*wait)->reverse->waits, *wait, entry);
	mem_free(wait);
}

bool reverse_uses_ipv6(const struct reverse *reverse)
{
	return reverse->uses_ipv6;
}

struct slice reverse_reason(const struct reverse *reverse)
{
	return slice_of(reverse->reason);
}

/* Who waits goes on waiting, for what is true now. */
void reverse_configure(struct reverse *reverse, const char *ipv6,
		       const char *address6)
{
	bool is_auto = strcmp(ipv6, "auto") == 0;
	bool is_yes = strcmp(ipv6, "yes") == 0;

	if (reverse->address6 != NULL && is_auto == reverse->is_auto &&
	    is_yes == reverse->is_yes &&
	    strcmp(address6, reverse->address6) == 0)
		return;
	stop(reverse);
	mem_free(&reverse->address6);
	reverse->address6 = mem_string(address6);
	reverse->is_auto = is_auto;
	reverse->is_yes = is_yes;
	reverse->is_known = !is_auto;
	reverse->uses_ipv6 = is_yes;
	(void)snprintf(reverse->reason, sizeof(reverse->reason),
		       "outbound_ipv6 is %s", ipv6);
	if (is_auto && !TAILQ_EMPTY(&reverse->waits))
		ask(reverse);
	event_active(reverse->on_turn, EV_TIMEOUT, 1);
}

struct reverse *reverse_new(struct event_base *base, struct dns *dns,
			    reverse_find *find)
{
	struct reverse *r = mem_new(sizeof(*r));

	r->dns = dns;
	r->find = find;
	r->on_turn = evtimer_new(base, on_turn, r);
	r->on_timeout = evtimer_new(base, on_timeout, r);
	assert(r->on_turn != NULL && r->on_timeout != NULL);
	TAILQ_INIT(&r->waits);
	return r;
}

void reverse_free(struct reverse **reverse)
{
	struct reverse *r = *reverse;

	if (r == NULL)
		return;
	assert(TAILQ_EMPTY(&r->waits));
	stop(r);
	event_free(r->on_turn);
	event_free(r->on_timeout);
	mem_free(&r->address6);
	mem_free(reverse);
}
