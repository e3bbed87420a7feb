#include "receive/signer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proc/message.h"
#include "proc/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ARENA_OCTETS = 65536, /* a tripwire: the messages have no lists */
	ANSWER_OCTETS = 4096,
};

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
	const struct timeval wait = { .tv_sec = signer->wait_ms / 1000,
				      .tv_usec =
					      signer->wait_ms % 1000 * 1000L };

	fd_close(&signer->fd);
	signer->fd = fd;
	if (fd < 0)
		return;
	/* A read that waits saves asking whether there is something. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)fcntl(fd, F_SETFL, 0);
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

	if (a->room != NULL && m->octets.n > 0 && m->octets.n <= a->room_octets)
		memcpy(a->room, m->octets.p, m->octets.n);
	a->n = m->octets.n <= a->room_octets ? m->octets.n : 0;
	if (problem.n > 0)
		memcpy(a->problem, problem.p, problem.n);
}

/* One answer. Returns 1 if it is to the last question, 0 if it is late or none
 * has come (flags: MSG_DONTWAIT, or 0 to wait), or a negative errno. */
static int read_answer(struct signer *s, int flags, struct answer *a)
{
	char octets[ANSWER_OCTETS];
	ssize_t n = recv(s->fd, octets, sizeof(octets), flags | MSG_TRUNC);
	struct message m;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	arena_clear(s->arena);
	if ((size_t)n > sizeof(octets) || octets[0] != 0 ||
	    message_decode((struct slice){ octets + 1, (size_t)n - 1 },
			   s->arena, &m) < 0 ||
	    m.type != MESSAGE_SIGNATURE || m.signature.id <= s->answered ||
	    m.signature.id > s->asked)
		return -EBADMSG;
	s->answered = m.signature.id;
	if (s->answered < s->asked)
		return 0;
	take_signature(&m.signature, a);
	return 1;
}

/* Returns 0 once nothing is late, -EBUSY before, or another negative errno. */
static int catch_up(struct signer *s)
{
	struct answer late = { .room_octets = 0 };
	int r = 0;

	while (r >= 0 && s->answered != s->asked)
		r = read_answer(s, MSG_DONTWAIT, &late);
	if (r == -EAGAIN)
		return -EBUSY;
	return r < 0 ? r : 0;
}

/* Returns 0 or a negative errno, -EAGAIN after the time. */
static int wait_for_answer(struct signer *s, struct answer *a)
{
	int r = 0;

	while (r == 0)
		r = read_answer(s, 0, a);
	return r < 0 ? r : 0;
}

static void log_result(struct signer *s, int r, const struct answer *a)
{
	const char *problem = a->problem;

	if (r == 0 && a->n > 0) {
		if (s->is_failing)
			log_plain(LOG_INFO, NULL,
				  "handshakes are signed again");
		s->is_failing = false;
		return;
	}
	if (r == -EAGAIN || r == -EBUSY)
		problem = "keyring does not answer";
	else if (r < 0)
		problem = "keyring is not there";
	if (!s->is_failing)
		LOG(LOG_ERROR, NULL, "a handshake is not signed",
		    log_string("problem", problem));
	s->is_failing = true;
}

size_t signer_sign(const struct key_question *question, char *room, size_t n,
		   struct signer *s)
{
	struct answer a = { .room = room, .room_octets = n };
	int r = s->fd < 0 ? -ENOTCONN : catch_up(s);

	if (r == 0)
		r = ask(s, question);
	if (r == 0)
		r = wait_for_answer(s, &a);
	if (r < 0 && r != -EAGAIN && r != -EBUSY)
		fd_close(&s->fd); /* its end: the parent makes a new one */
	log_result(s, r, &a);
	return r == 0 ? a.n : 0;
}
