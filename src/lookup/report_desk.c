#include "lookup/report_desk.h"

#include "base/list.h"
#include "base/mem.h"
#include "dns/record.h"
#include "mail/tlsrpt_record.h"

enum {
	ERRAND_OCTETS = 16 << 20, /* a tripwire: a message is no bigger */
	ANSWER_OCTETS = 65536,    /* of a server; not looked at */
	STATUS_GOOD = 200,
	STATUS_REDIRECT = 300,
};

/* A question or a post. */
struct errand {
	TAILQ_ENTRY(errand) entry;
	struct report_desk *desk;
	struct arena *arena;
	uint64_t id;
	struct dns_query *query; /* one of the two */
	struct fetch *fetch;
};

struct report_desk {
	struct dns *dns;
	struct fetcher *fetcher;
	report_desk_send *send;
	void *arg;
	TAILQ_HEAD(, errand) errands;
	unsigned count;
};

struct report_desk *report_desk_new(struct dns *dns, struct fetcher *fetcher,
				    report_desk_send *send, void *arg)
{
	struct report_desk *desk = mem_new(sizeof(*desk));

	desk->dns = dns;
	desk->fetcher = fetcher;
	desk->send = send;
	desk->arg = arg;
	TAILQ_INIT(&desk->errands);
	return desk;
}

static struct errand *errand_new(struct report_desk *desk, uint64_t id)
{
	struct errand *e = mem_new(sizeof(*e));

	e->desk = desk;
	e->arena = arena_new(ERRAND_OCTETS);
	e->id = id;
	TAILQ_INSERT_TAIL(&desk->errands, e, entry);
	desk->count++;
	return e;
}

static void errand_free(struct errand *e)
{
	TAILQ_REMOVE(&e->desk->errands, e, entry);
	e->desk->count--;
	dns_cancel(&e->query);
	fetch_cancel(&e->fetch);
	arena_free(&e->arena);
	mem_free(&e);
}

void report_desk_lose(struct report_desk *desk)
{
	struct errand *e;

	while ((e = TAILQ_FIRST(&desk->errands)) != NULL)
		errand_free(e);
}

void report_desk_free(struct report_desk **desk)
{
	if (*desk == NULL)
		return;
	report_desk_lose(*desk);
	mem_free(desk);
}

/* --- where to ----------------------------------------------------------------------- */

static void answer_wish(const struct report_desk *desk, uint64_t id,
			enum tlsrpt_wish wish, const struct tlsrpt_record *r)
{
	struct slice mail[TLSRPT_URIS_MAX], https[TLSRPT_URIS_MAX];
	struct message m = { .type = MESSAGE_TLSRPT, .fd = -1 };

	m.tlsrpt = (struct msg_tlsrpt){ .id = id,
					.result = wish,
					.mail.items = mail,
					.https.items = https };
	for (size_t i = 0; r != NULL && i < r->count; i++) {
		if (r->uris[i].is_mail)
			mail[m.tlsrpt.mail.count++] = r->uris[i].to;
		else
			https[m.tlsrpt.https.count++] = r->uris[i].to;
	}
	(void)desk->send(&m, desk->arg);
}

/* RFC 8460 3: others do not count, and of these there must be one. */
static bool find_record(const struct dns_answer *answer, struct arena *arena,
			struct tlsrpt_record *ret_record)
{
	struct slice text, found = S("");
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++) {
		if (!record_txt(answer->records[i], TLSRPT_RECORD_OCTETS, arena,
				&text) ||
		    !tlsrpt_record_is_one(text))
			continue;
		found = text;
		count++;
	}
	return count == 1 && tlsrpt_record_parse(found, arena, ret_record);
}

static void on_record(const struct dns_answer *answer, void *arg)
{
	struct errand *e = arg;
	struct tlsrpt_record record;
	enum tlsrpt_wish wish = TLSRPT_UNWANTED;

	e->query = NULL;
	if (answer->result == DNS_FAILED || answer->result == DNS_BOGUS)
		wish = TLSRPT_TRY_LATER;
	else if (answer->result == DNS_DATA &&
		 find_record(answer, e->arena, &record))
		wish = TLSRPT_WISHED;
	answer_wish(e->desk, e->id, wish,
		    wish == TLSRPT_WISHED ? &record : NULL);
	errand_free(e);
}

void report_desk_ask(struct report_desk *desk,
		     const struct msg_tlsrpt_wanted *m)
{
	const struct slice parts[] = { SLICE("_smtp._tls."), m->domain };
	struct errand *e;

	if (desk->count >= REPORT_DESK_MAX) {
		answer_wish(desk, m->id, TLSRPT_TRY_LATER, NULL);
		return;
	}
	e = errand_new(desk, m->id);
	e->query = dns_ask(desk->dns, arena_join(e->arena, parts, 2), DNS_TXT,
			   on_record, e);
}

/* --- there -------------------------------------------------------------------------- */

static void answer_post(const struct report_desk *desk, uint64_t id,
			bool is_taken, struct slice problem)
{
	struct message m = { .type = MESSAGE_HTTPS_POSTED, .fd = -1 };

	m.https_posted = (struct msg_https_posted){
		.id = id,
		.is_taken = is_taken,
		.problem = slice_head(problem, WIRE_TEXT_OCTETS),
	};
	(void)desk->send(&m, desk->arg);
}

static void on_posted(const struct https_answer *answer, void *arg)
{
	struct errand *e = arg;
	bool is_answered = answer->result == HTTPS_ANSWERED;
	bool is_taken = is_answered && answer->status >= STATUS_GOOD &&
			answer->status < STATUS_REDIRECT;
	struct slice problem = answer->problem;

	e->fetch = NULL;
	if (is_answered)
		problem = arena_format(e->arena, "the server answers %u",
				       answer->status);
	answer_post(e->desk, e->id, is_taken, is_taken ? S("") : problem);
	errand_free(e);
}

static void post(struct errand *e, const struct tlsrpt_https *to,
		 const struct msg_https_post *m)
{
	const struct https_request request = {
		.host = to->host,
		.port = to->port,
		.path = to->path,
		.content_type = m->content_type,
		.body = arena_copy(e->arena, m->body),
		.limit_octets = ANSWER_OCTETS,
		.timeout_ms = REPORT_DESK_POST_MS,
	};

	e->fetch = fetch_start(e->desk->fetcher, &request, on_posted, e);
}

void report_desk_post(struct report_desk *desk, const struct msg_https_post *m)
{
	struct tlsrpt_https to;
	struct errand *e;

	if (desk->count >= REPORT_DESK_MAX) {
		answer_post(desk, m->id, false, S("too many are under way"));
		return;
	}
	e = errand_new(desk, m->id);
	if (tlsrpt_https_parse(m->url, e->arena, &to)) {
		post(e, &to, m);
		return;
	}
	answer_post(desk, m->id, false, S("this is no address of a server"));
	errand_free(e);
}
