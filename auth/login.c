#include "auth/login.h"

#include <assert.h>
#include <string.h>
#include <sys/time.h>

#include "auth/auth_line.h"
#include "auth/login_private.h"
#include "auth/login_request.h"
#include "base/mem.h"

enum {
	CLIENT_MS = 140000, /* Dovecot forgets after 150 s, without a word */
	SENDS = 3, /* a request that kills connections must not go on so */
};

static void arm(struct login *login, int after_ms)
{
	struct timeval after = {
		.tv_sec = after_ms / 1000,
		.tv_usec = (after_ms % 1000) * 1000,
	};

	(void)event_add(login->timer, &after);
}

static void forget_text(struct login *login)
{
	if (login->text != NULL)
		explicit_bzero(login->text, login->text_octets);
	mem_free(&login->text);
}

void login_release(struct login *login)
{
	TAILQ_REMOVE(&login->client->logins, login, entry);
	event_free(login->timer);
	forget_text(login);
	mem_free(&login);
}

/* The callback comes last: it may start and cancel others. */
static void finish(struct login *login, const struct login_result *result)
{
	login_on_result *on_result = login->on_result;
	void *arg = login->arg;

	login_release(login);
	on_result(result, arg);
}

static void end_later(struct login *login, enum login_verdict verdict)
{
	login->state = LOGIN_ENDED;
	login->ending = verdict;
	login->id = 0;
	arm(login, 0);
}

/* Tells Dovecot, if it knows of the login, that nobody waits any more. */
static void abandon(struct login *login)
{
	char buffer[32];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));

	if (login->id == 0)
		return;
	auth_put(&writer, S("CANCEL"));
	auth_put_number(&writer, login->id);
	(void)auth_conn_send(login->client->conn, auth_written(&writer));
	login->id = 0;
}

void login_send(struct login *login)
{
	struct login_client *client = login->client;
	struct slice mechanism =
		mech_list_find(client->mechs, login->mechanism, login->is_tls);
	char buffer[AUTH_LINE_OUT_OCTETS];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));

	/* An unknown mechanism would cost everyone the connection. */
	if (mechanism.n == 0 || login->sends++ == SENDS) {
		end_later(login, LOGIN_UNAVAILABLE);
		return;
	}
	login->id = client->next_id++;
	auth_put(&writer, S("AUTH"));
	auth_put_number(&writer, login->id);
	auth_put(&writer, mechanism);
	auth_put_raw(&writer, S("\t"));
	auth_put_raw(&writer, login->arguments);
	assert(!writer.is_full);
	login->state = LOGIN_SENT;
	arm(login, client->answer_ms);
	if (auth_conn_send(client->conn, auth_written(&writer)) != 0)
		end_later(login, LOGIN_UNAVAILABLE);
	explicit_bzero(buffer, writer.n);
}

static enum login_verdict send_cont(struct login *login, struct slice answer,
				    struct slice binding)
{
	char buffer[AUTH_LINE_OUT_OCTETS];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));
	int sent;

	if (!auth_is_base64(answer) || !auth_is_base64(binding))
		return LOGIN_MALFORMED;
	auth_put(&writer, S("CONT"));
	auth_put_number(&writer, login->id);
	auth_put(&writer, answer); /* the TAB is needed even if it is empty */
	if (login->is_binding_asked && binding.n > 0)
		auth_put_pair(&writer, "channel_binding", binding);
	if (writer.is_full)
		return LOGIN_MALFORMED;
	sent = auth_conn_send(login->client->conn, auth_written(&writer));
	explicit_bzero(buffer, writer.n);
	return sent == 0 ? LOGIN_CONTINUE : LOGIN_UNAVAILABLE;
}

static void on_challenge(struct login *login, const struct login_result *result)
{
	login->state = LOGIN_ASKED;
	login->is_binding_asked = result->channel_binding.n > 0;
	forget_text(login);
	arm(login, CLIENT_MS);
	login->on_result(result, login->arg);
}

