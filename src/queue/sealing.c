#include "queue/sealing.h"

#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/field.h"
#include "proc/dkim_signer.h"
#include "queue/body.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	LOOK_OCTETS = 4096, /* of a message, for its Message-ID */
	ARENA_OCTETS = 64 << 20,
	CONTENT_OCTETS = 16 << 20, /* reports are far smaller */
};

struct sealing {
	LIST_ENTRY(sealing) entry;
	struct sealings *sealings;
	struct dkim_sign_call *call;
	struct arena *arena; /* of all that m points to */
	struct link *to;
	struct message m;
	int fd;
};

struct sealings {
	struct dkim_signer *signer;
	sealing_on_done *done;
	void *arg;
	LIST_HEAD(, sealing) all;
};

struct sealings *sealings_new(struct dkim_signer *signer, sealing_on_done *done,
			      void *arg)
{
	struct sealings *s = mem_new(sizeof(*s));

	s->signer = signer;
	s->done = done;
	s->arg = arg;
	LIST_INIT(&s->all);
	return s;
}

static void free_sealing(struct sealing **sealing)
{
	struct sealing *s = *sealing;

	LIST_REMOVE(s, entry);
	dkim_sign_cancel(&s->call);
	fd_close(&s->fd);
	arena_free(&s->arena);
	mem_free(sealing);
}

void sealings_free(struct sealings **sealings)
{
	if (*sealings == NULL)
		return;
	while (!LIST_EMPTY(&(*sealings)->all)) {
		struct sealing *s = LIST_FIRST(&(*sealings)->all);

		free_sealing(&s);
	}
	mem_free(sealings);
}

/* --- whose mail it is --------------------------------------------------------------- */

static bool has_own_id(struct slice text, uint64_t queue_id)
{
	char own[32];
	struct field f;

	(void)snprintf(own, sizeof(own), "<%016" PRIx64 "@", queue_id);
	while (field_next(&text, &f))
		if (field_is(&f, S("Message-ID")))
			return slice_starts(slice_trim(f.value), slice_of(own));
	return false;
}

bool sealing_is_wanted(const struct sealings *s, const struct store_entry *e,
		       int fd)
{
	uint64_t octets = e->message.content_octets;
	char text[LOOK_OCTETS];
	size_t n = octets < sizeof(text) ? (size_t)octets : sizeof(text);

	return s->signer != NULL && e->message.reverse_path.n == 0 &&
	       e->recipient.target.kind == TARGET_REMOTE &&
	       dkim_signer_has_keys(s->signer) && octets <= CONTENT_OCTETS &&
	       file_read_at(fd, text, n, 0) == 0 &&
	       has_own_id((struct slice){ text, n }, e->message.queue_id);
}

/* --- the signature -------------------------------------------------------------------- */

/* A memfd with header before the content, or -errno. */
static int put_on_top(const struct sealing *s, struct slice header)
{
	size_t octets = (size_t)s->m.attempt.content_octets;
	char *text = arena_alloc(s->arena, header.n + octets + 1);
	int r = file_read_at(s->fd, text + header.n, octets, 0);

	if (r < 0)
		return r;
	if (header.n > 0)
		memcpy(text, header.p, header.n);
	return body_memfd((struct slice){ text, header.n + octets });
}

static void on_signed(enum dkim_sign_result result, struct slice header,
		      struct slice problem, void *arg)
{
	struct sealing *s = arg;
	const struct sealings *all = s->sealings;
	bool is_good = result != DKIM_SIGN_FAILED;
	AUTO(fd_close) int fd = -1;

	s->call = NULL;
	if (result == DKIM_SIGN_DONE) {
		fd = put_on_top(s, header);
		is_good = fd >= 0;
		s->m.attempt.content_octets += header.n;
	} else if (result == DKIM_SIGN_NOT_WANTED) {
		fd = s->fd;
		s->fd = -1;
	}
	if (!is_good)
		LOG(LOG_ERROR, NULL, "not signed",
		    log_text("trace", s->m.attempt.trace),
		    log_id("queue_id", s->m.attempt.queue_id),
		    log_text("problem", problem));
	all->done(s->m.attempt.id, s->to, is_good ? &s->m : NULL, fd, all->arg);
	free_sealing(&s);
}

static void copy(struct sealing *s, const struct msg_attempt *m)
{
	struct msg_attempt *to = &s->m.attempt;

	s->m.type = MESSAGE_ATTEMPT;
	s->m.fd = -1;
	*to = *m;
	to->trace = arena_copy(s->arena, m->trace);
	to->reverse_path = arena_copy(s->arena, m->reverse_path);
	to->target = target_copy(m->target, s->arena);
	to->envid = arena_copy(s->arena, m->envid);
	to->orcpt_type = arena_copy(s->arena, m->orcpt_type);
	to->orcpt = arena_copy(s->arena, m->orcpt);
}

void sealing_start(struct sealings *sealings, struct link *to,
		   const struct message *m, int fd)
{
	struct sealing *s = mem_new(sizeof(*s));

	s->sealings = sealings;
	s->to = to;
	s->arena = arena_new(ARENA_OCTETS);
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	copy(s, &m->attempt);
	LIST_INSERT_HEAD(&sealings->all, s, entry);
	/* Without a descriptor the message cannot be read, and that is told. */
	s->call = dkim_sign(sealings->signer, s->fd,
			    s->m.attempt.content_octets, on_signed, s);
}
