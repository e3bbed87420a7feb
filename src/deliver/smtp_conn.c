#include "deliver/smtp_conn.h"

#include "base/mem.h"
#include "deliver/remote_dial.h"
#include "deliver/smtp_pump.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { WHO_OCTETS = 1 << 20, WHY_OCTETS = 512 };

struct smtp_conn {
	struct event_base *base;
	int fd;                     /* while connecting; then -1 */
	struct event *on_connected; /* the same */
	struct event *on_turn;
	struct stream *stream; /* from then on */
	struct smtp_dialog *dialog;

	enum smtp_security security;
	struct tls_client *tls;
	struct tls_client_request who; /* in arena */
	struct arena *arena;
	bool is_tls_first, is_tls_begun;
	unsigned replies_then; /* when TLS was done */

	struct smtp_message message;
	bool has_message;   /* on_done is still to be called */
	bool is_told_idle;  /* so that it may begin */
	bool is_told_ended; /* nothing more is told */
	struct smtp_pump pump;
	bool is_pumping;

	struct smtp_patience *patience;
	uint64_t flushes; /* pieces that went out */
	char own_address[INET6_ADDRSTRLEN];

	const struct smtp_conn_calls *calls;
	void *arg;
};

static void run(struct smtp_conn *c);

static void take_a_turn(struct smtp_conn *c)
{
	event_active(c->on_turn, EV_TIMEOUT, 1);
}

/* --- sending ------------------------------------------------------------------- */

static void send_commands(struct smtp_conn *c)
{
	struct slice commands = smtp_dialog_output(c->dialog);

	while (commands.n > 0) {
		stream_send(c->stream, commands);
		commands = smtp_dialog_output(c->dialog);
	}
}

/* A piece each time the last is out. */
static void send_content(struct smtp_conn *c)
{
	enum smtp_content content = smtp_dialog_content(c->dialog);
	struct slice piece;

	if (content == SMTP_CONTENT_NONE) {
		c->is_pumping = false;
		return;
	}
	if (!c->is_pumping)
		smtp_pump_start(&c->pump, &c->message, content);
	else if (!stream_is_flushed(c->stream))
		return;
	c->is_pumping = true;
	if (c->pump.is_dry) {
		smtp_dialog_content_sent(c->dialog);
		c->is_pumping = false;
	} else if (smtp_pump_next(&c->pump, &piece)) {
		stream_send(c->stream, piece);
	} else {
		smtp_dialog_close(c->dialog, SMTP_END_CONTENT,
				  "the content cannot be read");
	}
}

static void begin_tls(struct smtp_conn *c)
{
	enum smtp_state when = c->is_tls_first ? SMTP_GREETING : SMTP_HANDSHAKE;

	if (c->is_tls_begun || smtp_dialog_state(c->dialog) != when)
		return;
	c->is_tls_begun = true;
	stream_start_tls_client(c->stream, c->tls, &c->who);
}

/* --- time ---------------------------------------------------------------------- */

static void watch_time(struct smtp_conn *c)
{
	enum smtp_wait wait = smtp_dialog_wait(c->dialog);

	if (c->stream == NULL && wait == SMTP_WAIT_GREETING)
		wait = SMTP_WAIT_CONNECT;
	smtp_patience_watch(c->patience, wait,
			    c->flushes + smtp_dialog_replies(c->dialog));
}

static void on_impatience(enum smtp_end end, const char *why, void *arg)
{
	struct smtp_conn *c = arg;

	smtp_dialog_close(c->dialog, end, why);
	run(c);
}

/* --- telling ------------------------------------------------------------------- */

static bool is_ready(const struct smtp_conn *c)
{
	return smtp_dialog_state(c->dialog) == SMTP_IDLE && !c->has_message;
}

