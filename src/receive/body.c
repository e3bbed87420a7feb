#include "receive/session-private.h"

#include "base/clock.h"
#include "mail/date.h"
#include "mail/received.h"
#include "receive/origin_fields.h"

#include <arpa/inet.h>

enum { READ_OCTETS = 65536 };

/* --- towards struct content ---------------------------------------------------- */

static void put(struct transaction *t, struct slice octets)
{
	if (octets.n == 0 || t->dropped_by.n > 0)
		return;
	if (content_state(t->content) == CONTENT_WAITING) {
		if (t->held == NULL)
			t->held = evbuffer_new();
		(void)evbuffer_add(t->held, octets.p, octets.n);
	} else {
		content_write(t->content, octets);
	}
}

/* Writes what was held. Returns false, with s->op set, if content waits. */
static bool flush_held(struct session *s)
{
	struct transaction *t = s->tx;
	struct evbuffer_iovec v;

	while (content_state(t->content) != CONTENT_WAITING) {
		if (t->held == NULL ||
		    evbuffer_peek(t->held, -1, NULL, &v, 1) <= 0)
			return true;
		content_write(t->content,
			      (struct slice){ v.iov_base, v.iov_len });
		(void)evbuffer_drain(t->held, v.iov_len);
	}
	s->op = OP_CONTENT;
	return false;
}

static void on_ready(void *arg)
{
	struct session *s = arg;

	if (s->op != OP_CONTENT)
		return; /* between two chunks nobody waits */
	session_op_done(s);
	session_run(s);
}

/* --- the header section ---------------------------------------------------------- */

/* RFC 6409 8.1, 8.3: a user's program may leave these to us. */
static void add_fields(struct session *s)
{
	struct transaction *t = s->tx;
	struct arena *a = s->server->scratch;

	if (!t->adds_fields)
		return;
	t->adds_fields = false;
	if (!t->header.has_date) {
		char date[DATE_OCTETS];

		date_format(clock_wall_s(), date);
		put(t, arena_format(a, "Date: %s\r\n", date));
	}
	if (!t->header.has_message_id) {
		const struct slice parts[] = {
			S("Message-ID: <"), t->trace, S("@"),
			slice_of(s->server->conf->hostname), S(">\r\n")
		};

		put(t, arena_join(a, parts, 5));
	}
}

/*
 * Mail that Dovecot sends while it delivers: LMTP waits for our answer, so
 * giving it to LMTP before we answer could make both wait. Pigeonhole marks
 * it with X-Sieve fields.
 */
static void watch_sieve(struct transaction *t, struct slice octets)
{
	static const struct slice name = SLICE("X-SIEVE");

	for (size_t i = 0; i < octets.n; i++) {
		char c = octets.p[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c == '\n')
			t->sieve_matched = 0;
		else if (t->sieve_matched < name.n &&
			 c == name.p[t->sieve_matched])
			t->sieve_matched++;
		else
			t->sieve_matched = UINT8_MAX;
		if (t->sieve_matched == name.n)
			t->is_from_sieve = true;
	}
}

static void check_header(struct transaction *t)
{
	if (t->delivered.is_found)
		t->fault = &REPLY_FORWARD_LOOP;
	else if (header_watch_is_loop(&t->header))
		t->fault = &REPLY_LOOP;
	else if (header_watch_is_too_big(&t->header))
		t->fault = &REPLY_HEADER_TOO_BIG;
}

static size_t line_octets(const struct transaction *t)
{
	return t->line != NULL ? evbuffer_get_length(t->line) : 0;
}

static void put_line(struct transaction *t)
{
	size_t n = line_octets(t);

	if (n == 0)
		return;
	put(t, (struct slice){ (char *)evbuffer_pullup(t->line, -1), n });
	(void)evbuffer_drain(t->line, n);
}

/* What follows the last LF is kept back: if it turns out to be the body's
 * begin, something is to be put before it. data.h bounds a line. */
static void put_header(struct transaction *t, struct slice octets)
{
	size_t lf = slice_find_last(octets, '\n');
	size_t whole = lf < octets.n ? lf + 1 : 0;
	struct slice rest = slice_tail(octets, whole);

	if (whole > 0)
		put_line(t);
	put(t, slice_head(octets, whole));
	if (rest.n > 0 && t->line == NULL)
		t->line = evbuffer_new();
	if (rest.n > 0)
		(void)evbuffer_add(t->line, rest.p, rest.n);
}

/* A body with no empty line before it gets one: readers differ in where such a
 * header ends, a first line with a blank would fold our Received, and filters
 * are to see the message that is delivered. */
static void put_separator(struct transaction *t, struct slice rest)
{
	bool is_empty =
		line_octets(t) == 0 && (rest.p[0] == '\r' || rest.p[0] == '\n');

	if (!is_empty)
		put(t, S("\r\n"));
}

