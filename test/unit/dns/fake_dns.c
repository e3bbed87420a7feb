#include "test/unit/dns/fake_dns.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"

struct dns_query {
	TAILQ_ENTRY(dns_query) entry;
	struct dns *dns;
	struct slice name;
	enum dns_type type;
	dns_done *done;
	void *arg;
};

struct dns {
	TAILQ_HEAD(, dns_query) queries;
	struct arena *arena;
	fake_dns_find *find;
	void *arg;
	size_t open, asked;
};

struct dns *fake_dns_new(fake_dns_find *find, void *arg)
{
	struct dns *dns = mem_new(sizeof(*dns));

	TAILQ_INIT(&dns->queries);
	dns->arena = arena_new(1 << 20);
	dns->find = find;
	dns->arg = arg;
	return dns;
}

struct dns_query *dns_ask(struct dns *dns, struct slice name,
			  enum dns_type type, dns_done *done, void *arg)
{
	struct dns_query *q = mem_new(sizeof(*q));

	q->dns = dns;
	q->name = arena_copy(dns->arena, name);
	q->type = type;
	q->done = done;
	q->arg = arg;
	TAILQ_INSERT_TAIL(&dns->queries, q, entry);
	dns->open++;
	dns->asked++;
	return q;
}

void dns_cancel(struct dns_query **query)
{
	if (*query == NULL)
		return;
	TAILQ_REMOVE(&(*query)->dns->queries, *query, entry);
	(*query)->dns->open--;
	mem_free(query);
}

bool fake_dns_answer_one(struct dns *dns)
{
	struct dns_query *q = TAILQ_FIRST(&dns->queries);
	struct dns_query copy;

	if (q == NULL)
		return false;
	copy = *q;
	dns_cancel(&q);
	copy.done(dns->find(copy.name, copy.type, dns->arg), copy.arg);
	return true;
}

size_t fake_dns_open(const struct dns *dns)
{
	return dns->open;
}

size_t fake_dns_asked(const struct dns *dns)
{
	return dns->asked;
}

void fake_dns_free(struct dns **dns)
{
	arena_free(&(*dns)->arena);
	mem_free(dns);
}
