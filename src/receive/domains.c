#include "receive/resolve.h"

#include "base/mem.h"

#include <search.h>
#include <string.h>

/* A node of the tree that <search.h> keeps. */
struct domain {
	struct slice name; /* its octets follow the struct */
	struct aliases *aliases;
};

struct domains {
	void *tree;
	size_t count;
	struct slice first;
	struct aliases *host;
};

struct domains *domains_new(void)
{
	return mem_new(sizeof(struct domains));
}

static void free_domain(void *node)
{
	struct domain *d = node;

	aliases_free(&d->aliases);
	mem_free(&d);
}

void domains_free(struct domains **domains)
{
	if (*domains == NULL)
		return;
	tdestroy((*domains)->tree, free_domain);
	aliases_free(&(*domains)->host);
	mem_free(domains);
}

static int compare(const void *a, const void *b)
{
	struct slice x = ((const struct domain *)a)->name;
	struct slice y = ((const struct domain *)b)->name;

	if (x.n != y.n)
		return x.n < y.n ? -1 : 1;
	return x.n > 0 ? memcmp(x.p, y.p, x.n) : 0;
}

static struct domain *find(const struct domains *domains, struct slice name)
{
	struct domain key = { .name = name };
	struct domain **node = tfind(&key, &domains->tree, compare);

	return node != NULL ? *node : NULL;
}

void domains_add(struct domains *domains, struct slice domain,
		 struct aliases *aliases)
{
	struct domain *d = find(domains, domain);

	if (d == NULL) {
		char *octets;

		d = mem_new(sizeof(*d) + domain.n);
		octets = (char *)(d + 1);
		if (domain.n > 0)
			memcpy(octets, domain.p, domain.n);
		d->name = (struct slice){ octets, domain.n };
		(void)tsearch(d, &domains->tree, compare);
		if (domains->count++ == 0)
			domains->first = d->name;
	}
	aliases_free(&d->aliases);
	d->aliases = aliases;
}

void domains_set_host(struct domains *domains, struct aliases *aliases)
{
	aliases_free(&domains->host);
	domains->host = aliases;
}

const struct aliases *domains_host(const struct domains *domains)
{
	return domains->host;
}

bool domains_is_local(const struct domains *domains, struct slice domain)
{
	return find(domains, domain) != NULL;
}

size_t domains_count(const struct domains *domains)
{
	return domains->count;
}

const struct aliases *domains_aliases(const struct domains *domains,
				      struct slice domain)
{
	const struct domain *d = find(domains, domain);

	return d != NULL ? d->aliases : NULL;
}

struct slice domains_first(const struct domains *domains)
{
	return domains->first;
}