void login_on_reply(struct login *login, const struct login_result *result)
{
	if (login->state == LOGIN_ASKED) { /* not its turn to speak */
		abandon(login);
		login->state = LOGIN_BROKEN;
	} else if (result->verdict == LOGIN_CONTINUE) {
		on_challenge(login, result);
	} else {
		finish(login, result);
	}
}

void login_on_lost(struct login *login)
{
	login->id = 0;
	switch (login->state) {
	case LOGIN_SENT:
		login->state = LOGIN_QUEUED;
		arm(login, login->client->connection_ms);
		break;
	case LOGIN_ASKED:
		login->state = LOGIN_BROKEN;
		break;
	case LOGIN_ANSWERED:
		end_later(login, LOGIN_UNAVAILABLE);
		break;
	case LOGIN_QUEUED:
	case LOGIN_BROKEN:
	case LOGIN_ENDED:
		break;
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct login *login = arg;
	struct login_result result = { .verdict = LOGIN_UNAVAILABLE };

	(void)fd;
	(void)what;
	switch (login->state) {
	case LOGIN_ASKED:
		abandon(login);
		login->state = LOGIN_BROKEN;
		break;
	case LOGIN_BROKEN:
		break;
	case LOGIN_ENDED:
		result.verdict = login->ending;
		finish(login, &result);
		break;
	case LOGIN_QUEUED:
	case LOGIN_SENT:
	case LOGIN_ANSWERED:
		abandon(login);
		finish(login, &result);
		break;
	}
}

/* Keeps what a request is made of, for the time of its sending. */
static bool keep_request(struct login *login, const struct login_params *params)
{
	char buffer[AUTH_LINE_OUT_OCTETS - LOGIN_REQUEST_HEAD_OCTETS];
	struct auth_writer writer = auth_writer_of(buffer, sizeof(buffer));
	bool is_fine = login_request_write(&writer, params);

	if (is_fine) {
		login->text_octets = params->mechanism.n + writer.n;
		login->text = mem_new(login->text_octets);
		memcpy(login->text, params->mechanism.p, params->mechanism.n);
		memcpy(login->text + params->mechanism.n, buffer, writer.n);
		login->mechanism =
			(struct slice){ login->text, params->mechanism.n };
		login->arguments =
			(struct slice){ login->text + params->mechanism.n,
					writer.n };
	}
	explicit_bzero(buffer, writer.n);
	return is_fine;
}

struct login *login_start(struct login_client *client,
			  const struct login_params *params,
			  login_on_result *on_result, void *arg)
{
	struct login *login = mem_new(sizeof(*login));

	assert(params->mechanism.n > 0 && params->remote_ip.n > 0);
	login->client = client;
	login->is_tls = params->is_tls;
	login->on_result = on_result;
	login->arg = arg;
	login->timer = evtimer_new(client->base, on_timer, login);
	assert(login->timer != NULL);
	TAILQ_INSERT_TAIL(&client->logins, login, entry);

	if (client->next_id == UINT32_MAX)
		auth_conn_drop(client->conn, AUTH_LOST, "all ids are used up");
	if (!keep_request(login, params))
		end_later(login, LOGIN_MALFORMED);
	else if (auth_conn_is_established(client->conn))
		login_send(login);
	else
		arm(login, client->connection_ms);
	return login;
}

void login_continue(struct login *login, struct slice answer,
		    struct slice binding)
{
	enum login_verdict verdict = LOGIN_UNAVAILABLE;

	assert(login->state == LOGIN_ASKED || login->state == LOGIN_BROKEN);
	if (login->state == LOGIN_ASKED)
		verdict = send_cont(login, answer, binding);
	if (verdict == LOGIN_CONTINUE) {
		login->state = LOGIN_ANSWERED;
		arm(login, login->client->answer_ms);
	} else {
		abandon(login);
		end_later(login, verdict);
	}
}

void login_cancel(struct login **login)
{
	if (*login == NULL)
		return;
	abandon(*login);
	login_release(*login);
	*login = NULL;
}
