#include "receive/signer.h"

#include "base/mem.h"
#include "proc/message.h"
#include "proc/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

enum { WAIT_MS = 30 };

/* We are keyring, and answer before we are asked: ids can be foretold. */
struct world {
	struct signer *signer;
	int fd;
	char room[16];
};

static void join(struct world *w)
{
	int fds[2];

	fd_close(&w->fd);
	assert_int_equal(
		socketpair(AF_UNIX,
			   SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			   fds),
		0);
	w->fd = fds[0];
	signer_use(w->signer, fds[1]);
}

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->fd = -1;
	w->signer = signer_new(WAIT_MS);
	join(w);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	signer_free(&w->signer);
	fd_close(&w->fd);
	mem_free(&w);
	return 0;
}

static void send_message(const struct world *w, const struct message *m)
{
	struct wire_writer out = { .bytes = NULL };

	wire_put_bool(&out, false);
	assert_int_equal(message_encode(m, &out), 0);
	assert_int_equal(
		packet_send(w->fd, (struct slice){ out.bytes, out.n }, NULL, 0),
		0);
	mem_free(&out.bytes);
}

static void answer(const struct world *w, uint64_t id, const char *octets)
{
	const struct message m = { .type = MESSAGE_SIGNATURE,
				   .signature = { .id = id,
						  .octets = slice_of(octets),
						  .problem = SLICE("no") } };

	send_message(w, &m);
}

static size_t ask(struct world *w)
{
	const struct key_question q = { .id = SLICE("key"),
					.scheme = TLS_ED25519,
					.text = SLICE("text") };

	memset(w->room, '?', sizeof(w->room));
	return signer_sign(&q, w->room, sizeof(w->room), w->signer);
}

static bool has(const struct world *w, const char *octets)
{
	return memcmp(w->room, octets, strlen(octets)) == 0;
}

static void test_question(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct world *w = *state;
	struct received in;
	struct message m;

	answer(w, 1, "one");
	assert_int_equal(ask(w), 3);
	assert_true(has(w, "one"));
	assert_int_equal(packet_receive(w->fd, &in), 1);
	assert_int_equal(
		message_decode((struct slice){ in.bytes + 1, in.n - 1 }, a, &m),
		0);
	assert_int_equal(m.type, MESSAGE_SIGN);
	assert_int_equal(m.sign.id, 1);
	assert_int_equal(m.sign.signing, SIGN_HANDSHAKE);
	assert_int_equal(m.sign.scheme, TLS_ED25519);
	assert_true(slice_equal(m.sign.key, S("key")));
	assert_true(slice_equal(m.sign.text, S("text")));
	answer(w, 2, "two");
	assert_int_equal(ask(w), 3);
	assert_true(has(w, "two"));
}

static void test_refusal(void **state)
{
	struct world *w = *state;

	answer(w, 1, "");
	assert_int_equal(ask(w), 0);
	answer(w, 2, "two");
	assert_int_equal(ask(w), 3);
	answer(w, 3, "more than there is room for");
	assert_int_equal(ask(w), 0);
	assert_true(has(w, "????????????????"));
}

static unsigned count_questions(const struct world *w)
{
	struct received in;
	unsigned count = 0;

	while (packet_receive(w->fd, &in) > 0)
		count++;
	return count;
}

/* It waits once; after that the late answer has to come first. */
static void test_late(void **state)
{
	struct world *w = *state;

	assert_int_equal(signer_late_ms(w->signer), 0);
	assert_int_equal(ask(w), 0);
	assert_true(signer_late_ms(w->signer) > 0);
	assert_int_equal(ask(w), 0);
	assert_int_equal(ask(w), 0);
	assert_int_equal(count_questions(w), 1);
	answer(w, 1, "late");
	answer(w, 2, "new");
	assert_int_equal(ask(w), 3);
	assert_true(has(w, "new"));
	assert_int_equal(signer_late_ms(w->signer), 0);
}

/* With another keyring nothing is late. */
static void test_new_link(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w), 0);
	join(w);
	assert_int_equal(signer_late_ms(w->signer), 0);
	answer(w, 2, "two");
	assert_int_equal(ask(w), 3);
}

static void test_nonsense(void **state)
{
	const struct message other = { .type = MESSAGE_READY };
	struct world *w = *state;

	answer(w, 7, "not asked");
	assert_int_equal(ask(w), 0);
	/* hung up on */
	assert_int_equal(send(w->fd, "x", 1, MSG_NOSIGNAL), -1);
	join(w);
	send_message(w, &other);
	assert_int_equal(ask(w), 0);
	join(w);
	assert_int_equal(send(w->fd, "\0nonsense", 9, 0), 9);
	assert_int_equal(ask(w), 0);
	join(w);
	fd_close(&w->fd);
	assert_int_equal(ask(w), 0);
	assert_int_equal(ask(w), 0);
	join(w);
	answer(w, 4, "four");
	assert_int_equal(ask(w), 4);
}

static void test_no_link(void **state)
{
	struct world *w = *state;

	signer_free(&w->signer);
	w->signer = signer_new(WAIT_MS);
	assert_int_equal(ask(w), 0);
	assert_int_equal(signer_late_ms(w->signer), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_question), TEST(test_refusal),  TEST(test_late),
		TEST(test_new_link), TEST(test_nonsense), TEST(test_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
