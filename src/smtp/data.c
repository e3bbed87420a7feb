#include "smtp/data.h"

#include <assert.h>
#include <string.h>

/*
 * Where the machine stands. "Bare" is a CR without LF or an LF without CR:
 * some servers take it for a line's end, which is what smuggling lives on.
 */
enum data_state {
	AT_START,      /* after CRLF, or before the first octet */
	AT_BARE_START, /* after a bare CR or LF */
	AT_LINE,       /* inside of a line */
	AT_CR,         /* after a CR that may begin CRLF */
	AT_DOT,        /* CRLF . */
	AT_DOT_CR,     /* CRLF . CR */
	AT_BARE_DOT,   /* bare . */
};

/* One call of data_reader_feed(). */
struct scan {
	struct data_reader *r;
	const char *at;
	const char *end;
	const char *run; /* content from here to `at` is not yet given out */
	const char *cr;  /* the next CR at or after `at`, or end; each octet is
	                    searched once, however many LF there are */
	data_sink *sink;
	void *arg;
};

void data_reader_init_dot(struct data_reader *r, uint64_t limit_octets)
{
	*r = (struct data_reader){ .limit_octets = limit_octets,
				   .state = AT_START };
}

void data_reader_init_chunked(struct data_reader *r, uint64_t limit_octets)
{
	data_reader_init_dot(r, limit_octets);
	r->is_chunked = true;
}

void data_reader_begin_chunk(struct data_reader *r, uint64_t octets)
{
	assert(r->is_chunked && r->chunk_left == 0);
	r->chunk_left = octets;
}

static void fault(struct data_reader *r, enum data_fault f)
{
	if (r->fault == DATA_FAULT_NONE || f == DATA_FAULT_SMUGGLING)
		r->fault = f;
}

static void give(struct scan *s, const char *until)
{
	if (until > s->run && s->r->fault == DATA_FAULT_NONE)
		s->sink((struct slice){ s->run, (size_t)(until - s->run) },
			s->arg);
	s->run = until;
}

/*
 * Counts n octets of a line as content, of which the nul-th is a NUL (n when
 * none is), and finds the fault that comes first.
 */
static void count(struct data_reader *r, size_t n, size_t nul)
{
	uint64_t big =
		r->limit_octets > r->octets ? r->limit_octets - r->octets : 0;
	size_t wide = DATA_LINE_OCTETS > r->line_octets
			      ? DATA_LINE_OCTETS - r->line_octets
			      : 0;

	r->octets += n;
	r->line_octets =
		n <= wide ? r->line_octets + (uint32_t)n : DATA_LINE_OCTETS;
	if (n <= big && n <= wide && nul == n)
		return;
	if (nul < n && nul <= big && nul <= wide)
		fault(r, DATA_FAULT_NUL);
	else if (wide < n && wide <= big)
		fault(r, DATA_FAULT_LINE_TOO_LONG);
	else
		fault(r, DATA_FAULT_TOO_BIG);
}

static void take_one(struct scan *s, enum data_state next)
{
	count(s->r, 1, 1);
	s->at++;
	s->r->state = (uint8_t)next;
}

static void take_lf(struct scan *s, bool is_bare)
{
	count(s->r, 1, 1);
	s->at++;
	s->r->line_octets = 0;
	s->r->state = is_bare ? AT_BARE_START : AT_START;
	if (is_bare)
		fault(s->r, DATA_FAULT_BARE_NEWLINE);
}

/* Up to the next CR, LF or end of input, and that octet if it is one. */
static void step_line(struct scan *s)
{
	const char *stop, *nul;
	size_t n;

	if (s->cr < s->at) {
		s->cr = memchr(s->at, '\r', (size_t)(s->end - s->at));
		if (s->cr == NULL)
			s->cr = s->end;
	}
	stop = memchr(s->at, '\n', (size_t)(s->cr - s->at));
	if (stop == NULL)
		stop = s->cr;
	n = (size_t)(stop - s->at);
	nul = memchr(s->at, '\0', n);
	count(s->r, n, nul != NULL ? (size_t)(nul - s->at) : n);
	s->at = stop;
	s->r->state = AT_LINE;
	if (stop == s->end)
		return;
	if (*stop == '\r')
		take_one(s, AT_CR);
	else
		take_lf(s, true);
}

