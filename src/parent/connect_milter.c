/* The sockets of filters: the parent connects, `receive` uses. */
#include "base/mem.h"
#include "conf/endpoint.h"
#include "parent/hosts.h"
#include "parent/parent-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* An asker that waits for a host's addresses. */
struct request {
	struct child *child;
	pid_t pid; /* then; another process knows nothing of it */
	uint64_t id;
	unsigned attempt;
	char name[CONF_MILTER_NAME_OCTETS + 1];
};

static void answer(const struct request *r, int fd, bool has_more,
		   struct slice where)
{
	struct message m = { .type = MESSAGE_SOCKET,
			     .socket = { .id = r->id,
					 .error = fd < 0 ? (uint32_t)-fd : 0,
					 .has_more = has_more,
					 .where = where } };

	link_send(r->child->link, &m, fd);
}

/* --- addresses -------------------------------------------------------------------- */

static int connect_tcp(const struct host_address *a, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port) };

	if (a->family == AF_INET) {
		memcpy(&v4.sin_addr, a->octets, sizeof(v4.sin_addr));
		return connect_address((struct sockaddr *)&v4, sizeof(v4));
	}
	memcpy(&v6.sin6_addr, a->octets, sizeof(v6.sin6_addr));
	return connect_address((struct sockaddr *)&v6, sizeof(v6));
}

static struct slice write_place(const struct host_address *a, uint16_t port,
				struct arena *arena)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop((int)a->family, a->octets, text, sizeof(text));
	if (a->family == AF_INET)
		return arena_format(arena, "inet:%s:%u", text, port);
	return arena_format(arena, "inet:[%s]:%u", text, port);
}

static void keep_family(struct host_addresses *all, uint32_t family)
{
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].family == family)
			all->items[count++] = all->items[i];
	all->count = count;
}

static void connect_one(const struct request *r, const struct endpoint *e,
			const struct host_addresses *found)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	AUTO(fd_close) int fd = -ENXIO;
	struct slice where = arena_format(a, "inet:%s:%u", e->host, e->port);
	struct host_addresses all = *found;
	bool has_more;

	if (e->kind == ENDPOINT_INET6)
		keep_family(&all, AF_INET6);
	has_more = all.count > 0 && r->attempt < all.count - 1;
	if (r->attempt < all.count) {
		fd = connect_tcp(&all.items[r->attempt], e->port);
		where = write_place(&all.items[r->attempt], e->port, a);
	}
	answer(r, fd, has_more, where);
}

/* --- names ---------------------------------------------------------------------- */

/* What needs no look-up: addresses, and the one name whose are known. */
static bool find_known(const struct endpoint *e,
		       struct host_addresses *ret_addresses)
{
	struct host_addresses found = { .count = 1 };
	bool is_localhost = strcasecmp(e->host, "localhost") == 0;
	const char *v4 = is_localhost ? "127.0.0.1" : e->host;
	const char *v6 = is_localhost ? "::1" : e->host;

	if (e->is_name && !is_localhost)
		return false;
	found.items[0].family = AF_INET;
	if (inet_pton(AF_INET, v4, found.items[0].octets) == 1 && is_localhost)
		found.count++;
	if (inet_pton(AF_INET6, v6, found.items[found.count - 1].octets) == 1)
		found.items[found.count - 1].family = AF_INET6;
	*ret_addresses = found;
	return true;
}

static void serve(const struct request *r);

static void on_host(void *arg)
{
	const struct request *r = arg;

	if (r->child->link != NULL && r->child->pid == r->pid)
		serve(r);
}

static void wait_for_host(const struct request *r, const struct endpoint *e)
{
	struct request *copy = mem_new(sizeof(*copy));
	int error;

	*copy = *r;
	error = hosts_look_up(r->child->parent->hosts, e->host, on_host, copy);
	if (error < 0) {
		answer(r, error, false, slice_of(e->host));
		mem_free(&copy);
	}
}

/* --- filters -------------------------------------------------------------------- */

static void connect_path(const struct request *r, const char *path)
{
	AUTO(fd_close) int fd = connect_unix(path);

	answer(r, fd, false, slice_of(path));
}

/* The configuration may be another one than when the request was made. */
static void serve(const struct request *r)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	const struct parent *p = r->child->parent;
	const struct conf_milter *m =
		conf_milter_named(p->tree->conf, slice_of(r->name));
	const struct host_addresses *found;
	struct host_addresses known;
	struct endpoint e;

	if (m == NULL || endpoint_parse(slice_of(m->socket), a, &e) != NULL) {
		answer(r, -ENOENT, false, slice_of(r->name));
	} else if (e.kind == ENDPOINT_UNIX) {
		connect_path(r, e.path);
	} else if (find_known(&e, &known)) {
		connect_one(r, &e, &known);
	} else {
		found = hosts_find(p->hosts, e.host);
		if (found != NULL)
			connect_one(r, &e, found);
		else
			wait_for_host(r, &e);
	}
}

void connect_milter_for(struct child *c, const struct msg_socket_wanted *m)
{
	struct request r = {
		.child = c, .pid = c->pid, .id = m->id, .attempt = m->attempt
	};

	if (conf_is_milter_name(m->name)) /* else it stays empty, and is none */
		memcpy(r.name, m->name.p, m->name.n);
	serve(&r);
}
