/*
 * Octets from a client to a session among fakes. The first octet chooses the
 * port, how the input is split, what filters there are and what they do, and
 * whether the client is a stranger and what is known of him. A
 * session says and hands over the same however its input is cut and whenever
 * filters answer, and what it hands over has whole lines only.
 */
#include "base/mem.h"
#include "test/unit/receive/filter_world.h"
#include "test/unit/receive/session_world.h"

#include <assert.h>
#include <event2/buffer.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	char *said;
	char *content;
	size_t delivered;
	bool is_gone;
};

static void result_done(struct result *r)
{
	mem_free(&r->said);
	mem_free(&r->content);
}

static const struct filter_rule rules[] = {
	{ "hello refuse",
	  { .kind = MILTER_REFUSE, .code = 550, .text = SLICE("5.7.1 no") } },
	{ "hello later",
	  { .kind = MILTER_REFUSE, .code = 451, .text = SLICE("later") } },
	{ "hello close",
	  { .kind = MILTER_CLOSE, .code = 421, .text = SLICE("4.7.0 go") } },
	{ "mail <refuse",
	  { .kind = MILTER_REFUSE, .code = 550, .text = SLICE("5.7.1 no") } },
	{ "mail <drop", { .kind = MILTER_DROP, .filter = "f" } },
	{ "rcpt <bob",
	  { .kind = MILTER_REFUSE, .code = 450, .text = SLICE("4.7.1 grey") } },
	{ "rcpt <list", { .kind = MILTER_DROP, .filter = "f" } },
	{ "unknown later",
	  { .kind = MILTER_REFUSE, .code = 451, .text = SLICE("4.7.1 x") } },
	{ .on = NULL },
};

static const struct filter_rule no_data[] = {
	{ "data",
	  { .kind = MILTER_REFUSE, .code = 550, .text = SLICE("5.7.1 no") } },
	{ .on = NULL },
};

static const struct filter_rule no_content[] = {
	{ "content",
	  { .kind = MILTER_REFUSE, .code = 550, .text = SLICE("5.7.1 no") } },
	{ .on = NULL },
};

static const struct filter_rule *choose_rules(uint8_t octet)
{
	static const struct filter_rule *const all[] = { NULL, rules, no_data,
							 no_content };

	return all[octet / 21 % 4];
}

/* What else filters and hooks/post-data do to what is complete. */
static void choose_edits(struct world *w, uint8_t octet, bool has_filters)
{
	switch (octet / 84) {
	case 1:
		w->hook_header = S("X-Hook: a\r\n\tb\r\n");
		if (has_filters)
			filter_world_add_header("X-Filter: 1\r\n");
		break;
	case 2:
		if (has_filters)
			filter_world_edit_envelope(
				octet % 2 == 0 ? ENVELOPE_EMPTY
					       : ENVELOPE_TRY_LATER);
		break;
	default:
		break;
	}
}

/* Some clients are strangers, and what is found out of them differs. */
static void choose_origin(struct world *w, uint8_t octet)
{
	static struct slice results[] = { SLICE("dkim=none"),
					  SLICE("dmarc=fail\r\nX: y") };

	w->is_outside = octet % 3 == LISTENER_SMTP && octet / 3 % 7 > 3;
	w->spf.result = octet / 84; /* none, pass, fail or softfail */
	w->verified.policy = octet / 21 % 4 % 3;
	w->verified.results = (struct slices){ results, 2 };
}

/* Each session has its own. */
static void mask_traces(char *said)
{
	static const char before[] = "OK: accepted as ";

	for (char *at = strstr(said, before); at != NULL;
	     at = strstr(at, before)) {
		at += sizeof(before) - 1;
		memset(at, 'x', strcspn(at, "."));
	}
}

static struct result run(uint8_t octet, bool is_cut, struct slice input)
{
	enum listener_service service = (enum listener_service)(octet % 3);
	size_t piece = is_cut ? 1 + octet / 3 % 7 : 0;
	const struct filter_rule *filters = choose_rules(octet);
	struct world *w = world_new(service);
	struct result r;

	if (filters != NULL)
		filter_world_begin(&w->server, filters,
				   is_cut ? FILTER_LATER : FILTER_AT_ONCE);

	choose_edits(w, octet, filters != NULL);
	choose_origin(w, octet);
	w->spool_waits = is_cut;
	world_connect(w);
	world_send(w, input, piece);
	r.is_gone = TAILQ_EMPTY(&w->server.sessions);
	r.delivered = w->delivered;
	world_free_into(&w, &r.said, &r.content);
	mask_traces(r.said);
	return r;
}

/* Every LF has its CR and the other way round, and there is no NUL. */
static void check_lines(const char *content, size_t n)
{
	assert(strlen(content) == n);
	for (size_t i = 0; i < n; i++) {
		if (content[i] == '\n')
			assert(i > 0 && content[i - 1] == '\r');
		if (content[i] == '\r')
			assert(content[i + 1] == '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data + 1, size - 1 };
	AUTO(result_done) struct result whole = { .said = NULL };
	AUTO(result_done) struct result cut = { .said = NULL };

	if (size < 1)
		return 0;
	whole = run(data[0], false, input);
	check_lines(whole.content, strlen(whole.content));
	/* What stands behind STARTTLS is told by its time of arrival. */
	if (strcasestr(whole.said, "STARTTLS") != NULL &&
	    (strstr(whole.said, "554 5.5.0") != NULL ||
	     strstr(whole.said, "220 2.0.0") != NULL))
		return 0;
	cut = run(data[0], true, input);
	assert(strcmp(whole.said, cut.said) == 0);
	assert(strcmp(whole.content, cut.content) == 0);
	assert(whole.delivered == cut.delivered);
	assert(whole.is_gone == cut.is_gone);
	return 0;
}
