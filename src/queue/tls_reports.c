#include "queue/tls_reports.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/tlsrpt_mail.h"
#include "mail/tlsrpt_record.h"
#include "queue/tls_report.h"

#include <errno.h>
#include <string.h>

enum {
	PAGE = 16,
	LIST_OCTETS = 64 << 20, /* a tripwire: a page of reports */
	TRIES = 3,              /* another node may be in the way */
};

/* A report on its way. */
struct errand {
	TAILQ_ENTRY(errand) entry;
	struct arena *arena;
	struct store_tls_report of;
	uint64_t id; /* of the question that is open */
	uint64_t deadline_ms;
	struct slices mail, https; /* from TLSRPT on */
	struct tlsrpt_report report;
	struct slice gzip;
	size_t posts;  /* of https that were begun */
	size_t failed; /* and not taken */
};

struct tls_reports {
	struct store *store;
	const struct queue_settings *settings;
	const struct peers *peers;
	struct tls_counts *counts;
	TAILQ_HEAD(, errand) errands;
	size_t count;
	uint64_t last_id;
	uint64_t look_ms; /* when to look for what is due */
	bool has_mail;
};

struct tls_reports *tls_reports_new(struct store *store,
				    const struct queue_settings *settings,
				    const struct peers *peers)
{
	struct tls_reports *t = mem_new(sizeof(*t));

	t->store = store;
	t->settings = settings;
	t->peers = peers;
	t->counts = tls_counts_new(store);
	TAILQ_INIT(&t->errands);
	return t;
}

static void errand_free(struct tls_reports *t, struct errand **errand)
{
	TAILQ_REMOVE(&t->errands, *errand, entry);
	t->count--;
	arena_free(&(*errand)->arena);
	mem_free(errand);
}

void tls_reports_free(struct tls_reports **reports)
{
	struct errand *e;

	if (*reports == NULL)
		return;
	while ((e = TAILQ_FIRST(&(*reports)->errands)) != NULL)
		errand_free(*reports, &e);
	tls_counts_free(&(*reports)->counts);
	mem_free(reports);
}

/* --- ends --------------------------------------------------------------------------- */

static void complain(const struct errand *e, const char *what, int error)
{
	LOG(LOG_WARNING, NULL, what, log_text("domain", e->of.domain),
	    log_string("error", strerror(-error)));
}

/* With a message for each of e->mail. */
static void end(struct tls_reports *t, struct errand *e)
{
	int r = tls_report_mail(t->store, t->settings, &e->report, e->gzip,
				e->mail);

	if (r < 0 && r != -ENOENT)
		complain(e, "a report on TLS cannot be queued", r);
	if (r == 0 && e->mail.count > 0)
		t->has_mail = true;
	errand_free(t, &e);
}

/* Nobody wants it, or there is nothing in it. */
static void end_without_mail(struct tls_reports *t, struct errand *e)
{
	e->mail.count = 0;
	e->report.domain = e->of.domain;
	e->report.begin = e->of.day * TLSRPT_DAY_S;
	end(t, e);
}

/* It stays, and is due again in an hour. */
static void leave(struct tls_reports *t, struct errand *e)
{
	if (e->of.tries < TLS_REPORTS_TRIES) {
		errand_free(t, &e);
		return;
	}
	LOG(LOG_WARNING, NULL, "a report on TLS was given up",
	    log_text("domain", e->of.domain));
	end_without_mail(t, e);
}

/* --- questions to lookup ------------------------------------------------------------- */

/* False: it is away. */
static bool ask(struct tls_reports *t, struct errand *e, struct message *m)
{
	struct link *links[ROLE_INDEX_MAX];

	if (t->peers->list(t->peers->arg, ROLE_LOOKUP, links) == 0)
		return false;
	e->id = ++t->last_id;
	e->deadline_ms = clock_monotonic_ms() + TLS_REPORTS_STEP_MS;
	if (m->type == MESSAGE_HTTPS_POST)
		m->https_post.id = e->id;
	else
		m->tlsrpt_wanted.id = e->id;
	peers_send(t->peers, links[0], m, -1);
	return true;
}

