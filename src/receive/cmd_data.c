/* DATA and BDAT: RFC 5321 4.1.1.4, RFC 3030. */
#include "receive/session-private.h"

/* --- DATA -------------------------------------------------------------------------- */

static void begin_data(struct session *s, const struct milter_verdict *v)
{
	if (filters_refuse(s, v)) {
		session_end_transaction(s);
		return;
	}
	data_reader_init_dot(&s->tx->data, s->server->conf->message_size_limit);
	body_begin(s);
	session_enter(s, ST_DATA);
	session_reply(s, &REPLY_START_DATA);
}

void cmd_data(struct session *s, struct slice args)
{
	(void)args;
	filters_data(s, begin_data);
}

enum step data_step(struct session *s)
{
	if (!body_feed(s))
		return STEP_WAIT;
	session_enter(s, ST_COMPLETE);
	return STEP_NEXT;
}

/* --- BDAT -------------------------------------------------------------------------- */

static void end_chunk(struct session *s)
{
	struct transaction *t = s->tx;

	if (t->is_last_chunk)
		data_reader_finish_chunks(&t->data);
	if (t->is_last_chunk || body_fault(t) != NULL) {
		session_enter(s, ST_COMPLETE);
	} else {
		session_enter(s, ST_CHUNKS);
		session_reply(s, &REPLY_OK);
	}
}

enum step chunk_step(struct session *s)
{
	if (!body_feed(s))
		return STEP_WAIT;
	end_chunk(s);
	return STEP_NEXT;
}

static void begin_chunk(struct session *s, uint64_t octets)
{
	data_reader_begin_chunk(&s->tx->data, octets);
	session_enter(s, ST_CHUNK);
	if (octets == 0)
		end_chunk(s);
}

/* RFC 3030 2: the octets come whether we want them or not. */
static void eat_chunk(struct session *s, uint64_t octets)
{
	if (s->state == ST_CLOSING)
		return;
	s->chunk_octets = octets;
	s->state_after = s->state;
	session_enter(s, ST_EAT);
}

/* chunk_octets of the first one are to come. */
static void begin_chunks(struct session *s, const struct milter_verdict *v)
{
	uint64_t octets = s->chunk_octets;

	if (filters_refuse(s, v)) {
		session_end_transaction(s);
		eat_chunk(s, octets);
		return;
	}
	data_reader_init_chunked(&s->tx->data,
				 s->server->conf->message_size_limit);
	body_begin(s);
	begin_chunk(s, octets);
}

static void refuse_chunk(struct session *s, uint64_t octets)
{
	const struct reply *standing = filters_standing(s);

	session_refuse(s, standing != NULL
				  ? standing
				  : session_out_of_order(s, VERB_BDAT));
	eat_chunk(s, octets);
}

enum step eat_step(struct session *s)
{
	struct evbuffer *in = stream_input(s->stream);
	size_t have = evbuffer_get_length(in);
	size_t n = have < s->chunk_octets ? have : (size_t)s->chunk_octets;

	(void)evbuffer_drain(in, n);
	s->chunk_octets -= n;
	s->rate_octets += n;
	if (s->chunk_octets > 0)
		return STEP_WAIT;
	session_enter(s, s->state_after);
	return STEP_NEXT;
}

static void take_chunk(struct session *s, uint64_t octets, bool is_last)
{
	s->tx->is_last_chunk = is_last;
	s->chunk_octets = octets;
	if (s->state == ST_RCPT)
		filters_data(s, begin_chunks);
	else
		begin_chunk(s, octets);
}

void cmd_bdat(struct session *s, struct slice args)
{
	struct reply lost = REPLY_SYNTAX;
	uint64_t octets;
	bool is_last;

	lost.close = true; /* nobody knows where the next command begins */
	if (!command_parse_bdat(args, &octets, &is_last))
		session_refuse(s, &lost);
	else if (s->state == ST_RCPT || s->state == ST_CHUNKS)
		take_chunk(s, octets, is_last);
	else
		refuse_chunk(s, octets);
}
