#include "receive/signer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proc/message.h"
#include "proc/packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { ARENA_OCTETS = 65536 }; /* a tripwire: the messages have no lists */

struct signer {
	int fd;
	unsigned wait_ms;
	uint64_t asked, answered; /* ids */
	uint64_t asked_ms;        /* when */
	bool is_failing;          /* that has been said */
	struct arena *arena;
};

/* What an answer is to be put into. */
struct answer {
	char *room;
	size_t room_octets;
	size_t n;
	char problem[80];
};

struct signer *signer_new(unsigned wait_ms)
{
	struct signer *s = mem_new(sizeof(*s));

	s->fd = -1;
	s->wait_ms = wait_ms;
	s->arena = arena_new(ARENA_OCTETS);
	return s;
}

void signer_free(struct signer **signer)
{
	if (*signer == NULL)
		return;
	fd_close(&(*signer)->fd);
	arena_free(&(*signer)->arena);
	mem_free(signer);
}

void signer_use(struct signer *signer, int fd)
{
	fd_close(&signer->fd);
	signer->fd = fd;
	signer->answered = signer->asked; /* nothing more comes of that */
}

uint64_t signer_late_ms(const struct signer *signer)
{
	return signer->answered == signer->asked
		       ? 0
		       : clock_monotonic_ms() - signer->asked_ms;
}

static int ask(struct signer *s, const struct key_question *q)
{
	const struct message m = { .type = MESSAGE_SIGN,
				   .fd = -1,
				   .sign = { .id = s->asked + 1,
					     .signing = SIGN_HANDSHAKE,
					     .key = q->id,
					     .scheme = q->scheme,
					     .text = q->text } };
	struct wire_writer w = { .bytes = NULL };
	int r;

	wire_put_bool(&w, false); /* no flags */
	r = message_encode(&m, &w);
	if (r == 0 && w.n > PACKET_OCTETS)
		r = -EMSGSIZE;
	if (r == 0)
		r = packet_send(s->fd, (struct slice){ w.bytes, w.n }, NULL, 0);
	mem_free(&w.bytes);
	if (r < 0)
		return r;
	s->asked++;
	s->asked_ms = clock_monotonic_ms();
	return 0;
}

static void take_signature(const struct msg_signature *m, struct answer *a)
{
	struct slice problem = slice_head(m->problem, sizeof(a->problem) - 1);

	if (m->octets.n <= a->room_octets && m->octets.n > 0)
		memcpy(a->room, m->octets.p, m->octets.n);
	a->n = m->octets.n <= a->room_octets ? m->octets.n : 0;
	if (problem.n > 0)
		memcpy(a->problem, problem.p, problem.n);
}

/* Reads what is there, until the answer to the last question. Returns 1 with
 * it, 0 if it has not come yet, or a negative errno. */
static int read_answers(struct signer *s, struct answer *a)
{
	/* Not zeroed: 32 KiB a handshake. */
	struct received in __attribute__((uninitialized));
	struct message m;
	int r;

	while ((r = packet_receive(s->fd, &in)) > 0) {
		const struct slice octets = { in.bytes + 1, in.n - 1 };

		for (size_t i = 0; i < in.fd_count; i++)
			fd_close(&in.fds[i]);
		arena_clear(s->arena);
		if (in.is_cut || in.n == 0 || in.bytes[0] != 0 ||
		    message_decode(octets, s->arena, &m) < 0 ||
		    m.type != MESSAGE_SIGNATURE ||
		    m.signature.id <= s->answered || m.signature.id > s->asked)
			return -EBADMSG;
		s->answered = m.signature.id;
		if (s->answered < s->asked)
			continue;
		if (a != NULL)
			take_signature(&m.signature, a);
		return 1;
	}
	return r;
}

/* Returns as read_answers(), -ETIMEDOUT for 0. */
static int wait_for_answer(struct signer *s, struct answer *a)
{
	uint64_t end_ms = s->asked_ms + s->wait_ms;
	int r;

	while ((r = read_answers(s, a)) == 0) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		uint64_t now_ms = clock_monotonic_ms();

		if (now_ms >= end_ms)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(end_ms - now_ms)) < 0 && errno != EINTR)
			return -errno;
	}
	return r;
}

static void log_result(struct signer *s, int r, const struct answer *a)
{
	const char *problem = a->problem[0] != '\0' ? a->problem : "none";

	if (r >= 0 && a->n > 0) {
		if (s->is_failing)
			log_plain(LOG_INFO, NULL,
				  "handshakes are signed again");
		s->is_failing = false;
		return;
	}
	if (!s->is_failing)
		LOG(LOG_ERROR, NULL, "a handshake is not signed",
		    log_string("problem",
			       r < 0 ? strerrordesc_np(-r) : problem));
	s->is_failing = true;
}

size_t signer_sign(const struct key_question *question, char *room, size_t n,
		   struct signer *s)
{
	struct answer a = { .room = room, .room_octets = n };
	int r = s->fd < 0 ? -ENOTCONN : 1;

	/* One wait is enough: then the answers that are late come first. */
	if (r > 0 && s->answered != s->asked) {
		r = read_answers(s, NULL);
		r = r == 0 ? -EBUSY : r;
	}
	if (r > 0)
		r = ask(s, question);
	if (r >= 0)
		r = wait_for_answer(s, &a);
	if (r < 0 && r != -ETIMEDOUT && r != -EBUSY)
		fd_close(&s->fd); /* its end: the parent makes a new one */
	log_result(s, r, &a);
	return r < 0 ? 0 : a.n;
}
