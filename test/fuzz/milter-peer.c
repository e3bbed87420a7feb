#include "milter-peer.h"

#include "base/mem.h"
#include "milter/filter.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

void peer_init(struct peer *p)
{
	p->fd = -1;
}

void peer_close(struct peer *p)
{
	fd_close(&p->fd);
	milter_reader_free(&p->reader);
}

void peer_connect(struct peer *p, uint32_t version)
{
	void *token = p->token;
	int pair[2];

	peer_close(p);
	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	memset(p, 0, offsetof(struct peer, in));
	p->in_n = 0;
	p->fd = pair[1];
	p->reader = milter_reader_new();
	p->offer = milter_offer(version);
	milter_connected(token, pair[0], 0, false, S("here"));
}

/* --- says ----------------------------------------------------------------------- */

static void note_options(struct peer *p, struct milter_options *options)
{
	struct slice problem;

	if (p->options.version != 0 ||
	    !milter_options_settle(options, &p->offer, &problem))
		p->is_said_broken = true;
	else
		p->options = *options;
}

static void note_said(struct peer *p, struct slice octets)
{
	struct milter_options options;
	struct milter_reply reply;

	while (!p->is_said_broken) {
		switch (milter_reader_next(p->reader, &octets, &reply,
					   &options)) {
		case MILTER_READ_MORE:
			return;
		case MILTER_READ_REPLY:
			if (milter_code_is_verdict(reply.code) &&
			    p->said_n < PEER_SAID)
				p->said[p->said_n++] = (char)reply.code;
			break;
		case MILTER_READ_OPTIONS:
			note_options(p, &options);
			break;
		case MILTER_READ_BROKEN:
			p->is_said_broken = true;
			break;
		}
	}
}

