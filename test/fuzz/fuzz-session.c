/*
 * Octets from a client to a session among fakes. The first octet chooses the
 * port and how the input is split: a session says and hands over the same
 * however its input is cut, and what it hands over has whole lines only.
 */
#include "base/mem.h"
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

static struct result run(enum listener_service service, bool spool_waits,
			 struct slice input, size_t piece)
{
	struct world *w = world_new(service);
	struct result r;

	w->spool_waits = spool_waits;
	world_connect(w);
	world_send(w, input, piece);
	r.is_gone = TAILQ_EMPTY(&w->server.sessions);
	r.delivered = w->delivered;
	world_free_into(&w, &r.said, &r.content);
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
	enum listener_service service;
	size_t piece;

	if (size < 1)
		return 0;
	service = (enum listener_service)(data[0] % 3);
	piece = 1 + data[0] / 3 % 7;
	whole = run(service, false, input, 0);
	check_lines(whole.content, strlen(whole.content));
	/* What stands behind STARTTLS is told by its time of arrival. */
	if (strcasestr(whole.said, "STARTTLS") != NULL &&
	    (strstr(whole.said, "554 5.5.0") != NULL ||
	     strstr(whole.said, "220 2.0.0") != NULL))
		return 0;
	cut = run(service, true, input, piece);
	assert(strcmp(whole.said, cut.said) == 0);
	assert(strcmp(whole.content, cut.content) == 0);
	assert(whole.delivered == cut.delivered);
	assert(whole.is_gone == cut.is_gone);
	return 0;
}