/* One thing a turn, and last: it may free the connection. */
static void tell(struct smtp_conn *c)
{
	if (c->is_told_ended)
		return;
	if (c->has_message && smtp_dialog_is_over(c->dialog)) {
		c->has_message = false;
		take_a_turn(c);
		c->calls->on_done(c->arg);
	} else if (smtp_dialog_state(c->dialog) == SMTP_ENDED) {
		c->is_told_ended = true;
		c->calls->on_ended(smtp_dialog_end(c->dialog), c->arg);
	} else if (is_ready(c) && !c->is_told_idle) {
		c->is_told_idle = true;
		c->calls->on_idle(c->arg);
	}
}

/* Every event ends up here. */
static void run(struct smtp_conn *c)
{
	if (is_ready(c) && smtp_dialog_is_used_up(c->dialog))
		smtp_dialog_quit(c->dialog);
	if (c->stream != NULL) {
		begin_tls(c);
		send_commands(c);
		send_content(c);
	}
	watch_time(c);
	tell(c);
}

static void on_turn(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

/* --- the stream ---------------------------------------------------------------- */

static void on_input(void *arg)
{
	struct smtp_conn *c = arg;
	struct evbuffer *input = stream_input(c->stream);
	size_t n = evbuffer_get_length(input);
	const struct slice in = { (char *)evbuffer_pullup(input, -1), n };

	smtp_dialog_feed(c->dialog, in);
	(void)evbuffer_drain(input, n);
	run(c);
}

static void on_flushed(void *arg)
{
	struct smtp_conn *c = arg;

	c->flushes++;
	run(c);
}

/* why: a literal, or OpenSSL's. */
static void close_because(struct smtp_conn *c, enum smtp_end end,
			  const char *what, const char *why)
{
	char text[WHY_OCTETS];

	(void)snprintf(text, sizeof(text), "%s%s%s", what,
		       *why != '\0' ? ": " : "", why);
	smtp_dialog_close(c->dialog, end, text);
}

static void on_tls(void *arg)
{
	struct smtp_conn *c = arg;
	struct stream_tls_peer peer;

	c->replies_then = smtp_dialog_replies(c->dialog);
	stream_tls_peer(c->stream, &peer);
	if (smtp_security_is_met(c->security, &peer))
		smtp_dialog_secure(c->dialog);
	else
		close_because(c, SMTP_END_TLS_UNVERIFIED,
			      "the certificate is not good enough",
			      peer.problem);
	run(c);
}

/* With TLS 1.3 a server may refuse us after we took the handshake for done. */
static bool is_shaking_hands(const struct smtp_conn *c, enum stream_end end)
{
	if (!c->is_tls_begun)
		return false;
	return !stream_is_tls(c->stream) ||
	       (end == STREAM_FAILED &&
		smtp_dialog_replies(c->dialog) == c->replies_then);
}

static void on_end(enum stream_end end, void *arg)
{
	struct smtp_conn *c = arg;
	const char *why = end == STREAM_FAILED ? stream_error(c->stream) : "";

	if (smtp_dialog_state(c->dialog) == SMTP_QUITTING)
		smtp_dialog_close(c->dialog, SMTP_END_QUIT, "we said QUIT");
	else if (is_shaking_hands(c, end))
		close_because(c, SMTP_END_TLS_FAILED,
			      "the TLS handshake failed", why);
	else
		close_because(c, SMTP_END_LOST, "the server hung up", why);
	run(c);
}

static void on_connected(int fd, short what, void *arg)
{
	static const struct stream_callbacks callbacks = {
		.on_input = on_input,
		.on_flushed = on_flushed,
		.on_tls = on_tls,
		.on_end = on_end,
	};
	struct smtp_conn *c = arg;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error != 0) {
		close_because(c, SMTP_END_NO_CONNECTION, "no connection",
			      strerrordesc_np(error));
	} else {
		remote_dial_own_address(fd, c->own_address);
		c->stream = stream_new(c->base, fd, &callbacks, c);
		c->fd = -1;
	}
	run(c);
}

/* --- for the owner --------------------------------------------------------------- */

