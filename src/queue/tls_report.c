#include "queue/tls_report.h"

#include "base/clock.h"
#include "mail/tlsrpt_mail.h"
#include "queue/enqueue.h"
#include "smtp/params.h"

#include <errno.h>
#include <time.h>

enum {
	FACTS_MAX = TLSRPT_FACTS_MAX,
	DAY_OCTETS = 16,
	TRIES = 3, /* another node may be in the way */
};

/* --- the report --------------------------------------------------------------------- */

struct slice tls_report_contact(const struct queue_settings *settings,
				struct arena *arena)
{
	const struct slice parts[] = { S("postmaster@"), settings->hostname };

	return settings->tls_report_contact.n > 0 ? settings->tls_report_contact
						  : arena_join(arena, parts, 2);
}

/* The same for each try: who gets it twice knows that. */
static struct slice id_of(const struct queue_settings *settings,
			  const struct store_tls_report *of,
			  struct arena *arena)
{
	char date[DAY_OCTETS] = "";
	time_t begin = (time_t)(of->day * TLSRPT_DAY_S);
	struct tm tm;
	struct slice parts[] = { S(""), S("."), of->domain, S("@"),
				 settings->hostname };

	if (gmtime_r(&begin, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y%m%d", &tm);
	parts[0] = slice_of(date);
	return arena_join(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

static size_t read_counts(const struct store_tls_counts *page,
			  struct tlsrpt_count *counts)
{
	size_t n = 0;

	for (size_t i = 0; i < page->count; i++) {
		if (!tlsrpt_fact_read(page->items[i].fact, &counts[n].fact))
			continue;
		counts[n++].sessions = page->items[i].sessions;
	}
	return n;
}

int tls_report_load(struct store *store, const struct queue_settings *settings,
		    const struct store_tls_report *of, struct arena *arena,
		    struct tlsrpt_report *ret_report)
{
	struct store_tls_counts page = { .arena = arena, .max = FACTS_MAX };
	struct tlsrpt_count *counts =
		arena_array(arena, FACTS_MAX, sizeof(*counts));
	size_t count;
	int r;

	page.items = arena_array(arena, page.max, sizeof(*page.items));
	r = store_list_tls_counts(store, of->day, of->domain, &page);
	if (r < 0)
		return r;
	count = read_counts(&page, counts);
	if (count == 0)
		return -ENOENT;
	*ret_report = (struct tlsrpt_report){
		.organization = settings->tls_report_organization.n > 0
					? settings->tls_report_organization
					: settings->hostname,
		.contact = tls_report_contact(settings, arena),
		.submitter = settings->hostname,
		.domain = of->domain,
		.id = id_of(settings, of, arena),
		.begin = of->day * TLSRPT_DAY_S,
		.counts = counts,
		.count = count,
	};
	return 0;
}

/* --- mail --------------------------------------------------------------------------- */

/* Its Message-ID is the queue's (sealing.h), as who gets it wants it signed:
 * RFC 8460 3. */
static struct slice format(struct turn *t, struct tlsrpt_mail *mail,
			   uint64_t queue_id)
{
	mail->message_id = arena_format(
		t->arena, "%016llx@%.*s", (unsigned long long)queue_id,
		(int)t->settings->hostname.n, t->settings->hostname.p);
	return tlsrpt_mail_format(mail, t->arena);
}

/* Without a sender: nobody wants to know that it could not be delivered. */
static int add_mail(struct turn *t, struct tlsrpt_mail *mail)
{
	struct store_content content = { .fd = -1 };
	struct store_message m = { .arrived = t->now };
	struct store_recipient to = {
		.target = { .address = mail->to },
		.original = mail->to,
		.notify = DSN_NOTIFY_NEVER,
		.tls_demand = TLS_DEMAND_NONE, /* RFC 8460 3 */
		.line = STORE_REPORT,
		.due = t->now,
	};
	int r = enqueue_new_id(&m.queue_id);

	if (r < 0)
		return r;
	content.octets = format(t, mail, m.queue_id);
	m.content_octets = content.octets.n;
	m.trace = arena_format(t->arena, "tlsrpt%08x.1", schedule_random());
	to.queue_id = m.queue_id;
	r = store_add_message(t->store, &m, &content);
	if (r == 0)
		r = store_add_recipient(t->store, &to);
	if (r < 0)
		return r;
	turn_note(t, &(struct note){ .level = LOG_INFO,
				     .message = "report on TLS queued",
				     .trace = m.trace,
				     .queue_id = m.queue_id,
				     .recipient = to.target.address });
	return 0;
}

static int add_all(struct turn *t, const struct tlsrpt_report *report,
		   struct slice gzip, struct slices to)
{
	struct tlsrpt_mail mail = {
		.report = report,
		.gzip = gzip,
		.from = tls_report_contact(t->settings, t->arena),
		.now = t->now,
	};
	bool was_there = false;
	int r = store_end_tls_report(t->store, report->begin / TLSRPT_DAY_S,
				     report->domain, &was_there);

	if (r == 0 && !was_there)
		r = -ENOENT;
	for (size_t i = 0; r == 0 && i < to.count; i++) {
		mail.to = to.items[i];
		r = add_mail(t, &mail);
	}
	return r;
}

int tls_report_mail(struct store *store, const struct queue_settings *settings,
		    const struct tlsrpt_report *report, struct slice gzip,
		    struct slices to)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++) {
		struct turn t;

		turn_init(&t, store, settings, clock_wall_s());
		r = store_begin(store);
		if (r == 0)
			r = add_all(&t, report, gzip, to);
		if (r == 0)
			r = store_commit(store);
		if (r == 0)
			turn_log(&t);
		else
			store_rollback(store);
		turn_done(&t);
	}
	return r;
}
