/*
 * A hostile Dovecot talks to the login client. The first octet chooses: bit 0
 * a proper handshake before the rest, the others how it is cut into pieces.
 * The callers are told the same however it is cut, and nothing that would
 * break a reply, let in nobody, or reveal a token.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "auth-peer.h"
#include "auth/auth_line.h"
#include "auth/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOGINS = 3 };

static const struct slice handshake =
	SLICE("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nDONE\n");

struct run {
	struct auth_peer peer;
	struct login_client *client;
	struct run_login {
		struct run *run;
		struct login *login;
	} logins[LOGINS];
};

static void want(void *arg)
{
	struct run *run = arg;

	if (run->peer.fd < 0)
		login_client_connected(run->client,
				       auth_peer_connect(&run->peer), 0);
}

static void check(const struct login_result *result)
{
	if (result->verdict == LOGIN_CONTINUE)
		assert(auth_is_base64(result->text));
	if (result->verdict == LOGIN_OK)
		assert(result->user.n > 0);
	assert(!slice_has_control(result->text));
	assert(!slice_has_high(result->text));
	for (size_t i = 0; i < result->field_count; i++) {
		assert(!slice_equal(result->fields[i].name, S("token")));
		assert(!slice_equal(result->fields[i].name, S("nologin")));
	}
}

static void on_result(const struct login_result *result, void *arg)
{
	struct run_login *login = arg;
	char head[2] = { (char)('0' + (login - login->run->logins)),
			 (char)('a' + (int)result->verdict) };

	check(result);
	auth_peer_told(&login->run->peer, (struct slice){ head, 2 });
	auth_peer_told(&login->run->peer, result->text);
	auth_peer_told(&login->run->peer, result->user);
	auth_peer_told(&login->run->peer, result->channel_binding);
	if (result->verdict == LOGIN_CONTINUE)
		login_continue(login->login, S(""), S(""));
	else
		login->login = NULL;
}

static void begin(struct run *run)
{
	struct login_params params = {
		.mechanism = S("PLAIN"),
		.remote_ip = S("192.0.2.1"),
		.is_tls = true,
	};

	auth_peer_init(&run->peer);
	run->client = login_client_new(run->peer.base, want, run);
	for (int i = 0; i < LOGINS; i++) {
		run->logins[i].run = run;
		run->logins[i].login = login_start(run->client, &params,
						   on_result, &run->logins[i]);
	}
	auth_peer_settle(&run->peer);
}

static void end(struct run *run)
{
	login_cancel(&run->logins[0].login);
	login_client_free(&run->client);
	auth_peer_done(&run->peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	struct slice input = { (const char *)data, size };
	size_t piece;

	if (size == 0)
		return 0;
	input = slice_head(slice_tail(input, 1), AUTH_PEER_INPUT_OCTETS);
	piece = data[0] / 2U + 1;
	begin(&whole);
	begin(&pieces);
	if (data[0] & 1) {
		auth_peer_send(&whole.peer, handshake, handshake.n);
		auth_peer_send(&pieces.peer, handshake, 7);
		assert(login_client_is_ready(whole.client));
		assert(login_client_is_ready(pieces.client));
	}
	auth_peer_send(&whole.peer, input, AUTH_PEER_INPUT_OCTETS);
	auth_peer_send(&pieces.peer, input, piece);
	assert(login_client_is_ready(whole.client) ==
	       login_client_is_ready(pieces.client));
	assert(slice_equal(login_client_mechanisms(whole.client, true),
			   login_client_mechanisms(pieces.client, true)));
	assert(whole.peer.told_octets == pieces.peer.told_octets);
	assert(memcmp(whole.peer.told, pieces.peer.told,
		      whole.peer.told_octets) == 0);
	end(&whole);
	end(&pieces);
	return 0;
}
