#include "queue/notice.h"

#include "base/mem.h"
#include "mail/date.h"
#include "mail/writer.h"
#include "queue/enqueue.h"
#include "smtp/params.h"

static void put_header(struct writer *w, const struct turn *t,
		       const struct notice *notice, struct slice id)
{
	char date[DATE_OCTETS];

	date_format(t->now, date);
	writer_put(w, S("From: Mail Delivery System <postmaster@"));
	writer_put_clean(w, t->settings->hostname);
	writer_put(w, S(">\r\nTo: <postmaster@"));
	writer_put_clean(w, t->settings->hostname);
	writer_put(w, S(">\r\nSubject: "));
	writer_put_clean(w, notice->subject);
	writer_put(w, S("\r\nMessage-ID: <"));
	writer_put(w, id);
	writer_put(w, S("@"));
	writer_put_clean(w, t->settings->hostname);
	writer_put(w, S(">\r\nDate: "));
	writer_put(w, slice_of(date));
	writer_put(w, S("\r\nAuto-Submitted: auto-generated\r\n"
			"MIME-Version: 1.0\r\n"
			"Content-Type: text/plain; charset=us-ascii\r\n\r\n"));
}

static struct slice format(struct turn *t, const struct notice *notice,
			   uint64_t queue_id)
{
	struct slice rest = notice->text, line, content;
	struct writer w = { .keeps_utf8 = false };

	put_header(&w, t, notice,
		   arena_format(t->arena, "%016llx",
				(unsigned long long)queue_id));
	while (rest.n > 0) {
		(void)slice_cut(rest, '\n', &line, &rest);
		writer_put_folded(&w, line, 0);
		writer_put(&w, S("\r\n"));
	}
	content = arena_copy(t->arena, writer_text(&w));
	writer_done(&w);
	return content;
}

int notice_write(struct turn *t, const struct notice *notice)
{
	struct store_message m = { .arrived = t->now };
	struct store_recipient to = {
		.target = { .address = S("postmaster") },
		.original = S("postmaster"),
		.notify = DSN_NOTIFY_NEVER,
		.line = STORE_REPORT, /* receive knows where he is */
		.due = t->now,
	};
	struct store_content content = { .fd = -1 };
	uint64_t id;
	int r = enqueue_new_id(&id);

	if (r < 0)
		return r;
	m.queue_id = to.queue_id = id;
	m.trace = arena_format(t->arena, "notice.%llx", (unsigned long long)id);
	content.octets = format(t, notice, id);
	m.content_octets = content.octets.n;
	r = store_add_message(t->store, &m, &content);
	if (r == 0)
		r = store_add_recipient(t->store, &to);
	if (r == 0)
		turn_note(t, &(struct note){ .level = LOG_INFO,
					     .message = "notice queued",
					     .trace = m.trace,
					     .queue_id = id,
					     .recipient = to.original });
	return r;
}
