#include "mail/tlsrpt_mail.h"

#include "mail/date.h"
#include "mail/writer.h"

#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

enum {
	GZIP_WINDOW = 15 + 16, /* zlib: a gzip header, too */
	GZIP_MEMORY = 8,
	LINE_OCTETS = 57, /* become 76 */
	LINE_TEXT_OCTETS = 80,
	FILE_INDENT = 1,
};

/* Not in base64, nor in our words. */
static const struct slice boundary = SLICE("=_culver_tls_report");

struct slice tlsrpt_gzip(struct slice text, struct arena *arena)
{
	z_stream z = { .avail_in = (uInt)text.n };
	char *out;
	uLong room;
	int r;

	if (text.n > INT32_MAX ||
	    deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
			 GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return S("");
	room = deflateBound(&z, (uLong)text.n);
	out = arena_alloc(arena, room);
	/* zlib reads it only, but does not say so. */
	memcpy(&z.next_in, &text.p, sizeof(text.p));
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	r = deflate(&z, Z_FINISH);
	(void)deflateEnd(&z);
	return r == Z_STREAM_END ? (struct slice){ out, z.total_out } : S("");
}

/* --- the message --------------------------------------------------------------------- */

static void put_field(struct writer *w, struct slice name, struct slice value)
{
	writer_put(w, name);
	writer_put_clean(w, value);
	writer_put(w, S("\r\n"));
}

static void put_header(struct writer *w, const struct tlsrpt_mail *m)
{
	const struct tlsrpt_report *r = m->report;
	char date[DATE_OCTETS];

	date_format(m->now, date);
	put_field(w, S("From: "), m->from);
	put_field(w, S("To: "), m->to);
	put_field(w, S("Date: "), slice_of(date));
	writer_put(w, S("Subject: Report Domain: "));
	writer_put_clean(w, r->domain);
	put_field(w, S("\r\n Submitter: "), r->submitter);
	writer_put(w, S(" Report-ID: <"));
	writer_put_clean(w, r->id);
	put_field(w, S(">\r\nTLS-Report-Domain: "), r->domain);
	put_field(w, S("TLS-Report-Submitter: "), r->submitter);
	writer_put(w, S("Message-ID: <"));
	writer_put_clean(w, m->message_id);
	writer_put(w, S(">\r\n"
			"Auto-Submitted: auto-generated\r\n"
			/* RFC 8689 5: as RFC 8460 3 wishes, TLS or not */
			"TLS-Required: No\r\n"
			"MIME-Version: 1.0\r\n"
			"Content-Type: multipart/report;"
			" report-type=\"tlsrpt\";\r\n"
			" boundary=\""));
	writer_put(w, boundary);
	writer_put(w, S("\"\r\n"));
}

static void begin_part(struct writer *w, struct slice type)
{
	writer_put(w, S("\r\n--"));
	writer_put(w, boundary);
	writer_put(w, S("\r\nContent-Type: "));
	writer_put(w, type);
	writer_put(w, S("\r\n"));
}

static void put_words(struct writer *w, const struct tlsrpt_report *r)
{
	begin_part(w, S("text/plain; charset=us-ascii"));
	writer_put(w, S("\r\nThis is a report on TLS (RFC 8460) with servers "
			"that take mail for\r\n"));
	writer_put_clean(w, r->domain);
	writer_put(w, S(", as it was seen by\r\n"));
	writer_put_clean(w, r->submitter);
	writer_put(w, S(" within one day.\r\n\r\n"
			"It was made by a program; what it says is in the "
			"other part.\r\n"));
}

/* RFC 8460 5.1 */
static void put_file_name(struct writer *w, const struct tlsrpt_report *r,
			  struct arena *arena)
{
	const struct slice parts[] = {
		r->submitter,
		S("!"),
		r->domain,
		arena_format(arena, "!%jd!%jd", (intmax_t)r->begin,
			     (intmax_t)r->begin + TLSRPT_DAY_S - 1),
		S(".json.gz"),
	};

	writer_put(w, S("Content-Disposition: attachment;\r\n filename=\""));
	writer_put_clean(
		w, arena_join(arena, parts, sizeof(parts) / sizeof(parts[0])));
	writer_put(w, S("\"\r\n"));
}

static void put_base64(struct writer *w, struct slice octets)
{
	unsigned char line[LINE_TEXT_OCTETS];

	while (octets.n > 0) {
		struct slice piece = slice_head(octets, LINE_OCTETS);
		int n = EVP_EncodeBlock(line, (const unsigned char *)piece.p,
					(int)piece.n);

		writer_put(w, (struct slice){ (char *)line, (size_t)n });
		writer_put(w, S("\r\n"));
		octets = slice_tail(octets, LINE_OCTETS);
	}
}

struct slice tlsrpt_mail_format(const struct tlsrpt_mail *mail,
				struct arena *arena)
{
	struct writer w = { .keeps_utf8 = false };
	struct slice text;

	put_header(&w, mail);
	put_words(&w, mail->report);
	begin_part(&w, S("application/tlsrpt+gzip"));
	writer_put(&w, S("Content-Transfer-Encoding: base64\r\n"));
	put_file_name(&w, mail->report, arena);
	writer_put(&w, S("\r\n"));
	put_base64(&w, mail->gzip);
	writer_put(&w, S("\r\n--"));
	writer_put(&w, boundary);
	writer_put(&w, S("--\r\n"));
	text = arena_copy(arena, writer_text(&w));
	writer_done(&w);
	return text;
}
