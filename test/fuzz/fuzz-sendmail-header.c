/*
 * A message as sendmail gets it: what comes out is complete, has no Bcc, and
 * reads the same a second time.
 *
 * Input: whether recipients are taken, then the message.
 */
#include "base/arena.h"
#include "mail/header.h"
#include "mail/submission.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_message(struct slice message, bool takes_recipients,
			struct arena *a, struct submission *ret)
{
	const struct submission_request request = {
		.message = message,
		.takes_recipients = takes_recipients,
		.domain = S("h.test"),
		.from = S("\"U\" <u@h.test>"),
	};
	struct slice field = { .n = 0 };
	int error = submission_read(&request, a, ret, &field);

	assert(error == 0 || error == SUBMISSION_TOO_BIG ||
	       (takes_recipients && field.n > 0));
	return error;
}

static void check_recipient(struct slice r)
{
	size_t at = slice_find_last(r, '@');

	assert(!slice_has_control(r));
	assert(at > 0 && at + 1 < r.n);
}

static void check_header(struct slice header)
{
	struct slice line;
	struct header_watch w;

	header_watch_init(&w);
	assert(header_watch_feed(&w, header) == header.n);
	assert(w.has_from && !w.is_over);
	while (header.n > 0) {
		(void)slice_cut(header, '\n', &line, &header);
		assert(!slice_starts_nocase(line, S("Bcc:")));
		assert(!slice_starts_nocase(line, S("Resent-Bcc:")));
		assert(!slice_starts_nocase(line, S("Return-Path:")));
	}
}

static void check_again(const struct submission *first, struct arena *a)
{
	const struct slice parts[] = { first->header, S("\r\n"), first->body };
	struct submission again;

	if (read_message(arena_join(a, parts, 3), false, a, &again) != 0)
		return; /* what was added made it too big */
	assert(slice_equal(again.header, first->header));
	assert(slice_equal(again.body, first->body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SUBMISSION_ARENA_OCTETS);
	struct submission s;

	if (size > 0) {
		const struct slice parts[] = {
			{ (const char *)data + 1, size - 1 }, S("\r\n")
		};

		if (read_message(arena_join(a, parts, 2), (data[0] & 1) != 0, a,
				 &s) == 0) {
			for (size_t i = 0; i < s.recipient_count; i++)
				check_recipient(s.recipients[i]);
			check_header(s.header);
			check_again(&s, a);
		}
	}
	arena_free(&a);
	return 0;
}
