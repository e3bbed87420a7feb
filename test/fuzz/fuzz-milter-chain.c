/*
 * What two filters say, while a client sends two messages. The input's first
 * two octets choose what is set for them; then come steps: octets that the one
 * at hand says, replies made for it, its end, the other's turn. What filters
 * are told meanwhile has to be what a libmilter takes: whole packets, in an
 * order that it answers to, and none before the last is answered.
 */
#include "base/mem.h"
#include "milter-peer.h"
#include "milter/chain.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PEERS = 2,
	LONG_MS = 100000,
	PACKET_FROM = 0x80, /* a step of 0x80 to 0x9f is a packet */
	OTHER = 0xa0,       /* of the two */
	CLOSES = 0xa1,
	ABORTS = 0xa2,
	NEGOTIATES = 0xa3, /* three octets: steps */
	FIELD = 66000,     /* too long a field */
};

static const char *const names[PEERS] = { "a", "b" };

struct run {
	struct event_base *base;
	struct milter_set *set;
	struct milter_chain *chain;
	struct peer peers[PEERS];
	unsigned at; /* the peer whose turn it is */
	struct slice in;
	uint32_t version;
	bool is_dry, is_waiting, is_aborted;
	struct milter_verdict verdict;
	struct milter_message *message;
};

/* --- the server -------------------------------------------------------------- */

static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 32 && text.p[i] != '\n' &&
		    text.p[i] != '\t')
			return false;
	return true;
}

static void check_verdict(const struct run *r, const struct milter_verdict *v)
{
	switch (v->kind) {
	case MILTER_GO_ON:
	case MILTER_DROP:
		break;
	case MILTER_REFUSE:
		assert(v->code >= 400 && v->code < 600 && v->code != 421);
		break;
	case MILTER_CLOSE:
		assert(v->code == 421);
		break;
	}
	assert(v->kind == MILTER_GO_ON || !r->is_dry);
	assert(is_plain(v->text));
	assert(v->kind == MILTER_GO_ON || v->filter != NULL);
}

static void on_verdict(const struct milter_verdict *v, void *arg)
{
	struct run *r = arg;

	assert(r->is_waiting);
	r->is_waiting = false;
	r->verdict = *v;
	check_verdict(r, v);
}

static bool get_macro(enum milter_stage stage, struct slice name,
		      struct arena *arena, struct slice *ret_value, void *arg)
{
	(void)arena;
	(void)arg;
	assert(stage < MILTER_STAGES && name.n > 0);
	*ret_value = S("value");
	return slice_equal(name, S("i")) || slice_equal(name, S("j"));
}

static void on_event(const struct milter_event *event, void *arg)
{
	assert(event->filter != NULL && event->stage[0] != '\0');
	assert(event->is_dry_run == ((struct run *)arg)->is_dry);
	assert(event->text.n < 1 << 20);
}

static const struct milter_chain_calls calls = {
	.on_verdict = on_verdict,
	.get_macro = get_macro,
	.on_event = on_event,
};

static void on_want(const char *filter, unsigned attempt, void *token,
		    void *arg)
{
	struct run *r = arg;

	(void)attempt;
	r->peers[filter[0] - 'a'].token = token;
}

static void on_forget(void *token, void *arg)
{
	struct run *r = arg;

	for (size_t i = 0; i < PEERS; i++)
		if (r->peers[i].token == token)
			r->peers[i].token = NULL;
}

/* --- steps ------------------------------------------------------------------- */

static unsigned next(struct run *r)
{
	unsigned octet = r->in.n > 0 ? (unsigned char)r->in.p[0] : 0;

	r->in = slice_tail(r->in, 1);
	return octet;
}

static void turn(struct run *r)
{
	for (int i = 0; i < 3; i++) {
		(void)event_base_loop(r->base, EVLOOP_NONBLOCK);
		for (size_t k = 0; k < PEERS; k++)
			peer_hear(&r->peers[k]);
	}
}

static void step(struct run *r)
{
	struct peer *p = &r->peers[r->at];
	unsigned what = next(r);

	if (p->token != NULL)
		peer_connect(p, r->version);
	if (what < PACKET_FROM) {
		peer_say(p, slice_head(r->in, what));
		r->in = slice_tail(r->in, what);
	} else if (what < OTHER) {
		peer_say_packet(p, what - PACKET_FROM);
	} else if (what == OTHER) {
		r->at = (r->at + 1) % PEERS;
	} else if (what == CLOSES) {
		peer_close(p);
	} else if (what == NEGOTIATES) {
		peer_negotiate(p, next(r) << 16 | next(r) << 8 | next(r));
	} else if (what == ABORTS) {
		milter_chain_abort(r->chain);
		r->is_waiting = false;
		r->is_aborted = true;
	}
	turn(r);
}