static void step_start(struct scan *s)
{
	bool is_bare = s->r->state == AT_BARE_START;

	if (*s->at != '.') {
		step_line(s);
	} else if (is_bare) {
		take_one(s, AT_BARE_DOT);
	} else if (s->r->is_chunked) {
		take_one(s, AT_DOT);
	} else {
		/* RFC 5321 4.5.2: goes, whether the last line or stuffed */
		give(s, s->at);
		s->run = ++s->at;
		s->r->state = AT_DOT;
	}
}

static void step_cr(struct scan *s)
{
	if (*s->at == '\n') {
		take_lf(s, false);
		return;
	}
	fault(s->r, DATA_FAULT_BARE_NEWLINE);
	s->r->line_octets = 0;
	s->r->state = AT_BARE_START;
}

static void step_dot(struct scan *s)
{
	if (*s->at == '\n') {
		fault(s->r, DATA_FAULT_SMUGGLING);
		take_lf(s, true);
	} else if (*s->at != '\r') {
		s->r->state = AT_LINE;
	} else if (s->r->is_chunked) {
		take_one(s, AT_DOT_CR);
	} else {
		s->run = ++s->at; /* of the end, not of the content */
		s->r->state = AT_DOT_CR;
	}
}

/* Returns true at the end of the message. */
static bool step_dot_cr(struct scan *s)
{
	if (*s->at != '\n') {
		fault(s->r, DATA_FAULT_SMUGGLING);
		s->r->line_octets = 0;
		s->r->state = AT_BARE_START;
		return false;
	}
	if (s->r->is_chunked) {
		take_lf(s, false);
		return false;
	}
	s->run = ++s->at;
	s->r->state = AT_START;
	return true;
}

static void step_bare_dot(struct scan *s)
{
	if (*s->at == '\r' || *s->at == '\n')
		fault(s->r, DATA_FAULT_SMUGGLING);
	s->r->state = AT_LINE;
}

/* Returns true at the end of the message. */
static bool step(struct scan *s)
{
	switch ((enum data_state)s->r->state) {
	case AT_START:
	case AT_BARE_START:
		step_start(s);
		break;
	case AT_LINE:
		step_line(s);
		break;
	case AT_CR:
		step_cr(s);
		break;
	case AT_DOT:
		step_dot(s);
		break;
	case AT_DOT_CR:
		return step_dot_cr(s);
	case AT_BARE_DOT:
		step_bare_dot(s);
		break;
	}
	return false;
}

static enum data_progress progress(struct data_reader *r, size_t consumed,
				   bool ended)
{
	if (r->is_chunked) {
		r->chunk_left -= consumed;
		ended = r->chunk_left == 0;
	}
	return ended ? DATA_END : DATA_MORE;
}

enum data_progress data_reader_feed(struct data_reader *r, struct slice in,
				    data_sink *sink, void *arg,
				    size_t *ret_consumed)
{
	struct scan s = { .r = r, .sink = sink, .arg = arg };
	bool ended = false;

	if (r->is_chunked && in.n > r->chunk_left)
		in.n = (size_t)r->chunk_left;
	if (in.n > 0) {
		s.at = s.run = in.p;
		s.end = in.p + in.n;
		s.cr = memchr(in.p, '\r', in.n);
		if (s.cr == NULL)
			s.cr = s.end;
		while (s.at < s.end && !ended)
			ended = step(&s);
		give(&s, s.at);
	}
	*ret_consumed = in.n > 0 ? (size_t)(s.at - in.p) : 0;
	return progress(r, *ret_consumed, ended);
}

void data_reader_finish_chunks(struct data_reader *r)
{
	assert(r->is_chunked);
	if (r->state == AT_CR || r->state == AT_DOT_CR)
		fault(r, DATA_FAULT_BARE_NEWLINE);
	r->is_open_line = r->octets > 0 && r->state != AT_START;
}