void peer_say(struct peer *p, struct slice octets)
{
	if (p->fd < 0 || octets.n == 0)
		return;
	note_said(p, octets);
	(void)send(p->fd, octets.p, octets.n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void peer_say_packet(struct peer *p, unsigned which)
{
	static const struct slice packets[] = {
		SLICE("c"),
		SLICE("c"),
		SLICE("a"),
		SLICE("r"),
		SLICE("t"),
		SLICE("d"),
		SLICE("s"),
		SLICE("4"),
		SLICE("f"),
		SLICE("p"),
		SLICE("qwhy\0"),
		SLICE("y550 5.7.1 no\0"),
		SLICE("y450-a\r\n450 b\0"),
		SLICE("y421 bye\0"),
		SLICE("hX\0y\0"),
		SLICE("i\0\0\0\0X\0y\0"),
		SLICE("i\0\0\0\1X\0y\n z\0"),
		SLICE("m\0\0\0\1Subject\0z\0"),
		SLICE("m\0\0\0\1A\0\0"),
		SLICE("bnew body\r\n"),
		SLICE("b"),
		SLICE("+<e@f>\0"),
		SLICE("2<e@f>\0NOTIFY=NEVER\0"),
		SLICE("-<c@d>\0"),
		SLICE("e<g@h>\0"),
	};
	struct slice packet;
	char octets[64];
	uint32_t n;

	if (which >= sizeof(packets) / sizeof(packets[0]))
		return;
	packet = packets[which];
	n = htonl((uint32_t)packet.n);
	memcpy(octets, &n, 4);
	memcpy(octets + 4, packet.p, packet.n);
	peer_say(p, (struct slice){ octets, packet.n + 4 });
}

void peer_negotiate(struct peer *p, uint32_t steps)
{
	static const char head[] = "\0\0\0\xdO\0\0\0\6\0\0\1\xff";
	char octets[17];

	memcpy(octets, head, 13);
	if (steps & PEER_NO_ACTIONS)
		memset(octets + 9, 0, 4);
	steps = htonl(steps);
	memcpy(octets + 13, &steps, 4);
	peer_say(p, (struct slice){ octets, sizeof(octets) });
}

/* --- hears ---------------------------------------------------------------------- */

static bool has(const struct peer *p, uint32_t step)
{
	return (p->options.steps & step) != 0;
}

static bool is_open(const struct peer *p)
{
	return p->state >= PEER_IN_MESSAGE && p->state <= PEER_IN_BODY;
}

/* What a libmilter makes of its own verdict: after most of them it waits for
 * the next message. */
static void settle(struct peer *p)
{
	bool is_alone = p->unanswered == 'R' || p->unanswered == 'U';
	char verdict;

	if (p->unanswered == 0 || p->said_n == 0)
		return;
	verdict = p->said[0];
	memmove(p->said, p->said + 1, --p->said_n);
	if (is_open(p) &&
	    (verdict == 'a' || (strchr("cs", verdict) == NULL && !is_alone)))
		p->state = PEER_CONNECTED;
	p->unanswered = 0;
}

static void expect_answer(struct peer *p, char command, uint32_t no_reply)
{
	assert(p->unanswered == 0);
	if (!has(p, no_reply))
		p->unanswered = command;
}

static void enter(struct peer *p, char command, enum peer_state state,
		  uint32_t no_step, uint32_t no_reply)
{
	assert(!has(p, no_step));
	expect_answer(p, command, no_reply);
	p->state = state;
}

/* Steps that the filter does not want may be missing in between. */
static void hear(struct peer *p, char command, size_t n)
{
	bool is_connected;

	settle(p);
	is_connected =
		p->state == PEER_CONNECTED ||
		(p->state == PEER_NEGOTIATED && has(p, MILTER_NOCONNECT));
	assert(p->state != PEER_QUIT);
	assert((p->state == PEER_NEW) == (command == 'O'));
	switch (command) {
	case 'O':
		assert(n == 12);
		p->state = PEER_NEGOTIATED;
		break;
	case 'C':
		assert(p->state == PEER_NEGOTIATED);
		enter(p, command, PEER_CONNECTED, MILTER_NOCONNECT,
		      MILTER_NR_CONN);
		break;
	case 'H':
		assert(!is_open(p));
		assert(is_connected);
		enter(p, command, PEER_CONNECTED, MILTER_NOHELO,
		      MILTER_NR_HELO);
		break;
	case 'M':
		assert(!is_open(p) && is_connected);
		enter(p, command, PEER_IN_MESSAGE, MILTER_NOMAIL,
		      MILTER_NR_MAIL);
		p->has_recipient = has(p, MILTER_NORCPT);
		break;
	case 'R':
		assert(p->state == PEER_IN_MESSAGE || has(p, MILTER_NOMAIL));
		enter(p, command, PEER_IN_MESSAGE, MILTER_NORCPT,
		      MILTER_NR_RCPT);
		p->has_recipient = true;
		break;
	case 'T':
		enter(p, command, PEER_IN_HEADER, MILTER_NODATA,
		      MILTER_NR_DATA);
		break;
	case 'L':
		enter(p, command, PEER_IN_HEADER, MILTER_NOHDRS, MILTER_NR_HDR);
		break;
	case 'N':
		enter(p, command, PEER_IN_BODY, MILTER_NOEOH, MILTER_NR_EOH);
		break;
	case 'B':
		assert(n > 0);
		assert(p->state == PEER_IN_BODY || has(p, MILTER_NOEOH));
		enter(p, command, PEER_IN_BODY, MILTER_NOBODY, MILTER_NR_BODY);
		break;
	case 'E':
		assert(p->state == PEER_IN_BODY || has(p, MILTER_NOEOH));
		enter(p, command, PEER_CONNECTED, 0, 0);
		break;
	case 'U':
		assert(!has(p, MILTER_NOUNKNOWN));
		assert(!is_open(p) || p->state == PEER_IN_MESSAGE);
		assert(!has(p, MILTER_NODATA) || !p->has_recipient ||
		       !is_open(p));
		expect_answer(p, command, MILTER_NR_UNKN);
		break;
	case 'A':
		p->unanswered = 0;
		p->state = PEER_CONNECTED;
		break;
	case 'Q':
		p->state = PEER_QUIT;
		break;
	default:
		assert(command == 'D' && n > 1);
	}
	if (strchr("TLNBE", command) != NULL)
		assert(p->has_recipient || has(p, MILTER_NORCPT) ||
		       has(p, MILTER_NOMAIL));
}

void peer_hear(struct peer *p)
{
	size_t at = 0;
	ssize_t got;

	if (p->fd < 0)
		return;
	got = recv(p->fd, p->in + p->in_n, sizeof(p->in) - p->in_n,
		   MSG_DONTWAIT);
	p->in_n += got > 0 ? (size_t)got : 0;
	while (p->in_n - at >= 5) {
		uint32_t n;

		memcpy(&n, p->in + at, 4);
		n = ntohl(n);
		assert(n >= 1 && n <= MILTER_DATA_OCTETS + 1);
		if (p->in_n - at < 4 + n)
			break;
		hear(p, p->in[at + 4], n - 1);
		at += 4 + n;
	}
	memmove(p->in, p->in + at, p->in_n - at);
	p->in_n -= at;
}
