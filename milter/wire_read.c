#include "base/mem.h"
#include "milter/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	HEAD_OCTETS = 5, /* the length and the code */
	LENGTH_OCTETS = 4,
	ROOM_OCTETS = 512,
	KEPT_OCTETS = 64 << 10,    /* more is given back after the packet */
	ARENA_OCTETS = 256 << 10,  /* the text of a REPLYCODE takes less */
	OPTIONS_OCTETS = 64 << 10, /* symbol lists and all */
	WORDS_OCTETS = 64,
};

struct milter_reader {
	unsigned char head[HEAD_OCTETS];
	size_t head_n;
	size_t left; /* octets of data yet to come */
	bool is_body_begun;
	char *data; /* n octets; of any packet but REPLBODY */
	size_t n, room;
	struct arena *arena;
	struct slice problem; /* empty: none */
	char words[WORDS_OCTETS];
};

struct milter_reader *milter_reader_new(void)
{
	struct milter_reader *r = mem_new(sizeof(*r));

	r->arena = arena_new(ARENA_OCTETS);
	return r;
}

void milter_reader_free(struct milter_reader **reader)
{
	struct milter_reader *r = *reader;

	if (r == NULL)
		return;
	mem_free(&r->data);
	arena_free(&r->arena);
	mem_free(reader);
}

struct slice milter_reader_problem(const struct milter_reader *reader)
{
	return reader->problem;
}

bool milter_reader_is_inside(const struct milter_reader *reader)
{
	return reader->head_n > 0;
}

/* --- the head ---------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void set_problem(
	struct milter_reader *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->words, sizeof(r->words), format, args);
	va_end(args);
	r->problem = slice_of(r->words);
}

static bool is_printable(unsigned char c)
{
	return c >= ' ' && c <= '~';
}

/* No packet is half a gigabyte long: this is someone who speaks in lines. */
static bool is_text(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_printable(p[i]))
			return false;
	}
	return true;
}

static void check_length(struct milter_reader *r)
{
	const unsigned char *p = r->head;
	uint32_t length = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			  (uint32_t)p[2] << 8 | p[3];

	if (is_text(p, LENGTH_OCTETS))
		set_problem(r, "this is no milter: it said \"%.4s\"",
			    (const char *)p);
	else if (length == 0)
		set_problem(r, "an empty packet");
	else
		r->left = length - 1;
}

static size_t limit_of(unsigned char code)
{
	if (code == MILTER_REPLBODY)
		return UINT32_MAX;
	return code == MILTER_OPTNEG ? OPTIONS_OCTETS : MILTER_REPLY_OCTETS;
}

static void check_code(struct milter_reader *r)
{
	unsigned char code = r->head[LENGTH_OCTETS];

	if (code != MILTER_OPTNEG && !milter_code_is_known(code)) {
		if (is_printable(code))
			set_problem(r, "an unknown reply '%c'", code);
		else
			set_problem(r, "an unknown reply 0x%02x", code);
	} else if (r->left > limit_of(code)) {
		set_problem(r, "a packet '%c' of %zu octets", code, r->left);
	}
}

/* What the last, large packet needed is not kept. */
static void begin_data(struct milter_reader *r)
{
	r->n = 0;
	r->is_body_begun = false;
	if (r->room > KEPT_OCTETS) {
		mem_free(&r->data);
		r->room = 0;
	}
}

/* Returns whether the head is there. */
static bool take_head(struct milter_reader *r, struct slice *in)
{
	while (r->head_n < HEAD_OCTETS && in->n > 0 && r->problem.n == 0) {
		r->head[r->head_n++] = (unsigned char)in->p[0];
		*in = slice_tail(*in, 1);
		if (r->head_n == LENGTH_OCTETS) {
			check_length(r);
		} else if (r->head_n == HEAD_OCTETS) {
			check_code(r);
			begin_data(r);
		}
	}
	return r->head_n == HEAD_OCTETS && r->problem.n == 0;
}

/* --- the data ---------------------------------------------------------------- */

/* The memory grows with what has come, not with what is announced. */
static void take_data(struct milter_reader *r, struct slice *in)
{
	size_t n = in->n < r->left ? in->n : r->left;

	if (n == 0)
		return;
	if (r->room - r->n < n) {
		size_t room = r->room > 0 ? r->room : ROOM_OCTETS;

		while (room - r->n < n)
			room *= 2;
		r->data = mem_resize(r->data, room, 1);
		r->room = room;
	}
	memcpy(r->data + r->n, in->p, n);
	r->n += n;
	r->left -= n;
	*in = slice_tail(*in, n);
}

static enum milter_read take_body(struct milter_reader *r, struct slice *in,
				  struct milter_reply *ret_reply)
{
	struct slice piece = slice_head(*in, r->left);

	if (piece.n == 0 && r->left > 0)
		return MILTER_READ_MORE;
	*in = slice_tail(*in, piece.n);
	*ret_reply = (struct milter_reply){
		.code = MILTER_REPLBODY,
		.body = piece,
		.is_body_begin = !r->is_body_begun,
	};
	r->is_body_begun = true;
	r->left -= piece.n;
	if (r->left == 0)
		r->head_n = 0;
	return MILTER_READ_REPLY;
}

static enum milter_read finish(struct milter_reader *r,
			       struct milter_reply *ret_reply,
			       struct milter_options *ret_options)
{
	struct slice data = { r->data, r->n };
	unsigned char code = r->head[LENGTH_OCTETS];

	if (code == MILTER_OPTNEG) {
		if (!milter_options_parse(data, ret_options, &r->problem))
			return MILTER_READ_BROKEN;
		r->head_n = 0;
		return MILTER_READ_OPTIONS;
	}
	if (!milter_reply_parse((enum milter_code)code, data, r->arena,
				ret_reply, &r->problem))
		return MILTER_READ_BROKEN;
	r->head_n = 0;
	return MILTER_READ_REPLY;
}

enum milter_read milter_reader_next(struct milter_reader *reader,
				    struct slice *in,
				    struct milter_reply *ret_reply,
				    struct milter_options *ret_options)
{
	struct milter_reader *r = reader;

	arena_clear(r->arena);
	if (!take_head(r, in))
		return r->problem.n > 0 ? MILTER_READ_BROKEN : MILTER_READ_MORE;
	if (r->head[LENGTH_OCTETS] == MILTER_REPLBODY)
		return take_body(r, in, ret_reply);
	take_data(r, in);
	if (r->left > 0)
		return MILTER_READ_MORE;
	return finish(r, ret_reply, ret_options);
}
