#include "auth/userdb.h"

#include <assert.h>
#include <string.h>
#include <sys/time.h>

#include "auth/auth_line.h"
#include "auth/conn.h"
#include "auth/userdb_reply.h"
#include "base/list.h"
#include "base/mem.h"

enum {
	CONNECTION_MS = 5000,
	ANSWER_MS = 25000,
	SENDS = 3,
	HEAD_OCTETS = 16, /* "USER", an id, and two TABs */
};

struct userdb_lookup {
	TAILQ_ENTRY(userdb_lookup) entry;
	struct userdb_client *client;
	uint32_t id; /* on this connection; 0 when it is not sent */
	int sends;
	char *text; /* what follows the id */
	size_t text_octets;
	struct event *timer;
	enum userdb_verdict ending; /* what the timer tells the caller */
	userdb_on_result *on_result;
	void *arg;
};

/* cppcheck-suppress unusedStructMember ; the macros of queue(3) use them */
TAILQ_HEAD(lookup_list, userdb_lookup);

struct userdb_client {
	struct event_base *base;
	userdb_want_socket *want;
	void *want_arg;
	struct auth_conn *conn;
	bool has_version;
	uint32_t next_id;  /* only counts up: a late reply must find nobody */
	uint32_t probe_id; /* 0 until one is sent on this connection */
	int connection_ms, answer_ms;
	struct lookup_list lookups;
};

static void arm(struct userdb_lookup *lookup, int after_ms)
{
	struct timeval after = {
		.tv_sec = after_ms / 1000,
		.tv_usec = (after_ms % 1000) * 1000,
	};

	(void)event_add(lookup->timer, &after);
}

static void release(struct userdb_lookup *lookup)
{
	TAILQ_REMOVE(&lookup->client->lookups, lookup, entry);
	event_free(lookup->timer);
	mem_free(&lookup->text);
	mem_free(&lookup);
}

/* The callback comes last: it may start and cancel others. */
static void finish(struct userdb_lookup *lookup,
		   const struct userdb_result *result)
{
	userdb_on_result *on_result = lookup->on_result;
	void *arg = lookup->arg;

	release(lookup);
	on_result(result, arg);
}

static void end_later(struct userdb_lookup *lookup, enum userdb_verdict verdict)
{
	lookup->id = 0;
	lookup->sends = SENDS; /* not to be sent again */
	lookup->ending = verdict;
	arm(lookup, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct userdb_lookup *lookup = arg;
	struct userdb_result result = { .verdict = lookup->ending };

	(void)fd;
	(void)what;
	if (result.verdict == USERDB_UNAVAILABLE)
		result.reason = lookup->id != 0 ? S("no answer in time")
						: S("no connection");
	finish(lookup, &result);
}

/* --- the connection -------------------------------------------------------- */

static int send_request(struct userdb_client *client, const char *command,
			struct slice rest)
{
	char buffer[AUTH_LINE_USERDB_OCTETS];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));

	auth_put(&writer, slice_of(command));
	auth_put_number(&writer, client->next_id++);
	auth_put_raw(&writer, S("\t"));
	auth_put_raw(&writer, rest);
	assert(!writer.is_full);
	return auth_conn_send(client->conn, auth_written(&writer));
}

static void send_lookup(struct userdb_lookup *lookup)
{
	struct userdb_client *client = lookup->client;

	lookup->sends++;
	lookup->id = client->next_id;
	arm(lookup, client->answer_ms);
	if (send_request(client, "USER",
			 (struct slice){ lookup->text, lookup->text_octets }))
		end_later(lookup, USERDB_UNAVAILABLE);
}

/*
 * A restricted socket says FAIL for everyone who exists; to tell that from
 * trouble, one look-up that only such a socket fails without a reason.
 */
static void probe(struct userdb_client *client)
{
	if (client->probe_id != 0)
		return;
	client->probe_id = client->next_id;
	(void)send_request(client, "PASS", S("culver-probe\tservice=lmtp"));
}

static void on_open(void *arg)
{
	struct userdb_client *client = arg;

	client->has_version = false;
	client->probe_id = 0;
	client->next_id = 1;
	(void)auth_conn_send(client->conn, S("VERSION\t1\t1"));
}

static void on_ready(struct userdb_client *client)
{
	struct userdb_lookup *lookup, *next;

	auth_conn_established(client->conn);
	TAILQ_FOREACH_SAFE(lookup, &client->lookups, entry, next)
		if (lookup->id == 0 && lookup->sends < SENDS)
			send_lookup(lookup);
}

static void on_handshake(struct userdb_client *client, char *line,
			 size_t octets)
{
	struct auth_reader reader = auth_reader_of(line, octets);
	struct slice command, major;

	(void)auth_reader_next(&reader, &command);
	if (slice_equal(command, S("VERSION"))) {
		client->has_version = auth_reader_next(&reader, &major) &&
				      slice_equal(major, S("1"));
		if (!client->has_version)
			auth_conn_drop(client->conn, AUTH_WRONG_SOCKET,
				       "it does not speak version 1 of the "
				       "userdb protocol");
	} else if (slice_equal(command, S("MECH"))) {
		auth_conn_drop(client->conn, AUTH_WRONG_SOCKET,
			       "this is an auth client socket, where a userdb "
			       "socket is expected");
	} else if (slice_equal(command, S("SPID")) && client->has_version) {
		on_ready(client);
	}
}

