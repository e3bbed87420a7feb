#include "auth/login.h"

#include <unistd.h>

#include "auth/auth_line.h"
#include "auth/login_private.h"
#include "base/mem.h"

enum { CONNECTION_MS = 5000, ANSWER_MS = 60000 };

/* Minor 3: channel binding, and an empty resp= is an empty response. */
static const char hello_version[] = "VERSION\t1\t3";

static void on_open(void *arg)
{
	struct login_client *client = arg;
	char buffer[32];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));

	client->has_version = client->has_mechs = false;
	client->next_id = 1;
	mech_list_clear(client->heard);
	auth_put(&writer, S("CPID"));
	auth_put_number(&writer, (uint64_t)getpid());
	(void)auth_conn_send(client->conn, slice_of(hello_version));
	(void)auth_conn_send(client->conn, auth_written(&writer));
}

static void on_done(struct login_client *client)
{
	struct mech_list *old = client->mechs;
	struct login *login, *next;

	if (!client->has_version || !client->has_mechs) {
		auth_conn_drop(client->conn, AUTH_WRONG_SOCKET,
			       "no version or no mechanisms before DONE");
		return;
	}
	client->mechs = client->heard;
	client->heard = old;
	client->is_offering = true;
	client->is_up = true;
	auth_conn_established(client->conn);
	TAILQ_FOREACH_SAFE(login, &client->logins, entry, next)
		if (login->state == LOGIN_QUEUED)
			login_send(login);
}

static void on_handshake(struct login_client *client, char *line, size_t octets)
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
				       "auth protocol");
	} else if (slice_equal(command, S("MECH"))) {
		client->has_mechs = true;
		mech_list_add(client->heard, &reader);
	} else if (slice_equal(command, S("SPID")) && !client->has_mechs) {
		auth_conn_drop(client->conn, AUTH_WRONG_SOCKET,
			       "this is a userdb or master socket, where an "
			       "auth client socket is expected");
	} else if (slice_equal(command, S("DONE"))) {
		on_done(client);
	}
}

static struct login *find_login(struct login_client *client, uint32_t id)
{
	struct login *login;

	TAILQ_FOREACH(login, &client->logins, entry)
		if (login->id == id)
			return login;
	return NULL;
}

static void on_reply(struct login_client *client, char *line, size_t octets)
{
	struct login *login;

	if (!login_reply_parse(line, octets, &client->reply))
		return;
	login = find_login(client, client->reply.id);
	if (login != NULL) /* else the late reply to one that was cancelled */
		login_on_reply(login, &client->reply.result);
}

static void on_line(char *line, size_t octets, void *arg)
{
	struct login_client *client = arg;

	if (auth_conn_is_established(client->conn))
		on_reply(client, line, octets);
	else
		on_handshake(client, line, octets);
}

static void on_lost(void *arg)
{
	struct login_client *client = arg;
	struct login *login;

	client->next_id = 1;
	client->is_offering = client->is_up;
	client->is_up = false;
	TAILQ_FOREACH(login, &client->logins, entry)
		login_on_lost(login);
}

static void on_want(void *arg)
{
	struct login_client *client = arg;

	client->want(client->want_arg);
}

static const struct auth_conn_owner conn_owner = {
	.want = on_want,
	.on_open = on_open,
	.on_line = on_line,
	.on_lost = on_lost,
};

struct login_client *login_client_new(struct event_base *base,
				      login_want_socket *want, void *arg)
{
	struct login_client *client = mem_new(sizeof(*client));

	client->base = base;
	client->want = want;
	client->want_arg = arg;
	client->mechs = mech_list_new();
	client->heard = mech_list_new();
	client->connection_ms = CONNECTION_MS;
	client->answer_ms = ANSWER_MS;
	TAILQ_INIT(&client->logins);
	client->conn = auth_conn_new(base, &conn_owner, client);
	return client;
}

void login_client_free(struct login_client **client)
{
	struct login *login, *next;

	if (*client == NULL)
		return;
	TAILQ_FOREACH_SAFE(login, &(*client)->logins, entry, next)
		login_release(login);
	auth_conn_free(&(*client)->conn);
	mech_list_free(&(*client)->mechs);
	mech_list_free(&(*client)->heard);
	mem_free(client);
}

void login_client_on_event(struct login_client *client, auth_on_event *on_event,
			   void *arg)
{
	auth_conn_on_event(client->conn, on_event, arg);
}

void login_client_set_timeouts(struct login_client *client, int connection_ms,
			       int answer_ms)
{
	client->connection_ms = connection_ms;
	client->answer_ms = answer_ms;
}

void login_client_connected(struct login_client *client, int fd, int error)
{
	auth_conn_connected(client->conn, fd, error);
}

bool login_client_is_ready(const struct login_client *client)
{
	return client->is_offering;
}

struct slice login_client_mechanisms(const struct login_client *client,
				     bool is_tls)
{
	if (!login_client_is_ready(client))
		return S("");
	return mech_list_text(client->mechs, is_tls);
}

bool login_client_offers(const struct login_client *client,
			 struct slice mechanism, bool is_tls)
{
	return login_client_is_ready(client) &&
	       mech_list_find(client->mechs, mechanism, is_tls).n > 0;
}