static void take_header(struct session *s, struct slice run)
{
	struct transaction *t = s->tx;
	size_t n = header_watch_feed(&t->header, run);

	if (t->watches_sieve)
		watch_sieve(t, slice_head(run, n));
	delivered_watch_feed(&t->delivered, slice_head(run, n));
	tls_required_watch_feed(&t->tls_required, slice_head(run, n));
	check_header(t);
	put_header(t, slice_head(run, n));
	if (!t->header.is_over)
		return;
	add_fields(s);
	put_separator(t, slice_tail(run, n));
	put_line(t);
	put(t, slice_tail(run, n));
}

static void sink(struct slice run, void *arg)
{
	struct session *s = arg;
	struct transaction *t = s->tx;

	if (t->fault != NULL || run.n == 0)
		return;
	if (t->header.is_over) {
		put(t, run);
		return;
	}
	take_header(s, run);
}

/* A big message comes in bigger reads. */
static void read_more_at_once(struct session *s)
{
	struct transaction *t = s->tx;

	if (t->reads_more || t->data.octets < READ_OCTETS)
		return;
	t->reads_more = true;
	stream_set_input_limit(s->stream, READ_OCTETS);
}

/* --- the whole ---------------------------------------------------------------------- */

static struct slice received_field(const struct session *s)
{
	const struct transaction *t = s->tx;
	struct received r = {
		.hello = slice_of(s->hello),
		.hostname = slice_of(s->server->conf->hostname),
		.trace = t->trace,
		.tls_version = stream_tls_version(s->stream),
		.tls_cipher = stream_tls_cipher(s->stream),
		.is_esmtp = s->is_esmtp,
		.is_smtputf8 = t->mail.is_smtputf8,
		.is_authenticated = s->login != NULL,
		.date = clock_wall_s(),
	};

	if (session_is_local(s))
		r.user = arena_format(s->server->scratch, "%u",
				      s->peer.user.uid);
	else if (s->login == NULL) /* where a user sits is nobody's business */
		r.client_ip = slice_of(s->peer_ip);
	if (t->recipient_count == 1)
		r.recipient = t->recipients[0].original;
	return received_format(&r, s->server->scratch);
}

static bool is_loopback(const struct session *s)
{
	if (s->peer.any.sa_family == AF_INET)
		return ntohl(s->peer.in.sin_addr.s_addr) >> 24 == 127;
	return s->peer.any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&s->peer.in6.sin6_addr);
}

/* Received is the first: filters.c counts on that. */
static struct slice own_fields(struct session *s, struct slice alias)
{
	struct slice parts[3] = { received_field(s) };

	/* A message that came without SMTPUTF8 stays one that needs none. */
	if (alias.n > 0 && !slice_has_high(alias))
		parts[1] = delivered_to_format(alias, s->server->scratch);
	if (s->login != NULL)
		parts[2] = origin_login_fields(s);
	return arena_join(s->tx->arena, parts, 3);
}

void body_begin(struct session *s)
{
	struct transaction *t = s->tx;
	struct slice alias = transaction_forwarder(t);

	t->content = content_new(s->server->spool, on_ready, s);
	t->adds_fields = session_is_submission(s);
	t->watches_sieve =
		s->login == NULL && (is_loopback(s) || session_is_local(s));
	header_watch_init(&t->header);
	delivered_watch_init(&t->delivered, alias);
	tls_required_watch_init(&t->tls_required);
	t->own = own_fields(s, alias);
	put(t, t->own);
}

bool body_feed(struct session *s)
{
	struct transaction *t = s->tx;
	struct evbuffer *in = stream_input(s->stream);
	enum data_progress progress = DATA_MORE;
	struct evbuffer_iovec v;
	size_t consumed;

	while (progress == DATA_MORE && t->data.fault != DATA_FAULT_SMUGGLING) {
		if (!flush_held(s) || evbuffer_get_length(in) == 0 ||
		    evbuffer_peek(in, -1, NULL, &v, 1) <= 0)
			return false;
		progress = data_reader_feed(
			&t->data, (struct slice){ v.iov_base, v.iov_len }, sink,
			s, &consumed);
		s->rate_octets += consumed;
		(void)evbuffer_drain(in, consumed);
		read_more_at_once(s);
	}
	return true;
}

enum content_state body_end(struct session *s)
{
	struct transaction *t = s->tx;

	if (t->data.is_open_line)
		sink(S("\r\n"), s); /* some readers want whole lines */
	t->data.is_open_line = false;
	put_line(t);
	if (!t->header.is_over)
		add_fields(s);
	if (!flush_held(s))
		return CONTENT_WAITING;
	return content_finish(t->content);
}

const struct reply *body_fault(const struct transaction *t)
{
	switch (t->data.fault) {
	case DATA_FAULT_NONE:
		return t->fault;
	case DATA_FAULT_SMUGGLING:
		return &REPLY_SMUGGLING;
	case DATA_FAULT_BARE_NEWLINE:
		return &REPLY_BARE_NEWLINE;
	case DATA_FAULT_NUL:
		return &REPLY_NUL_IN_DATA;
	case DATA_FAULT_LINE_TOO_LONG:
		return &REPLY_LINE_IN_DATA_TOO_LONG;
	case DATA_FAULT_TOO_BIG:
		return &REPLY_TOO_BIG;
	}
	return &REPLY_INTERNAL;
}