static struct errand *find(struct tls_reports *t, uint64_t id)
{
	struct errand *e;

	TAILQ_FOREACH(e, &t->errands, entry)
		if (e->id == id)
			return e;
	return NULL;
}

static void post_next(struct tls_reports *t, struct errand *e)
{
	struct message m = { .type = MESSAGE_HTTPS_POST };

	if (e->posts == e->https.count) {
		/* Who gets it by one of the ways he named has it. */
		if (e->mail.count == 0 && e->failed == e->posts)
			leave(t, e);
		else
			end(t, e);
		return;
	}
	m.https_post = (struct msg_https_post){
		.url = e->https.items[e->posts++],
		.content_type = S("application/tlsrpt+gzip"), /* 5.3 */
		.body = e->gzip,
	};
	if (!ask(t, e, &m))
		leave(t, e);
}

static void on_posted(struct tls_reports *t, const struct msg_https_posted *m)
{
	struct errand *e = find(t, m->id);

	if (e == NULL || e->posts == 0)
		return;
	if (m->is_taken)
		LOG(LOG_INFO, NULL, "report on TLS sent by HTTPS",
		    log_text("domain", e->of.domain),
		    log_text("to", e->https.items[e->posts - 1]));
	else
		LOG(LOG_INFO, NULL, "a report on TLS was not taken by HTTPS",
		    log_text("domain", e->of.domain),
		    log_text("to", e->https.items[e->posts - 1]),
		    log_text("problem", m->problem));
	e->failed += !m->is_taken;
	post_next(t, e);
}

/* --- the report ---------------------------------------------------------------------- */

static struct slices copy_all(struct slices in, struct arena *arena)
{
	size_t count = in.count < TLSRPT_URIS_MAX ? in.count : TLSRPT_URIS_MAX;
	struct slice *items = arena_array(arena, count, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = arena_copy(
			arena, slice_head(in.items[i], TLSRPT_URI_OCTETS));
	return (struct slices){ items, count };
}

static void make(struct tls_reports *t, struct errand *e,
		 const struct msg_tlsrpt *m)
{
	int r = tls_report_load(t->store, t->settings, &e->of, e->arena,
				&e->report);

	if (r == -ENOENT) {
		end_without_mail(t, e);
		return;
	}
	if (r == 0) {
		e->gzip = tlsrpt_gzip(tlsrpt_json(&e->report, e->arena),
				      e->arena);
		r = e->gzip.n > 0 ? 0 : -ENOMEM;
	}
	if (r < 0) {
		complain(e, "a report on TLS cannot be made", r);
		leave(t, e);
		return;
	}
	e->mail = copy_all(m->mail, e->arena);
	e->https = copy_all(m->https, e->arena);
	post_next(t, e);
}

static void on_record(struct tls_reports *t, const struct msg_tlsrpt *m)
{
	struct errand *e = find(t, m->id);

	if (e == NULL || e->gzip.n > 0)
		return;
	if (m->result == TLSRPT_WISHED)
		make(t, e, m);
	else if (m->result == TLSRPT_UNWANTED)
		end_without_mail(t, e);
	else
		leave(t, e);
}

/* --- what is due --------------------------------------------------------------------- */

static int take_once(struct tls_reports *t, int64_t now, struct arena *arena,
		     struct store_tls_report *ret_report)
{
	int r = store_begin(t->store);

