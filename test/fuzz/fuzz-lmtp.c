/*
 * A server's replies into the client's dialog. The input's first octet
 * chooses the transactions; the rest is cut at 0xff into what the server says
 * between our commands. Each such piece, whole or octet by octet, has to lead
 * to the same.
 */
#include "base/mem.h"
#include "lmtp/dialog.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	BIG = 100000,
	SMALL = 100,
	KEEP_CONTENT = 1,
	IS_BIG = 2,
	IS_UTF8 = 4,
	HAS_FOLLOWERS = 8,
};

/* What has been seen of a dialog, folded into one number. */
struct run {
	struct lmtp_dialog *d;
	struct lmtp_request request;
	unsigned flags;
	uint64_t trail;
	bool is_begun;
};

static void note(struct run *r, const void *p, size_t n)
{
	const unsigned char *octets = p;

	for (size_t i = 0; i < n; i++)
		r->trail = (r->trail ^ octets[i]) * 0x100000001b3u;
}

static void check_output(struct slice out)
{
	assert(out.n <= 4096);
	if (out.n > 0)
		assert(out.p[out.n - 1] == '\n' && out.p[out.n - 2] == '\r');
	assert(slice_find(out, '\0') == out.n);
}

static void check_end(struct run *r)
{
	const struct reply *reply;
	enum lmtp_end end = lmtp_dialog_end(r->d, &reply);
	bool is_sent = lmtp_dialog_is_content_sent(r->d);

	switch (end) {
	case LMTP_ANSWERED:
		assert(reply->code >= 200 && reply->code < 600);
		/* Delivered only if the server had all of it. */
		assert(reply->code >= 400 || (reply->code < 300 && is_sent));
		break;
	case LMTP_NO_ANSWER:
		assert(reply->code == 0 && !is_sent && reply->text.n > 0);
		break;
	case LMTP_UNCERTAIN:
		assert(reply->code == 0 && is_sent && reply->text.n > 0);
		assert(!lmtp_dialog_is_untouched(r->d));
		break;
	}
	note(r, &end, sizeof(end));
	note(r, &reply->code, sizeof(reply->code));
	note(r, reply->text.p, reply->text.n);
}

/* What the connection and the pool do between two reads. */
static void step(struct run *r)
{
	struct slice out;

	if (r->is_begun && lmtp_dialog_is_over(r->d)) {
		check_end(r);
		r->is_begun = false;
	}
	if (lmtp_dialog_state(r->d) == LMTP_IDLE) {
		assert(!r->is_begun);
		lmtp_dialog_begin(r->d, &r->request);
		r->is_begun = true;
	}
	out = lmtp_dialog_output(r->d);
	check_output(out);
	note(r, out.p, out.n);
	if ((r->flags & HAS_FOLLOWERS) && lmtp_dialog_may_follow(r->d)) {
		lmtp_dialog_follow(r->d, &r->request);
		out = lmtp_dialog_output(r->d);
		check_output(out);
		note(r, out.p, out.n);
	}
	if (lmtp_dialog_content(r->d) != LMTP_CONTENT_NONE) {
		assert(lmtp_dialog_state(r->d) == LMTP_TRANSACTION);
		if ((r->flags & KEEP_CONTENT) == 0)
			lmtp_dialog_content_sent(r->d);
	}
	if (lmtp_dialog_state(r->d) == LMTP_CLOSED)
		assert(out.n == 0 && lmtp_dialog_why(r->d).n > 0);
}

static void feed(struct run *r, struct slice in)
{
	in = lmtp_dialog_feed(r->d, in);
	while (lmtp_dialog_is_followed(r->d)) {
		check_end(r);
		lmtp_dialog_succeed(r->d);
		/* It has sent no content, whatever is said for it. */
		assert(!lmtp_dialog_is_content_sent(r->d));
		in = lmtp_dialog_feed(r->d, in);
	}
	assert(in.n == 0 || lmtp_dialog_state(r->d) == LMTP_CLOSED);
}

static uint64_t run(unsigned flags, struct slice in, bool is_octetwise)
{
	struct run r = { .d = lmtp_dialog_new("fuzz.test"), .flags = flags };
	bool has_more = true;

	r.request = (struct lmtp_request){
		.reverse_path = S("a@b"),
		.recipient = flags & IS_UTF8 ? S("\xc3\xbc@d") : S("c@d"),
		.content_octets = flags & IS_BIG ? BIG : SMALL,
		.is_8bit = true,
	};
	step(&r);
	while (has_more) {
		struct slice piece;

		has_more = slice_cut(in, '\xff', &piece, &in);
		for (size_t i = 0; is_octetwise && i < piece.n; i++)
			feed(&r, slice_head(slice_tail(piece, i), 1));
		if (!is_octetwise)
			feed(&r, piece);
		/* One that is refused by ourselves begins the next at once. */
		step(&r);
	}
	lmtp_dialog_close(r.d, S("the end"));
	assert(lmtp_dialog_state(r.d) == LMTP_CLOSED);
	assert(lmtp_dialog_output(r.d).n == 0);
	if (r.is_begun) {
		assert(lmtp_dialog_is_over(r.d));
		check_end(&r);
	}
	lmtp_dialog_free(&r.d);
	return r.trail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	unsigned flags = size > 0 ? data[0] : 0;

	in = slice_tail(in, 1);
	assert(run(flags, in, false) == run(flags, in, true));
	return 0;
}
