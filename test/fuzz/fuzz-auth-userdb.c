/*
 * A hostile Dovecot talks to the userdb client. The first octet chooses: bit 0
 * a proper handshake before the rest, the others how it is cut into pieces.
 * The callers are told the same however it is cut, each once, and a found user
 * has a name.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "auth-peer.h"
#include "auth/userdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOOKUPS = 3 };

static const struct slice handshake = SLICE("VERSION\t1\t1\nSPID\t1\n");

struct run {
	struct auth_peer peer;
	struct userdb_client *client;
	struct run_lookup {
		struct run *run;
		struct userdb_lookup *lookup;
	} lookups[LOOKUPS];
};

static void want(void *arg)
{
	struct run *run = arg;

	if (run->peer.fd < 0)
		userdb_client_connected(run->client,
					auth_peer_connect(&run->peer), 0);
}

static void on_result(const struct userdb_result *result, void *arg)
{
	struct run_lookup *lookup = arg;
	char head[2] = { (char)('0' + (lookup - lookup->run->lookups)),
			 (char)('a' + (int)result->verdict) };

	assert(lookup->lookup != NULL);
	assert(result->verdict != USERDB_FOUND || result->user.n > 0);
	auth_peer_told(&lookup->run->peer, (struct slice){ head, 2 });
	auth_peer_told(&lookup->run->peer, result->user);
	auth_peer_told(&lookup->run->peer, result->reason);
	lookup->lookup = NULL;
}

static void begin(struct run *run)
{
	auth_peer_init(&run->peer);
	run->client = userdb_client_new(run->peer.base, want, run);
	for (int i = 0; i < LOOKUPS; i++) {
		run->lookups[i].run = run;
		run->lookups[i].lookup =
			userdb_lookup(run->client, S("alice@example.com"),
				      "lmtp", on_result, &run->lookups[i]);
	}
	auth_peer_settle(&run->peer);
}

static void end(struct run *run)
{
	userdb_cancel(&run->lookups[0].lookup);
	userdb_client_free(&run->client);
	auth_peer_done(&run->peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	struct slice input = { (const char *)data, size };

	if (size == 0)
		return 0;
	input = slice_head(slice_tail(input, 1), AUTH_PEER_INPUT_OCTETS);
	begin(&whole);
	begin(&pieces);
	if (data[0] & 1) {
		auth_peer_send(&whole.peer, handshake, handshake.n);
		auth_peer_send(&pieces.peer, handshake, 7);
	}
	auth_peer_send(&whole.peer, input, AUTH_PEER_INPUT_OCTETS);
	auth_peer_send(&pieces.peer, input, data[0] / 2U + 1);
	assert(whole.peer.told_octets == pieces.peer.told_octets);
	assert(memcmp(whole.peer.told, pieces.peer.told,
		      whole.peer.told_octets) == 0);
	end(&whole);
	end(&pieces);
	return 0;
}