/* Returns whether the client goes on with its message. */
static bool wait_for(struct run *r, const struct milter_verdict *v)
{
	r->is_waiting = v == NULL;
	r->is_aborted = false;
	if (v != NULL) {
		r->verdict = *v;
		check_verdict(r, v);
	}
	while (r->is_waiting && r->in.n > 0)
		step(r);
	return !r->is_waiting && !r->is_aborted &&
	       r->verdict.kind == MILTER_GO_ON;
}

static void say_message(struct run *r)
{
	const struct slice params[] = { S("SIZE=9"), S("BODY=8BITMIME") };
	struct milter_chain *c = r->chain;

	if (!wait_for(r, milter_chain_mail(c, S("<a@b>"), params, 2, false)) ||
	    !wait_for(r, milter_chain_rcpt_refused(c, S("<x@y>"), NULL, 0)) ||
	    !wait_for(r, milter_chain_rcpt(c, S("<c@d>"), NULL, 0)) ||
	    !wait_for(r, milter_chain_unknown(c, S("XYZ"))) ||
	    !wait_for(r, milter_chain_data(c)))
		return;
	if (wait_for(r, milter_chain_content(c, r->message)) && r->is_dry)
		assert(!milter_message_is_changed(r->message));
}

static void say_all(struct run *r)
{
	const struct milter_client client = { .hostname = S("[192.0.2.1]"),
					      .family = '4',
					      .address = S("192.0.2.1") };

	(void)wait_for(r, milter_chain_connect(r->chain, &client));
	if (r->is_waiting)
		return;
	(void)wait_for(r, milter_chain_hello(r->chain, S("me.test")));
	for (int i = 0; i < 2 && !r->is_waiting; i++) {
		struct milter_filter_stats stats;

		say_message(r);
		stats = milter_set_stats(r->set, 0);
		assert(stats.unfiltered <= stats.failed);
	}
}

/* --- life -------------------------------------------------------------------- */

static void open_all(struct run *r, unsigned flags, unsigned more)
{
	struct milter_filter_config filters[PEERS];
	struct milter_set_config config = {
		.base = r->base,
		.filters = filters,
		.count = PEERS,
		.message_ms = LONG_MS,
		.body_limit = 20,
		.connector = { on_want, on_forget, r },
	};

	for (unsigned i = 0; i < PEERS; i++)
		filters[i] = (struct milter_filter_config){
			.name = names[i],
			.listeners = 1,
			.connect_ms = LONG_MS,
			.command_ms = LONG_MS,
			.content_ms = LONG_MS,
			.version = r->version,
			.dry_run = r->is_dry,
			.on_failure = (more >> (2 * i)) & 3,
			.is_original_index = flags & 2,
		};
	r->set = milter_set_new(&config, NULL);
	r->chain = milter_chain_new(r->set, 1, false, &calls, r);
	for (unsigned i = 0; i < PEERS; i++)
		peer_init(&r->peers[i]);
}

static int make_content(size_t body, bool has_long_field, size_t *ret_octets)
{
	static char field[FIELD + 2];
	int fd = memfd_create("content", MFD_CLOEXEC);
	FILE *f = fdopen(dup(fd), "w");

	memset(field, 'x', FIELD);
	(void)fprintf(f, "Received: us\r\nSubject: hi\r\nA:\r\n b\r\n");
	if (has_long_field)
		(void)fprintf(f, "B:%s\r\n", field);
	(void)fprintf(f, "\r\n%.*s", (int)body, field);
	assert(body <= FIELD);
	*ret_octets = (size_t)ftell(f);
	(void)fclose(f);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .in = { (const char *)data, size } };
	unsigned flags = next(&r);
	size_t octets;
	int fd;

	r.is_dry = flags & 1;
	r.version = flags & 4 ? 4 : 6;
	r.base = event_base_new();
	fd = make_content(flags & 8 ? FIELD : 0, flags & 16, &octets);
	assert(milter_message_open(fd, octets, 1, &r.message) == 0);
	open_all(&r, flags, next(&r));
	say_all(&r);
	milter_chain_free(&r.chain);
	turn(&r);
	for (size_t i = 0; i < PEERS; i++)
		peer_close(&r.peers[i]);
	milter_set_release(&r.set);
	milter_message_free(&r.message);
	(void)close(fd);
	event_base_free(r.base);
	return 0;
}
