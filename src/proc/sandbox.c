#include "proc/sandbox.h"

#include "conf/database.h"
#include "proc/sandbox_landlock.h"
#include "proc/sandbox_seccomp.h"

#include <assert.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { VERIFY_OCTETS = 768 << 20 };

static void add_port(struct sandbox_ports *ports, uint64_t port)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->items[i] == port)
			return;
	assert(ports->count < SANDBOX_PORTS);
	ports->items[ports->count++] = (uint16_t)port;
}

static void find_outbound_ports(const struct conf *conf,
				struct sandbox_ports *ret_ports)
{
	add_port(ret_ports, conf->outbound_port);
	for (size_t i = 0; i < conf->smarthost_count; i++)
		if (!conf->smarthosts[i].direct)
			add_port(ret_ports, conf->smarthosts[i].port);
}

static void find_ports(enum role role, const struct conf *conf,
		       const struct sandbox_database *database,
		       struct sandbox_ports *ret_ports)
{
	ret_ports->count = 0;
	if (role == ROLE_DELIVER)
		find_outbound_ports(conf, ret_ports);
	if (database->is_used && !database->is_unix)
		add_port(ret_ports, database->port);
}

static void find_database(const struct conf *conf,
			  struct sandbox_database *ret_database)
{
	struct database d;

	if (database_parse(slice_of(conf->queue_database), &d) != NULL)
		return;
	ret_database->is_used = true;
	ret_database->is_unix = d.is_unix;
	ret_database->port = d.port;
}

/* Others decide how much it tries to allocate: RLIMIT_DATA counts what is
 * private and writable. */
static int limit_memory(enum role role)
{
	const struct rlimit most = { VERIFY_OCTETS, VERIFY_OCTETS };

#ifdef WITH_SANITIZER
	role = ROLE_COUNT; /* its own memory is beyond all limits */
#endif
	return role == ROLE_VERIFY ? setrlimit(RLIMIT_DATA, &most) : 0;
}

int sandbox_enter(enum role role, const struct conf *conf)
{
	const struct rlimit none = { 0, 0 };
	struct sandbox_database database = { .is_used = false };
	struct sandbox_ports ports;
	int r;

	if (role == ROLE_QUEUE)
		find_database(conf, &database);
	find_ports(role, conf, &database, &ports);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 || limit_memory(role) < 0)
		return -errno;
	r = role == ROLE_HOOK ? 0
			      : landlock_enter(role, conf->state_dir, &ports);
	return r < 0 ? r : seccomp_enter(role, &database);
}