static struct userdb_lookup *find_lookup(struct userdb_client *client,
					 uint32_t id)
{
	struct userdb_lookup *lookup;

	TAILQ_FOREACH(lookup, &client->lookups, entry)
		if (lookup->id == id)
			return lookup;
	return NULL;
}

static void on_reply(struct userdb_client *client, char *line, size_t octets)
{
	struct userdb_reply reply;
	struct userdb_lookup *lookup;
	bool is_bare;

	if (!userdb_reply_parse(line, octets, &reply))
		return;
	is_bare = reply.result.verdict == USERDB_UNAVAILABLE &&
		  reply.result.reason.n == 0;
	if (reply.id == client->probe_id) {
		if (is_bare)
			auth_conn_report(client->conn, AUTH_RESTRICTED,
					 "the socket seems to be restricted: "
					 "its mode is 0666 and we are neither "
					 "its user nor in its group");
		return;
	}
	if (is_bare)
		probe(client);
	lookup = find_lookup(client, reply.id);
	if (lookup != NULL) /* else it was cancelled */
		finish(lookup, &reply.result);
}

static void on_line(char *line, size_t octets, void *arg)
{
	struct userdb_client *client = arg;

	if (auth_conn_is_established(client->conn))
		on_reply(client, line, octets);
	else
		on_handshake(client, line, octets);
}

static void on_lost(void *arg)
{
	struct userdb_client *client = arg;
	struct userdb_lookup *lookup;

	client->next_id = 1;
	TAILQ_FOREACH(lookup, &client->lookups, entry) {
		if (lookup->id == 0)
			continue;
		lookup->id = 0;
		if (lookup->sends < SENDS)
			arm(lookup, client->connection_ms);
		else
			end_later(lookup, USERDB_UNAVAILABLE);
	}
}

static void on_want(void *arg)
{
	struct userdb_client *client = arg;

	client->want(client->want_arg);
}

static const struct auth_conn_owner conn_owner = {
	.want = on_want,
	.on_open = on_open,
	.on_line = on_line,
	.on_lost = on_lost,
};

/* --- the client -------------------------------------------------------------- */

struct userdb_client *userdb_client_new(struct event_base *base,
					userdb_want_socket *want, void *arg)
{
	struct userdb_client *client = mem_new(sizeof(*client));

	client->base = base;
	client->want = want;
	client->want_arg = arg;
	client->connection_ms = CONNECTION_MS;
	client->answer_ms = ANSWER_MS;
	TAILQ_INIT(&client->lookups);
	client->conn = auth_conn_new(base, &conn_owner, client);
	return client;
}

void userdb_client_free(struct userdb_client **client)
{
	struct userdb_lookup *lookup, *next;

	if (*client == NULL)
		return;
	TAILQ_FOREACH_SAFE(lookup, &(*client)->lookups, entry, next)
		release(lookup);
	auth_conn_free(&(*client)->conn);
	mem_free(client);
}

void userdb_client_on_event(struct userdb_client *client,
			    auth_on_event *on_event, void *arg)
{
	auth_conn_on_event(client->conn, on_event, arg);
}

void userdb_client_set_timeouts(struct userdb_client *client, int connection_ms,
				int answer_ms)
{
	client->connection_ms = connection_ms;
	client->answer_ms = answer_ms;
}

void userdb_client_connected(struct userdb_client *client, int fd, int error)
{
	auth_conn_connected(client->conn, fd, error);
}

static bool keep_request(struct userdb_lookup *lookup, struct slice name,
			 const char *service)
{
	char buffer[AUTH_LINE_USERDB_OCTETS - HEAD_OCTETS];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));

	auth_put(&writer, name);
	auth_put_pair(&writer, "service", slice_of(service));
	if (name.n == 0 || writer.is_full)
		return false;
	lookup->text = mem_new(writer.n);
	memcpy(lookup->text, buffer, writer.n);
	lookup->text_octets = writer.n;
	return true;
}

struct userdb_lookup *userdb_lookup(struct userdb_client *client,
				    struct slice name, const char *service,
				    userdb_on_result *on_result, void *arg)
{
	struct userdb_lookup *lookup = mem_new(sizeof(*lookup));

	lookup->client = client;
	lookup->ending = USERDB_UNAVAILABLE;
	lookup->on_result = on_result;
	lookup->arg = arg;
	lookup->timer = evtimer_new(client->base, on_timer, lookup);
	assert(lookup->timer != NULL);
	TAILQ_INSERT_TAIL(&client->lookups, lookup, entry);

	if (client->next_id >= UINT32_MAX - 1) /* one for a probe */
		auth_conn_drop(client->conn, AUTH_LOST, "all ids are used up");
	if (!keep_request(lookup, name, service))
		end_later(lookup, USERDB_NOT_FOUND);
	else if (auth_conn_is_established(client->conn))
		send_lookup(lookup);
	else
		arm(lookup, client->connection_ms);
	return lookup;
}

void userdb_cancel(struct userdb_lookup **lookup)
{
	if (*lookup == NULL)
		return;
	release(*lookup);
	*lookup = NULL;
}
