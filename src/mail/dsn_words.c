#include "mail/dsn_words.h"

#include "mail/date.h"

#include <string.h>

enum { SHOWN_OCTETS = 2048, ANY = 255, INDENT = 4 };

/* What RFC 3463 3 says in the sender's language; the first row that fits. */
static const struct {
	uint8_t subject, detail;
	struct slice words;
} meanings[] = {
	{ 1, 1, SLICE("There is no such mailbox.") },
	{ 1, 2, SLICE("The domain does not take mail.") },
	{ 1, 3, SLICE("The address is not written correctly.") },
	{ 1, 6, SLICE("The mailbox has moved, and nobody knows where to.") },
	{ 1, 10, SLICE("The domain does not take mail.") },
	{ 1, ANY, SLICE("The address does not work.") },
	{ 2, 1, SLICE("The mailbox is switched off.") },
	{ 2, 2, SLICE("The mailbox is full.") },
	{ 2, 3, SLICE("The message is too big for this mailbox.") },
	{ 2, ANY, SLICE("The mailbox cannot take the message.") },
	{ 3, 4, SLICE("The message is too big for the recipient's server.") },
	{ 3, ANY, SLICE("The recipient's mail system has trouble.") },
	{ 4, 1, SLICE("The recipient's mail system does not answer.") },
	{ 4, 6, SLICE("The message goes round in a loop.") },
	{ 4, 7,
	  SLICE("The recipient's mail system did not take the message in time.") },
	{ 4, ANY, SLICE("The recipient's mail system cannot be reached.") },
	{ 5, ANY, SLICE("The mail systems did not understand each other.") },
	{ 6, 7,
	  SLICE("The recipient's mail system does not take addresses with such characters.") },
	{ 6, ANY,
	  SLICE("The recipient's mail system cannot take this content.") },
	{ 7, ANY, SLICE("The recipient's mail system refuses the message.") },
	{ ANY, ANY,
	  SLICE("The recipient's mail system did not take the message.") },
};

static struct slice meaning(const uint8_t status[3])
{
	size_t i = 0;

	while ((meanings[i].subject != ANY &&
		meanings[i].subject != status[1]) ||
	       (meanings[i].detail != ANY && meanings[i].detail != status[2]))
		i++; /* the last row fits all */
	return meanings[i].words;
}

struct slice dsn_words_subject(enum dsn_action action)
{
	switch (action) {
	case DSN_FAILED:
		return S("Your message was not delivered");
	case DSN_DELAYED:
		return S("Your message is delayed");
	case DSN_DELIVERED:
	case DSN_RELAYED:
		break;
	}
	return S("Your message was delivered");
}

static void set_status(uint8_t status[3], uint8_t class, uint8_t subject,
		       uint8_t detail)
{
	status[0] = class;
	status[1] = subject;
	status[2] = detail;
}

void dsn_words_status(const struct dsn_recipient *r, uint8_t ret_status[3])
{
	if (r->reply.status[0] != 0) {
		memcpy(ret_status, r->reply.status, 3);
		return;
	}
	if (r->reply.code >= 200 && r->reply.code < 600) {
		set_status(ret_status, (uint8_t)(r->reply.code / 100), 0, 0);
		return;
	}
	switch (r->action) {
	case DSN_FAILED:
		set_status(ret_status, 5, 4, 7); /* delivery time expired */
		break;
	case DSN_DELAYED:
		set_status(ret_status, 4, 4, 1); /* no answer from host */
		break;
	case DSN_DELIVERED:
	case DSN_RELAYED:
		set_status(ret_status, 2, 0, 0);
		break;
	}
}

/* text with each occurrence of `old` replaced; for short texts. */
static struct slice replaced(struct slice text, struct slice old,
			     struct slice new, struct arena *arena)
{
	struct writer w = { .p = NULL };
	struct slice out;

	while (text.n > 0) {
		if (old.n > 0 && slice_starts_nocase(text, old)) {
			writer_put(&w, new);
			text = slice_tail(text, old.n);
		} else {
			writer_put(&w, slice_head(text, 1));
			text = slice_tail(text, 1);
		}
	}
	out = arena_copy(arena, writer_text(&w));
	writer_done(&w);
	return out;
}

