#include "mail/dsn.h"

#include "mail/date.h"
#include "mail/dsn_words.h"
#include "mail/writer.h"

#include <stdio.h>

enum { FIELD_INDENT = 1 };

static const struct slice crlf = SLICE("\r\n");

static const struct slice action_names[] = {
	[DSN_FAILED] = SLICE("failed"),
	[DSN_DELAYED] = SLICE("delayed"),
	[DSN_DELIVERED] = SLICE("delivered"),
	[DSN_RELAYED] = SLICE("relayed"),
};

/* "Name: " and a date. */
static void put_date(struct writer *w, struct slice name, int64_t date)
{
	char text[DATE_OCTETS];

	date_format(date, text);
	writer_put(w, name);
	writer_put(w, slice_of(text));
	writer_put(w, crlf);
}

/* Not folded: an address may have spaces that matter. */
static void put_address(struct writer *w, struct slice name, struct slice type,
			struct slice address)
{
	writer_put(w, name);
	writer_put_clean(w, type);
	writer_put(w, S("; "));
	writer_put_clean(w, address);
	writer_put(w, crlf);
}

/* The worst of what happened to a recipient gives the report its subject. */
static enum dsn_action worst(const struct dsn *d)
{
	enum dsn_action action = DSN_RELAYED;

	for (size_t i = 0; i < d->recipient_count; i++)
		if (d->recipients[i].action < action)
			action = d->recipients[i].action;
	return action;
}

static void put_header(struct writer *w, const struct dsn *d,
		       struct slice boundary, bool is_8bit)
{
	writer_put(w, S("From: Mail Delivery System <postmaster@"));
	writer_put_clean(w, d->hostname);
	writer_put(w, S(">\r\nTo: <"));
	writer_put_clean(w, d->sender);
	writer_put(w, S(">\r\nSubject: "));
	writer_put(w, dsn_words_subject(worst(d)));
	writer_put(w, S("\r\nMessage-ID: <"));
	writer_put_clean(w, d->message_id);
	writer_put(w, S("@"));
	writer_put_clean(w, d->hostname);
	writer_put(w, S(">\r\n"));
	put_date(w, S("Date: "), d->now);
	/* RFC 3834 5: nobody shall answer this. */
	writer_put(w, S("Auto-Submitted: auto-replied\r\n"
			"MIME-Version: 1.0\r\n"));
	if (is_8bit) /* RFC 2045 6.4: as its parts are */
		writer_put(w, S("Content-Transfer-Encoding: 8bit\r\n"));
	writer_put(w, S("Content-Type: multipart/report;"
			" report-type=delivery-status;\r\n"
			" boundary=\""));
	writer_put(w, boundary);
	writer_put(w, S("\"\r\n"));
}

static void put_part(struct writer *w, struct slice boundary, struct slice type,
		     bool has_high)
{
	/* The first CRLF is the delimiter's: the part before keeps its own. */
	writer_put(w, S("\r\n--"));
	writer_put(w, boundary);
	writer_put(w, S("\r\nContent-Type: "));
	writer_put(w, type);
	if (has_high)
		writer_put(w, S("\r\nContent-Transfer-Encoding: 8bit"));
	writer_put(w, S("\r\n\r\n"));
}

/* RFC 3464 2.2 */
static void put_message_fields(struct writer *w, const struct dsn *d)
{
	writer_put(w, S("Reporting-MTA: dns; "));
	writer_put_clean(w, d->hostname);
	writer_put(w, crlf);
	if (d->envid.n > 0) {
		writer_put(w, S("Original-Envelope-Id: "));
		writer_put_clean(w, d->envid);
		writer_put(w, crlf);
	}
	put_date(w, S("Arrival-Date: "), d->arrived);
}

static void put_status(struct writer *w, const struct dsn_recipient *r)
{
	char text[32];
	uint8_t status[3];

	dsn_words_status(r, status);
	(void)snprintf(text, sizeof(text), "Status: %u.%u.%u\r\n", status[0],
		       status[1], status[2]);
	writer_put(w, slice_of(text));
}

static void put_diagnostic(struct writer *w, const struct dsn_recipient *r,
			   struct arena *arena)
{
	if (r->reply.code == 0 && r->reason.n == 0)
		return;
	writer_put(w, S("Diagnostic-Code: "));
	writer_put(w, r->reply.code != 0 ? S("smtp; ") : S("x-culver; "));
	writer_put_folded(w, dsn_words_answer(r, arena), FIELD_INDENT);
	writer_put(w, crlf);
}

