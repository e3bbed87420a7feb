/*
 * A hostile DNS: whatever it answers, the route ends after a bounded number of
 * questions, with hosts that have names and addresses, or none and a reason.
 *
 * Input: an answer after the other, as they are asked for: a result (and 128:
 * secure), the octets of the name at the end of aliases and the number of
 * records, then that name, then each record, behind its number of octets.
 */
#include "dns/record.h"
#include "lookup/route.h"
#include "smtp/name.h"

#include "test/unit/dns/fake_dns.h"

#include <arpa/inet.h>
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RESULTS = DNS_BOGUS + 1, QUESTIONS_MAX = 1 + 4 * ROUTE_HOSTS_MAX };

struct input {
	struct slice rest;
	struct slice records[DNS_RECORDS_MAX];
	struct dns_answer answer;
	bool is_done;
};

static struct slice take(struct input *in, size_t n)
{
	struct slice s = slice_head(in->rest, n);

	in->rest = slice_tail(in->rest, n);
	return s;
}

static size_t take_number(struct input *in)
{
	struct slice s = take(in, 1);

	return s.n == 0 ? 0 : (unsigned char)s.p[0];
}

static const struct dns_answer *find(struct slice name, enum dns_type type,
				     void *arg)
{
	struct input *in = arg;
	size_t result = take_number(in), canonical = take_number(in);
	size_t count = take_number(in) % (DNS_RECORDS_MAX + 1);

	(void)name;
	(void)type;
	in->answer = (struct dns_answer){
		.result = (enum dns_result)((result & 127) % RESULTS),
		.is_secure = (result & 128) != 0,
		.canonical = take(in, canonical),
		.problem = SLICE("problem"),
		.records = in->records,
	};
	if (in->answer.result == DNS_DATA)
		for (; in->answer.count < count; in->answer.count++)
			in->records[in->answer.count] =
				take(in, take_number(in));
	return &in->answer;
}

static bool is_own(struct slice address, void *arg)
{
	(void)arg;
	return slice_equal(address, S("127.0.0.1"));
}

static void check_address(struct slice address, struct arena *arena)
{
	const char *text = arena_string(arena, address);
	struct in6_addr ip;

	assert(inet_pton(AF_INET, text, &ip) == 1 ||
	       inet_pton(AF_INET6, text, &ip) == 1);
	assert(!is_own(address, NULL));
}

static void check_host(const struct host *h, struct arena *arena)
{
	struct slice name;

	assert(name_domain(h->name, arena, &name) == 0 &&
	       slice_equal(name, h->name));
	assert(h->addresses.count > 0 &&
	       h->addresses.count <= ROUTE_ADDRESSES_MAX);
	for (size_t i = 0; i < h->addresses.count; i++)
		check_address(h->addresses.items[i], arena);
	assert(h->is_secure || (!h->has_tlsa && !h->is_tlsa_bogus));
	assert(h->has_tlsa || h->tlsa.count == 0);
	for (size_t i = 0; i < h->tlsa.count; i++)
		assert(record_is_usable_tlsa(h->tlsa.items[i]));
}

static void on_route(const struct route_answer *answer, void *arg)
{
	struct arena *arena = arena_new(1 << 20);
	struct input *in = arg;

	in->is_done = true;
	assert((answer->result == ROUTE_HOSTS) == (answer->hosts.count > 0));
	assert((answer->result == ROUTE_HOSTS) == (answer->problem.n == 0));
	assert(answer->hosts.count <= ROUTE_HOSTS_MAX);
	for (size_t i = 0; i < answer->hosts.count; i++) {
		check_host(&answer->hosts.items[i], arena);
		assert(i == 0 || answer->hosts.items[i - 1].preference <=
					 answer->hosts.items[i].preference);
	}
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .rest = { .p = (const char *)data, .n = size } };
	struct dns *dns = fake_dns_new(find, &in);
	const struct route_world world = { .dns = dns,
					   .hostname = SLICE("us.example"),
					   .is_own = is_own };

	(void)route_start(&world, S("x.example"), (struct slices){ NULL, 0 },
			  on_route, &in);
	while (fake_dns_answer_one(dns))
		assert(fake_dns_asked(dns) <= QUESTIONS_MAX);
	assert(in.is_done);
	fake_dns_free(&dns);
	return 0;
}
