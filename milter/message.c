#include "milter/message.h"

#include "base/file.h"
#include "base/mem.h"
#include "milter/edits.h"
#include "milter/message-private.h"

#include <errno.h>
#include <string.h>

enum {
	FIRST_READ_OCTETS = 8 << 10, /* most headers fit */
	FIRST_FIELDS = 32,
	/* A tripwire: see ENVELOPE_OCTETS. */
	ARENA_OCTETS = ENVELOPE_OCTETS + (2 << 20),
};

/* --- lines ---------------------------------------------------------------------- */

enum line {
	LINE_FIELD,
	LINE_FOLD,
	LINE_EMPTY,
	LINE_OTHER, /* no header any more: the body's first */
};

static bool is_name_octet(char c)
{
	return c > ' ' && c < 127 && c != ':';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The octets of line's name, 0 if it is no field; *ret_colon is where its
 * colon is. Blanks may stand before that: RFC 5322 4.5. */
static size_t name_octets(struct slice line, size_t *ret_colon)
{
	size_t n = 0, colon;

	while (n < line.n && is_name_octet(line.p[n]))
		n++;
	colon = n;
	while (colon < line.n && is_blank(line.p[colon]))
		colon++;
	if (n == 0 || colon == line.n || line.p[colon] != ':')
		return 0;
	*ret_colon = colon;
	return n;
}

static enum line line_sort(struct slice line, bool has_field)
{
	size_t colon;

	if (slice_equal(line, S("\r\n")) || slice_equal(line, S("\n")))
		return LINE_EMPTY;
	if (has_field && is_blank(line.p[0]))
		return LINE_FOLD;
	return name_octets(line, &colon) > 0 ? LINE_FIELD : LINE_OTHER;
}

static struct slice without_line_end(struct slice line)
{
	if (line.n == 0 || line.p[line.n - 1] != '\n')
		return line;
	line.n--;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* --- fields --------------------------------------------------------------------- */

size_t field_octets(const struct field *field)
{
	const struct slice raw = field->raw;

	if (raw.n == 0)
		return field->is.name.n + 1 + field->is.value.n + 2;
	return raw.n + (raw.p[raw.n - 1] == '\n' ? 0 : 2);
}

void message_put_field(struct milter_message *m, size_t i, struct field *field)
{
	if (m->field_count == m->field_room) {
		m->field_room =
			m->field_room > 0 ? m->field_room * 2 : FIRST_FIELDS;
		m->fields = mem_resize(m->fields, m->field_room,
				       sizeof(struct field *));
	}
	memmove(m->fields + i + 1, m->fields + i,
		(m->field_count - i) * sizeof(struct field *));
	m->fields[i] = field;
	m->field_count++;
	m->octets += field_octets(field);
}

static void add_read_field(struct milter_message *m, struct slice raw,
			   size_t hidden)
{
	struct field *field = mem_new(sizeof(*field));
	struct slice whole = without_line_end(raw);
	size_t colon = 0;
	size_t n = name_octets(raw, &colon);

	field->raw = raw;
	field->is.name = slice_head(raw, n);
	field->is.value = slice_tail(whole, colon + 1);
	field->is.is_hidden = m->field_count < hidden;
	message_put_field(m, m->field_count, field);
}

/* --- reading ---------------------------------------------------------------------- */

/* The header section as far as it was read. */
struct section {
	char *p;
	size_t n;
	size_t room;
	size_t at; /* lines before this are of the header */
	size_t fields;
	bool is_over; /* and what lies at `at` is not */
};

static int read_more(struct section *s, int fd, uint64_t octets)
{
	uint64_t left = octets - s->n;
	int error;

	if (s->n == s->room) {
		s->room = s->room > 0 ? s->room * 2 : FIRST_READ_OCTETS;
		s->p = mem_resize(s->p, s->room, 1);
	}
	if (left > s->room - s->n)
		left = s->room - s->n;
	error = file_read_at(fd, s->p + s->n, (size_t)left, s->n);
	if (error == 0)
		s->n += (size_t)left;
	return error;
}

/* Looks at the whole lines of what was read; is_end: the last one needs no
 * line end. */
static void scan(struct section *s, bool is_end)
{
	while (s->at < s->n && !s->is_over) {
		struct slice rest = { s->p + s->at, s->n - s->at };
		struct slice line =
			slice_head(rest, slice_find(rest, '\n') + 1);
		enum line sort = line_sort(line, s->fields > 0);

		if (line.p[line.n - 1] != '\n' && !is_end)
			return;
		if (sort == LINE_FIELD)
			s->fields++;
		if (sort != LINE_OTHER)
			s->at += line.n;
		s->is_over = sort == LINE_EMPTY || sort == LINE_OTHER;
	}
}

static int read_section(struct section *s, int fd, uint64_t octets)
{
	while (!s->is_over && s->n < octets) {
		int error = read_more(s, fd, octets);

		if (error != 0)
			return error;
		scan(s, s->n == octets);
		if (s->at > HEADER_READ_OCTETS ||
		    s->fields > HEADER_READ_FIELDS ||
		    (!s->is_over && s->n > HEADER_READ_OCTETS))
			return -EMSGSIZE;
	}
	return 0;
}

static void split_section(struct milter_message *m, size_t hidden)
{
	struct slice rest = { m->header, m->header_octets };
	struct slice field = { .p = m->header };

	while (rest.n > 0) {
		struct slice line =
			slice_head(rest, slice_find(rest, '\n') + 1);
		enum line sort = line_sort(line, field.n > 0);

		if (sort != LINE_FOLD && field.n > 0) {
			add_read_field(m, field, hidden);
			field = (struct slice){ .p = line.p };
		}
		if (sort != LINE_EMPTY)
			field.n += line.n;
		rest = slice_tail(rest, line.n);
	}
	if (field.n > 0)
		add_read_field(m, field, hidden);
}

int milter_message_open(int fd, uint64_t octets, size_t hidden,
			struct milter_message **ret_message)
{
	struct section s = { .p = NULL };
	struct milter_message *m;
	int error = read_section(&s, fd, octets);

	if (error != 0) {
		mem_free(&s.p);
		return error;
	}
	m = mem_new(sizeof(*m));
	m->fd = fd;
	m->header = s.p;
	m->header_octets = s.at;
	m->body = (struct milter_body){ .fd = fd,
					.offset = s.at,
					.octets = octets - s.at };
	m->body_fd = -1;
	m->arena = arena_new(ARENA_OCTETS);
	split_section(m, hidden);
	*ret_message = m;
	return 0;
}

void milter_message_free(struct milter_message **message)
{
	struct milter_message *m = *message;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->field_count; i++)
		mem_free(&m->fields[i]);
	mem_free(&m->fields);
	mem_free(&m->envelope);
	mem_free(&m->header);
	fd_close(&m->body_fd);
	arena_free(&m->arena);
	mem_free(message);
}

/* --- what it is now --------------------------------------------------------------- */

size_t milter_message_field_count(const struct milter_message *m)
{
	return m->field_count;
}

const struct milter_field *milter_message_field(const struct milter_message *m,
						size_t i)
{
	return &m->fields[i]->is;
}

struct milter_body milter_message_body(const struct milter_message *m)
{
	return m->body;
}

size_t milter_message_longest_field(const struct milter_message *m)
{
	size_t longest = 0;

	for (size_t i = 0; i < m->field_count; i++) {
		const struct milter_field *f = &m->fields[i]->is;

		if (f->name.n + f->value.n > longest)
			longest = f->name.n + f->value.n;
	}
	return longest;
}

bool milter_message_is_changed(const struct milter_message *m)
{
	return m->is_changed;
}

static char *put(char *p, struct slice s)
{
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

static char *put_field(char *p, const struct field *field)
{
	const struct slice raw = field->raw;

	if (raw.n == 0) {
		p = put(p, field->is.name);
		p = put(p, S(":"));
		p = put(p, field->is.value);
	}
	p = put(p, raw);
	return field_octets(field) > raw.n ? put(p, S("\r\n")) : p;
}

struct slice milter_message_header(const struct milter_message *m,
				   struct arena *arena)
{
	char *start, *p;

	if (!m->is_changed)
		return arena_copy(
			arena, (struct slice){ m->header, m->header_octets });
	p = start = arena_alloc(arena, m->octets + 2);
	for (size_t i = 0; i < m->field_count; i++)
		p = put_field(p, m->fields[i]);
	/* Where there was no empty line either: a new body, or one that comes
	 * behind new fields, could be taken for more of them. */
	p = put(p, S("\r\n"));
	return (struct slice){ .p = start, .n = (size_t)(p - start) };
}

/* --- the envelope and the hold ------------------------------------------------------ */

size_t milter_message_envelope_count(const struct milter_message *m)
{
	return m->envelope_count;
}

const struct milter_envelope_edit *milter_message_envelope(
	const struct milter_message *m, size_t i)
{
	return &m->envelope[i];
}

struct slice milter_message_quarantine(const struct milter_message *m)
{
	return m->reason;
}

void milter_message_hold(struct milter_message *m, struct slice reason)
{
	if (m->reason.n > 0)
		return;
	if (reason.n == 0)
		reason = S("no reason given");
	m->reason =
		arena_copy(m->arena, slice_head(reason, MILTER_REASON_OCTETS));
}