static void add_events(struct smtp_conn *c)
{
	c->on_connected = event_new(c->base, c->fd, EV_WRITE, on_connected, c);
	c->on_turn = evtimer_new(c->base, on_turn, c);
	assert(c->on_connected != NULL && c->on_turn != NULL);
	(void)event_add(c->on_connected, NULL);
	watch_time(c);
}

struct smtp_conn *smtp_conn_new(struct event_base *base, int fd,
				const struct smtp_conn_config *config,
				const struct smtp_conn_calls *calls, void *arg)
{
	struct smtp_conn *c = mem_new(sizeof(*c));

	assert(config->security == SMTP_PLAIN || config->tls != NULL);
	(void)evutil_make_socket_nonblocking(fd);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
			 sizeof(int));
	c->base = base;
	c->fd = fd;
	c->security = config->security;
	if (config->tls != NULL)
		c->tls = tls_client_ref(config->tls);
	c->arena = arena_new(WHO_OCTETS);
	c->who = tls_client_request_copy(&config->who, c->arena);
	if (c->security != SMTP_DANE)
		c->who.tlsa_count = 0;
	c->patience =
		smtp_patience_new(base, config->patience_ms, on_impatience, c);
	c->calls = calls;
	c->arg = arg;
	c->is_tls_first = config->is_tls_first;
	c->dialog = smtp_dialog_new(config->hostname,
				    smtp_security_tls(config->security),
				    &config->login);
	add_events(c);
	return c;
}

void smtp_conn_free(struct smtp_conn **conn)
{
	struct smtp_conn *c = *conn;

	if (c == NULL)
		return;
	event_free(c->on_connected);
	smtp_patience_free(&c->patience);
	event_free(c->on_turn);
	stream_free(&c->stream);
	smtp_dialog_free(&c->dialog);
	tls_client_free(&c->tls);
	arena_free(&c->arena);
	fd_close(&c->fd);
	mem_free(conn);
}

bool smtp_conn_is_idle(const struct smtp_conn *conn)
{
	return is_ready(conn) && conn->is_told_idle;
}

void smtp_conn_quit(struct smtp_conn *conn)
{
	assert(smtp_conn_is_idle(conn));
	smtp_dialog_quit(conn->dialog);
	take_a_turn(conn);
}

void smtp_conn_begin(struct smtp_conn *conn, const struct smtp_message *message)
{
	assert(smtp_conn_is_idle(conn));
	conn->message = *message;
	smtp_pump_look(smtp_dialog_features(conn->dialog), &conn->message);
	conn->has_message = true;
	conn->is_told_idle = false;
	smtp_dialog_begin(conn->dialog, &conn->message);
	take_a_turn(conn);
}

const struct smtp_result *smtp_conn_result(const struct smtp_conn *conn,
					   size_t index)
{
	return smtp_dialog_result(conn->dialog, index);
}

const struct smtp_features *smtp_conn_features(const struct smtp_conn *conn)
{
	return smtp_dialog_features(conn->dialog);
}

bool smtp_conn_is_tls(const struct smtp_conn *conn,
		      struct stream_tls_peer *ret_peer)
{
	if (conn->stream == NULL || !stream_is_tls(conn->stream))
		return false;
	stream_tls_peer(conn->stream, ret_peer);
	return true;
}

struct slice smtp_conn_tls_version(const struct smtp_conn *conn)
{
	return conn->stream != NULL ? stream_tls_version(conn->stream) : S("");
}

struct slice smtp_conn_tls_cipher(const struct smtp_conn *conn)
{
	return conn->stream != NULL ? stream_tls_cipher(conn->stream) : S("");
}

struct slice smtp_conn_own_address(const struct smtp_conn *conn)
{
	return slice_of(conn->own_address);
}

const struct outcome *smtp_conn_failure(const struct smtp_conn *conn)
{
	return smtp_dialog_failure(conn->dialog);
}