struct slice dsn_words_answer(const struct dsn_recipient *r,
			      struct arena *arena)
{
	const uint8_t *s = r->reply.status;
	struct slice parts[3] = { S(""), S(""), r->reply.text };

	if (r->reply.code == 0)
		return slice_head(r->reason, SHOWN_OCTETS);
	parts[0] = arena_format(arena, "%u ", (unsigned)r->reply.code);
	if (s[0] != 0)
		parts[1] = arena_format(arena, "%u.%u.%u ", s[0], s[1], s[2]);
	if (!slice_equal(r->mailbox, r->address))
		parts[2] = replaced(slice_head(parts[2], SHOWN_OCTETS),
				    r->mailbox, r->address, arena);
	return slice_head(arena_join(arena, parts, 3), SHOWN_OCTETS);
}

static size_t count(const struct dsn *d, enum dsn_action action)
{
	size_t n = 0;

	for (size_t i = 0; i < d->recipient_count; i++)
		n += d->recipients[i].action == action;
	return n;
}

static void put_sentence(struct writer *w, enum dsn_action action, bool is_one)
{
	switch (action) {
	case DSN_FAILED:
		writer_put(w, S("Your message could not be delivered to "));
		break;
	case DSN_DELAYED:
		writer_put(w, S("Your message could not be delivered yet to "));
		break;
	case DSN_DELIVERED:
		writer_put(w, S("Your message was delivered to "));
		break;
	case DSN_RELAYED:
		writer_put(w, S("Your message was handed on, to a server that "
				"sends no reports, for\r\n"));
		break;
	}
	writer_put(w, is_one ? S("this recipient:\r\n")
			     : S("these recipients:\r\n"));
}

static struct slice speaker(const struct dsn_recipient *r)
{
	if (r->server.n > 0)
		return r->server;
	return r->remote.n > 0 ? r->remote : S("The server");
}

static void put_recipient(struct writer *w, const struct dsn_recipient *r,
			  struct arena *arena)
{
	uint8_t status[3];

	writer_put(w, S("\r\n  "));
	writer_put_clean(w, r->address);
	writer_put(w, S("\r\n"));
	if (r->action == DSN_DELIVERED || r->action == DSN_RELAYED)
		return;
	dsn_words_status(r, status);
	writer_put(w, S("    "));
	writer_put_folded(w, meaning(status), INDENT);
	writer_put(w, S("\r\n"));
	if (r->reply.code == 0 && r->reason.n == 0)
		return;
	writer_put(w, S("    "));
	if (r->reply.code != 0) {
		writer_put_clean(w, speaker(r));
		writer_put(w, S(" said: "));
	}
	writer_put_folded(w, dsn_words_answer(r, arena), INDENT);
	writer_put(w, S("\r\n"));
}

static void put_closing(struct writer *w, const struct dsn *d,
			enum dsn_action action)
{
	if (action == DSN_FAILED)
		writer_put(w, S("\r\nIt will not be tried again.\r\n"));
	if (action == DSN_DELAYED) {
		char date[DATE_OCTETS];

		writer_put(w, S("\r\nYou need not send it again: it will be "
				"tried until\r\n"));
		date_format(d->gives_up, date);
		writer_put(w, slice_of(date));
		writer_put(w, S(".\r\n"));
	}
}

static void put_group(struct writer *w, const struct dsn *d,
		      enum dsn_action action, struct arena *arena)
{
	size_t n = count(d, action);

	if (n == 0)
		return;
	if (w->n > 0)
		writer_put(w, S("\r\n"));
	put_sentence(w, action, n == 1);
	for (size_t i = 0; i < d->recipient_count; i++)
		if (d->recipients[i].action == action)
			put_recipient(w, &d->recipients[i], arena);
	put_closing(w, d, action);
}

void dsn_words_put(struct writer *w, const struct dsn *d, struct arena *arena)
{
	static const enum dsn_action order[] = { DSN_FAILED, DSN_DELAYED,
						 DSN_DELIVERED, DSN_RELAYED };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		put_group(w, d, order[i], arena);
	writer_put(w, S("\r\nThe postmaster of "));
	writer_put_clean(w, d->hostname);
	if (d->trace.n > 0) {
		writer_put(w, S(" knows your message as "));
		writer_put_clean(w, d->trace);
	} else {
		writer_put(w, S(" can tell more"));
	}
	writer_put(w, S(".\r\n"));
}
