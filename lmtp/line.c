#include "lmtp/line.h"

#include "base/mem.h"

#include <string.h>

/* While ordinary ones wait, too. */
enum { URGENT_IN_A_ROW = 3 };

static struct slice copy(char *to, struct slice s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return (struct slice){ to, s.n };
}

struct lmtp_delivery *lmtp_delivery_new(const struct lmtp_request *request,
					lmtp_on_result *on_result, void *arg)
{
	size_t n = request->reverse_path.n;
	struct lmtp_delivery *d =
		mem_new(sizeof(*d) + n + request->recipient.n);

	d->request = *request;
	d->request.reverse_path = copy(d->bytes, request->reverse_path);
	d->request.recipient = copy(d->bytes + n, request->recipient);
	d->on_result = on_result;
	d->arg = arg;
	return d;
}

static struct lmtp_deliveries *place_of(struct lmtp_line *line,
					const struct lmtp_delivery *d)
{
	return d->is_urgent ? &line->urgent : &line->ordinary;
}

void lmtp_line_init(struct lmtp_line *line)
{
	TAILQ_INIT(&line->urgent);
	TAILQ_INIT(&line->ordinary);
	line->count = 0;
}

void lmtp_line_enter(struct lmtp_line *line, struct lmtp_delivery *d,
		     bool is_urgent)
{
	d->is_urgent = is_urgent;
	d->line = line;
	TAILQ_INSERT_TAIL(place_of(line, d), d, entry);
	line->count++;
}

void lmtp_line_return(struct lmtp_line *line, struct lmtp_delivery *d)
{
	d->line = line;
	TAILQ_INSERT_HEAD(place_of(line, d), d, entry);
	line->count++;
}

bool lmtp_line_leave(struct lmtp_delivery *d)
{
	struct lmtp_line *line = d->line;

	if (line == NULL)
		return false;
	TAILQ_REMOVE(place_of(line, d), d, entry);
	line->count--;
	d->line = NULL;
	return true;
}

struct lmtp_delivery *lmtp_line_next(struct lmtp_line *line)
{
	struct lmtp_delivery *urgent = TAILQ_FIRST(&line->urgent);
	struct lmtp_delivery *d = TAILQ_FIRST(&line->ordinary);

	if (d == NULL || (urgent != NULL && line->in_a_row < URGENT_IN_A_ROW))
		d = urgent;
	if (d == NULL)
		return NULL;
	line->in_a_row = d == urgent ? line->in_a_row + 1 : 0;
	(void)lmtp_line_leave(d);
	return d;
}