	if (r == 0)
		r = store_take_tls_report(t->store, now,
					  now + TLS_REPORTS_AGAIN_S, arena,
					  ret_report);
	if (r == 0)
		r = store_commit(t->store);
	if (r < 0)
		store_rollback(t->store);
	return r;
}

/* False: nothing is due, or cannot be had. */
static bool begin_next(struct tls_reports *t, int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(TLS_REPORT_OCTETS);
	struct message m = { .type = MESSAGE_TLSRPT_WANTED };
	struct store_tls_report of;
	struct errand *e;
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = take_once(t, now, arena, &of);
	if (r < 0)
		return false;
	e = mem_new(sizeof(*e));
	e->arena = arena;
	arena = NULL;
	e->of = of;
	TAILQ_INSERT_TAIL(&t->errands, e, entry);
	t->count++;
	m.tlsrpt_wanted.domain = of.domain;
	if (!t->settings->sends_tls_reports)
		end_without_mail(t, e);
	else if (!ask(t, e, &m))
		leave(t, e);
	return true;
}

static void give_up_late(struct tls_reports *t, uint64_t now_ms)
{
	struct errand *e, *next;

	TAILQ_FOREACH_SAFE(e, &t->errands, entry, next)
		if (now_ms >= e->deadline_ms)
			leave(t, e);
}

void tls_reports_tick(struct tls_reports *t, int64_t now)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct link *links[ROLE_INDEX_MAX];

	tls_counts_tick(t->counts);
	give_up_late(t, now_ms);
	if (now_ms < t->look_ms ||
	    t->peers->list(t->peers->arg, ROLE_LOOKUP, links) == 0)
		return;
	t->look_ms = now_ms + TLS_REPORTS_LOOK_MS;
	for (size_t i = 0; i < TLS_REPORTS_MAX; i++)
		if (t->count >= TLS_REPORTS_MAX || !begin_next(t, now))
			break;
}

/* --- control -------------------------------------------------------------------------- */

static void send_entry(struct tls_reports *t, struct link *to, uint64_t id,
		       const struct store_tls_report *of)
{
	AUTO(arena_free) struct arena *arena = arena_new(TLS_REPORT_OCTETS);
	struct message m = { .type = MESSAGE_TLS_REPORT_ENTRY };
	struct tlsrpt_report report;

	if (tls_report_load(t->store, t->settings, of, arena, &report) < 0)
		return;
	m.tls_report_entry = (struct msg_tls_report_entry){
		.id = id,
		.day = (uint64_t)of->day,
		.domain = of->domain,
		.due = (uint64_t)of->due,
		.tries = of->tries,
		.report = tlsrpt_json(&report, arena),
	};
	peers_send(t->peers, to, &m, -1);
}

static void list(struct tls_reports *t, struct link *from,
		 const struct msg_tls_report_list *m)
{
	AUTO(arena_free) struct arena *arena = arena_new(LIST_OCTETS);
	struct store_tls_report items[PAGE] = { { .day = 0 } };
	struct store_tls_reports page = { .arena = arena,
					  .items = items,
					  .max = PAGE };
	struct message last = { .type = MESSAGE_TLS_REPORT_END };
	int r;

	(void)tls_counts_write(t->counts); /* it is to be seen, too */
	r = store_list_tls_reports(t->store, (int64_t)m->after_day,
				   m->after_domain, &page);

	for (size_t i = 0; i < page.count; i++)
		if (m->domain.n == 0 ||
		    slice_equal_nocase(m->domain, items[i].domain))
			send_entry(t, from, m->id, &items[i]);
	last.tls_report_end = (struct msg_tls_report_end){
		.id = m->id,
		.error = (uint32_t)-r,
		.after_day = page.count > 0
				     ? (uint64_t)items[page.count - 1].day
				     : m->after_day,
		.after_domain = page.count > 0 ? items[page.count - 1].domain
					       : m->after_domain,
		.is_last = r < 0 || page.count < PAGE,
	};
	peers_send(t->peers, from, &last, -1);
}

/* --- messages ------------------------------------------------------------------------- */

bool tls_reports_on_message(struct tls_reports *t, struct link *from,
			    const struct message *m)
{
	t->has_mail = false;
	if (m->type == MESSAGE_TLS_SEEN)
		tls_counts_add(t->counts, &m->tls_seen, clock_wall_s());
	else if (m->type == MESSAGE_TLSRPT)
		on_record(t, &m->tlsrpt);
	else if (m->type == MESSAGE_HTTPS_POSTED)
		on_posted(t, &m->https_posted);
	else if (m->type == MESSAGE_TLS_REPORT_LIST)
		list(t, from, &m->tls_report_list);
	return t->has_mail;
}
