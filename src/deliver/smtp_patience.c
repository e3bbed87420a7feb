#include "deliver/smtp_patience.h"

#include "base/mem.h"

#include <assert.h>

struct smtp_patience {
	struct event *on_timeout;
	unsigned each_ms;
	enum smtp_wait wait;
	uint64_t progress;
	smtp_on_impatience *on_end;
	void *arg;
};

static unsigned time_ms(enum smtp_wait wait)
{
	static const unsigned times_ms[] = {
		[SMTP_WAIT_NOTHING] = 0,
		[SMTP_WAIT_CONNECT] = SMTP_CONNECT_MS,
		[SMTP_WAIT_GREETING] = SMTP_GREETING_MS,
		[SMTP_WAIT_HELLO] = SMTP_GREETING_MS,
		[SMTP_WAIT_TLS] = SMTP_TLS_MS,
		[SMTP_WAIT_MAIL] = SMTP_MAIL_MS,
		[SMTP_WAIT_RCPT] = SMTP_RCPT_MS,
		[SMTP_WAIT_DATA] = SMTP_DATA_MS,
		[SMTP_WAIT_BLOCK] = SMTP_BLOCK_MS,
		[SMTP_WAIT_FINAL] = SMTP_FINAL_MS,
		[SMTP_WAIT_RESET] = SMTP_RESET_MS,
		[SMTP_WAIT_QUIT] = SMTP_QUIT_MS,
	};

	return times_ms[wait];
}

static enum smtp_end end_of(enum smtp_wait wait, const char **ret_why)
{
	switch (wait) {
	case SMTP_WAIT_CONNECT:
		*ret_why = "no connection in time";
		return SMTP_END_NO_CONNECTION;
	case SMTP_WAIT_QUIT:
		*ret_why = "we said QUIT";
		return SMTP_END_QUIT;
	case SMTP_WAIT_BLOCK:
		*ret_why = "the server takes no more of the content";
		return SMTP_END_TIMEOUT;
	case SMTP_WAIT_NOTHING:
	case SMTP_WAIT_GREETING:
	case SMTP_WAIT_HELLO:
	case SMTP_WAIT_TLS:
	case SMTP_WAIT_MAIL:
	case SMTP_WAIT_RCPT:
	case SMTP_WAIT_DATA:
	case SMTP_WAIT_FINAL:
	case SMTP_WAIT_RESET:
		break;
	}
	*ret_why = "no answer in time";
	return SMTP_END_TIMEOUT;
}

static void on_timeout(int fd, short what, void *arg)
{
	struct smtp_patience *p = arg;
	const char *why;
	enum smtp_end end = end_of(p->wait, &why);

	(void)fd;
	(void)what;
	p->on_end(end, why, p->arg);
}

struct smtp_patience *smtp_patience_new(struct event_base *base,
					unsigned each_ms,
					smtp_on_impatience *on_end, void *arg)
{
	struct smtp_patience *p = mem_new(sizeof(*p));

	p->each_ms = each_ms;
	p->on_end = on_end;
	p->arg = arg;
	p->on_timeout = evtimer_new(base, on_timeout, p);
	assert(p->on_timeout != NULL);
	return p;
}

void smtp_patience_free(struct smtp_patience **patience)
{
	if (*patience == NULL)
		return;
	event_free((*patience)->on_timeout);
	mem_free(patience);
}

void smtp_patience_watch(struct smtp_patience *p, enum smtp_wait wait,
			 uint64_t progress)
{
	unsigned ms = p->each_ms > 0 ? p->each_ms : time_ms(wait);
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	if (wait == p->wait && progress == p->progress)
		return;
	p->wait = wait;
	p->progress = progress;
	if (wait == SMTP_WAIT_NOTHING)
		(void)event_del(p->on_timeout);
	else
		(void)event_add(p->on_timeout, &tv);
}