/* RFC 3464 2.3 */
static void put_recipient_fields(struct writer *w, const struct dsn *d,
				 const struct dsn_recipient *r,
				 struct arena *arena)
{
	bool is_utf8 = slice_has_high(r->address);

	writer_put(w, crlf);
	if (r->orcpt.n > 0)
		put_address(w, S("Original-Recipient: "), r->orcpt_type,
			    r->orcpt);
	put_address(w, S("Final-Recipient: "),
		    is_utf8 ? S("utf-8") : S("rfc822"), r->address);
	writer_put(w, S("Action: "));
	writer_put(w, action_names[r->action]);
	writer_put(w, crlf);
	put_status(w, r);
	if (r->remote.n > 0) {
		writer_put(w, S("Remote-MTA: x-culver; "));
		writer_put_clean(w, r->remote);
		writer_put(w, crlf);
	}
	if (r->server.n > 0) {
		writer_put(w, S("Remote-MTA: dns; "));
		writer_put_clean(w, r->server);
		writer_put(w, crlf);
	}
	put_diagnostic(w, r, arena);
	if (r->last_attempt != 0)
		put_date(w, S("Last-Attempt-Date: "), r->last_attempt);
	if (d->trace.n > 0) {
		writer_put(w, S("Final-Log-ID: "));
		writer_put_clean(w, d->trace);
		writer_put(w, crlf);
	}
	if (r->action == DSN_DELAYED && d->gives_up != 0)
		put_date(w, S("Will-Retry-Until: "), d->gives_up);
}

/* The three parts, each still without its frame. */
struct parts {
	struct writer words;
	struct writer fields;
	struct slice original;
};

static bool occurs(const struct parts *p, struct slice boundary)
{
	const struct slice all[] = { writer_text(&p->words),
				     writer_text(&p->fields), p->original };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (slice_find_slice(all[i], boundary) < all[i].n)
			return true;
	return false;
}

/* RFC 2046 5.1.1: a line that is in none of the parts. */
static struct slice choose_boundary(const struct parts *p, struct arena *arena)
{
	struct slice boundary;
	unsigned n = 0;

	do
		boundary = arena_format(arena, "=_culver_report_%u", n++);
	while (occurs(p, boundary));
	return boundary;
}

static struct slice original_type(const struct dsn *d)
{
	if (d->original_is_whole)
		return d->is_utf8 ? S("message/global") : S("message/rfc822");
	return d->is_utf8 ? S("message/global-headers")
			  : S("text/rfc822-headers");
}

static void put_original(struct writer *w, const struct dsn *d,
			 struct slice boundary)
{
	if (d->original.n == 0)
		return;
	put_part(w, boundary, original_type(d), slice_has_high(d->original));
	writer_put(w, d->original);
}

static void put_all(struct writer *w, const struct dsn *d,
		    const struct parts *p, struct slice boundary)
{
	struct slice words = writer_text(&p->words);
	struct slice fields = writer_text(&p->fields);

	put_header(w, d, boundary,
		   slice_has_high(words) || slice_has_high(fields) ||
			   slice_has_high(p->original));
	put_part(w, boundary,
		 slice_has_high(words) ? S("text/plain; charset=utf-8")
				       : S("text/plain; charset=us-ascii"),
		 slice_has_high(words));
	writer_put(w, words);
	put_part(w, boundary,
		 d->is_utf8 ? S("message/global-delivery-status")
			    : S("message/delivery-status"),
		 slice_has_high(fields));
	writer_put(w, fields);
	put_original(w, d, boundary);
	writer_put(w, S("\r\n--"));
	writer_put(w, boundary);
	writer_put(w, S("--\r\n"));
}

struct slice dsn_format(const struct dsn *d, struct arena *arena)
{
	struct writer out = { .keeps_utf8 = d->is_utf8 };
	struct parts p = {
		.words = { .keeps_utf8 = d->is_utf8 },
		.fields = { .keeps_utf8 = d->is_utf8 },
		.original = d->original,
	};
	struct slice report;

	dsn_words_put(&p.words, d, arena);
	put_message_fields(&p.fields, d);
	for (size_t i = 0; i < d->recipient_count; i++)
		put_recipient_fields(&p.fields, d, &d->recipients[i], arena);
	put_all(&out, d, &p, choose_boundary(&p, arena));
	report = arena_copy(arena, writer_text(&out));
	writer_done(&out);
	writer_done(&p.words);
	writer_done(&p.fields);
	return report;
}
