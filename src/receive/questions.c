#include "receive/questions.h"

#include "base/list.h"
#include "base/mem.h"

enum { QUESTION_ARENA_OCTETS = 1 << 20 };

struct question {
	TAILQ_ENTRY(question) entry;
	struct questions *questions;
	struct link *from;
	uint64_t id;
	enum message_type type; /* of the question */
	struct resolution *resolution;
};

struct questions {
	struct role_self *self;
	struct resolver *resolver;
	TAILQ_HEAD(, question) all;
};

static void question_free(struct question *q)
{
	TAILQ_REMOVE(&q->questions->all, q, entry);
	resolve_cancel(&q->resolution);
	mem_free(&q);
}

static void answer(struct link *to, enum message_type question, uint64_t id,
		   const struct resolve_answer *answer)
{
	struct message m = { .fd = -1 };

	if (question == MESSAGE_EXPLAIN) {
		m.type = MESSAGE_EXPLAINED;
		m.explained = (struct msg_explained){
			.id = id,
			.result = (uint32_t)answer->result,
			.steps = answer->steps,
		};
	} else {
		m.type = MESSAGE_RESOLVED;
		m.resolved = (struct msg_resolved){
			.id = id,
			.result = (uint32_t)answer->result,
			.targets = answer->targets,
		};
	}
	link_send(to, &m, -1);
}

static void on_answer(const struct resolve_answer *result, void *arg)
{
	struct question *q = arg;

	q->resolution = NULL;
	answer(q->from, q->type, q->id, result);
	question_free(q);
}

static void answer_no_address(struct link *to, enum message_type question,
			      uint64_t id)
{
	const struct slice step = S("this is not an address");
	const struct resolve_answer none = {
		.result = RESOLVE_NO_USER,
		.steps = { .items = &step, .count = 1 },
	};

	answer(to, question, id, &none);
}

/* "root" is what it is to programs of this machine. */
static struct slice whole_address(const struct questions *questions,
				  struct slice text, struct arena *a)
{
	const struct slice parts[] = {
		text, S("@"), slice_of(role_conf(questions->self)->mailname)
	};

	return arena_join(a, parts, 3);
}

static unsigned flags_of(bool is_explain, bool is_bare)
{
	unsigned flags = RESOLVE_NULL_SENDER;

	if (is_bare || !is_explain)
		flags |= RESOLVE_FOR_HOST;
	return flags | (is_explain ? RESOLVE_WITH_STEPS : RESOLVE_MAY_RELAY);
}

void questions_ask(struct questions *questions, struct link *from,
		   const struct message *m)
{
	AUTO(arena_free) struct arena *a = arena_new(QUESTION_ARENA_OCTETS);
	bool is_explain = m->type == MESSAGE_EXPLAIN;
	uint64_t id = is_explain ? m->explain.id : m->resolve.id;
	struct slice text =
		is_explain ? m->explain.address : m->resolve.address;
	bool is_bare = is_explain && slice_find(text, '@') == text.n;
	struct address address;
	struct question *q;

	if (is_bare)
		text = whole_address(questions, text, a);
	if (text.n > 1024 || address_parse(text, a, &address) != 0) {
		answer_no_address(from, m->type, id);
		return;
	}
	q = mem_new(sizeof(*q));
	q->questions = questions;
	q->from = from;
	q->id = id;
	q->type = m->type;
	TAILQ_INSERT_TAIL(&questions->all, q, entry);
	q->resolution =
		resolve_start(questions->resolver, &address,
			      flags_of(is_explain, is_bare), on_answer, q);
}

void questions_on_peer_gone(struct questions *questions,
			    const struct link *peer)
{
	struct question *q;
	struct question *next;

	TAILQ_FOREACH_SAFE(q, &questions->all, entry, next)
		if (q->from == peer)
			question_free(q);
}

struct questions *questions_new(struct role_self *self,
				struct resolver *resolver)
{
	struct questions *questions = mem_new(sizeof(*questions));

	questions->self = self;
	questions->resolver = resolver;
	TAILQ_INIT(&questions->all);
	return questions;
}

void questions_free(struct questions **questions)
{
	if (*questions == NULL)
		return;
	while (!TAILQ_EMPTY(&(*questions)->all))
		question_free(TAILQ_FIRST(&(*questions)->all));
	mem_free(questions);
}
