/*
 * Delivery reports about hostile peers: lines end with CRLF and are of bounded
 * length, no peer's octet makes a field or a part.
 *
 * Input: flags, code, then address, reply and original, parted by LF LF.
 */
#include "mail/dsn.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice take(struct slice *in)
{
	size_t at = slice_find_slice(*in, S("\n\n"));
	struct slice head = slice_head(*in, at);

	*in = slice_tail(*in, at + 2);
	return head;
}

static void check_lines(struct slice text, bool is_utf8)
{
	struct slice line;

	while (slice_cut(text, '\n', &line, &text)) {
		assert(line.n > 0 && line.p[line.n - 1] == '\r');
		line.n--;
		assert(!slice_has_control(line) && line.n <= 998);
		assert(is_utf8 ? slice_is_utf8(line) : !slice_has_high(line));
	}
	assert(line.n == 0);
}

static unsigned count(struct slice text, struct slice what)
{
	unsigned n = 0;
	size_t at;

	while ((at = slice_find_slice(text, what)) < text.n) {
		text = slice_tail(text, at + what.n);
		n++;
	}
	return n;
}

/* What comes before the original, which stands there octet for octet. */
static struct slice without_original(struct slice text, struct slice original)
{
	size_t end = slice_find_last(text, '=') - S("\r\n--").n;

	if (original.n == 0)
		return text;
	assert(slice_equal(
		original, slice_tail(slice_head(text, end), end - original.n)));
	return slice_head(text, end - original.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dsn_recipient r = { .remote = S("dovecot (lmtp)") };
	struct dsn d = { .hostname = S("mx.example.com"),
			 .sender = S("a@example.org"),
			 .message_id = S("1"),
			 .recipients = &r,
			 .recipient_count = 1 };
	struct arena *arena;
	struct slice in, text;

	if (size < 2)
		return 0;
	in = (struct slice){ .p = (const char *)data + 2, .n = size - 2 };
	r.action = (enum dsn_action)(data[0] & 3);
	r.reply.code = (uint16_t)(data[1] * 4);
	d.is_utf8 = (data[0] & 4) != 0;
	d.original_is_whole = (data[0] & 8) != 0;
	r.address = slice_head(take(&in), 254);
	r.mailbox = slice_head(take(&in), 254);
	r.orcpt = slice_head(take(&in), 500);
	r.orcpt_type = r.orcpt.n > 0 ? S("rfc822") : S("");
	r.reply.text = take(&in);
	r.reason = r.reply.text;
	/* Spelled out, an octet becomes ten. */
	if (!d.is_utf8 && slice_has_high(r.orcpt))
		r.orcpt.n = 0;
	if (!d.is_utf8)
		r.address = slice_head(r.address, 90);
	d.original = in;
	arena = arena_new(1 << 24);
	text = dsn_format(&d, arena);
	check_lines(without_original(text, d.original), d.is_utf8);
	if (d.original.n == 0) {
		assert(count(text, S("\r\nFinal-Recipient: ")) == 1);
		assert(count(text, S("\r\nStatus: ")) == 1);
		assert(count(text, S("\r\n--=_culver_report_")) == 3);
	}
	arena_free(&arena);
	return 0;
}
