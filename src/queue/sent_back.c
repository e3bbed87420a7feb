#include "queue/sent_back.h"

#include "base/list.h"
#include "base/mem.h"

#include <string.h>

enum { BUCKETS = 256, FIRST_ROOM = 64 };

/* Its rows are from begin to end, in the order in which they came; those before
 * aged were there the last time. */
struct place {
	TAILQ_ENTRY(place) entry;
	uint64_t destination;
	uint64_t *rows;
	size_t begin, aged, end, room;
};

TAILQ_HEAD(places, place);

struct sent_back {
	struct places buckets[BUCKETS];
	size_t count; /* of rows */
};

struct sent_back *sent_back_new(void)
{
	struct sent_back *s = mem_new(sizeof(*s));

	for (size_t i = 0; i < BUCKETS; i++)
		TAILQ_INIT(&s->buckets[i]);
	return s;
}

static struct places *bucket_of(struct sent_back *s, uint64_t destination)
{
	return &s->buckets[destination % BUCKETS];
}

static struct place *find(struct sent_back *s, uint64_t destination)
{
	struct place *p;

	TAILQ_FOREACH(p, bucket_of(s, destination), entry)
		if (p->destination == destination)
			return p;
	return NULL;
}

static void remove_place(struct sent_back *s, struct place *p)
{
	TAILQ_REMOVE(bucket_of(s, p->destination), p, entry);
	s->count -= p->end - p->begin;
	mem_free(&p->rows);
	mem_free(&p);
}

static void take(struct sent_back *s, struct place *p, size_t count)
{
	p->begin += count;
	s->count -= count;
	if (p->begin == p->end)
		remove_place(s, p);
}

void sent_back_age(struct sent_back *s)
{
	struct place *p, *next;

	for (size_t i = 0; i < BUCKETS; i++) {
		TAILQ_FOREACH_SAFE(p, &s->buckets[i], entry, next) {
			size_t old =
				p->aged > p->begin ? p->aged - p->begin : 0;

			p->aged = p->end;
			take(s, p, old);
		}
	}
}

void sent_back_free(struct sent_back **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (!TAILQ_EMPTY(&(*s)->buckets[i]))
			remove_place(*s, TAILQ_FIRST(&(*s)->buckets[i]));
	mem_free(s);
}

/* What was taken leaves its room to what comes. */
static void make_room(struct place *p)
{
	size_t count = p->end - p->begin;

	if (p->end < p->room)
		return;
	if (p->begin >= p->room / 2 && p->room > 0) {
		memmove(p->rows, p->rows + p->begin, count * sizeof(*p->rows));
		p->aged = p->aged > p->begin ? p->aged - p->begin : 0;
		p->begin = 0;
		p->end = count;
		return;
	}
	p->room = p->room > 0 ? p->room * 2 : FIRST_ROOM;
	p->rows = mem_resize(p->rows, p->room, sizeof(*p->rows));
}

void sent_back_add(struct sent_back *s, uint64_t destination, uint64_t row)
{
	struct place *p;

	if (s->count >= SENT_BACK_MAX)
		return;
	p = find(s, destination);
	if (p == NULL) {
		p = mem_new(sizeof(*p));
		p->destination = destination;
		TAILQ_INSERT_HEAD(bucket_of(s, destination), p, entry);
	}
	make_room(p);
	p->rows[p->end++] = row;
	s->count++;
}

size_t sent_back_take(struct sent_back *s, uint64_t destination, size_t max,
		      uint64_t *rows)
{
	struct place *p = find(s, destination);
	size_t count;

	if (p == NULL)
		return 0;
	count = p->end - p->begin;
	if (count > max)
		count = max;
	memcpy(rows, p->rows + p->begin, count * sizeof(*rows));
	take(s, p, count);
	return count;
}
