#include "edits-model.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- text ------------------------------------------------------------------------ */

static void put(struct model_text *t, const char *p, size_t n)
{
	t->p = realloc(t->p, t->n + n + 1);
	if (n > 0)
		memcpy(t->p + t->n, p, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static void put_string(struct model_text *t, const char *s)
{
	put(t, s, strlen(s));
}

static struct model_text text(const char *p, size_t n)
{
	struct model_text t = { .p = NULL };

	put(&t, p, n);
	return t;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* --- fields ---------------------------------------------------------------------- */

static void put_in(struct model *m, size_t at, struct model_field field)
{
	m->fields = realloc(m->fields, (m->count + 1) * sizeof(field));
	for (size_t i = m->count; i > at; i--)
		m->fields[i] = m->fields[i - 1];
	m->fields[at] = field;
	m->count++;
}

static void free_field(struct model_field *f)
{
	free(f->name.p);
	free(f->value.p);
	free(f->written.p);
}

/* A line's colon, if it begins a field; 0 if not. */
static size_t colon_of(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (line[i] == ':')
			return blank(line[0]) ? 0 : i;
		if (blank(line[i]))
			continue;
		if (line[i] <= ' ' || line[i] >= 127)
			return 0;
		if (i > 0 && blank(line[i - 1]))
			return 0; /* a second word */
	}
	return 0;
}

static struct model_field field_of(const char *p, size_t n)
{
	size_t colon = colon_of(p, n), name = colon, end = n;
	struct model_field f = { .is_dead = false };

	while (blank(p[name - 1]))
		name--;
	if (p[n - 1] == '\n')
		end -= n >= 2 && p[n - 2] == '\r' ? 2 : 1;
	f.name = text(p, name);
	f.value = text(p + colon + 1, end - colon - 1);
	f.written = text(p, n);
	return f;
}

static size_t line_octets(const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);

	return lf != NULL ? (size_t)(lf - p) + 1 : n;
}

static bool is_empty_line(const char *p, size_t n)
{
	return (n == 1 && p[0] == '\n') ||
	       (n == 2 && p[0] == '\r' && p[1] == '\n');
}

void model_read(struct model *m, const char *message, size_t n, size_t hidden)
{
	size_t at = 0;

	memset(m, 0, sizeof(*m));
	while (at < n &&
	       colon_of(message + at, line_octets(message + at, n - at)) > 0) {
		size_t end = at + line_octets(message + at, n - at);
		struct model_field f;

		while (end < n && blank(message[end]))
			end += line_octets(message + end, n - end);
		f = field_of(message + at, end - at);
		f.is_hidden = m->count < hidden;
		put_in(m, m->count, f);
		at = end;
	}
	if (at < n &&
	    is_empty_line(message + at, line_octets(message + at, n - at)))
		at += line_octets(message + at, n - at);
	m->body = text(message + at, n - at);
}

void model_free(struct model *m)
{
	for (size_t i = 0; i < m->count; i++)
		free_field(&m->fields[i]);
	free(m->fields);
	free(m->body.p);
}

/* --- edits ----------------------------------------------------------------------- */

static bool is_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p < '!' || *p > '~' || *p == ':')
			return false;
	return name[0] != '\0';
}

static char shown(char c)
{
	unsigned char u = (unsigned char)c;

	if ((u < 32 && u != '\t') || u == 127)
		return '?';
	return c;
}

static struct model_text value_of(const char *value, bool has_leading_space)
{
	struct model_text t = text("", 0);

	if (!has_leading_space)
		put_string(&t, " ");
	for (const char *p = value; p != NULL;) {
		const char *lf = strchr(p, '\n');
		size_t n = lf != NULL ? (size_t)(lf - p) : strlen(p);
		size_t blanks = 0;

		if (n > 0 && p[n - 1] == '\r')
			n--;
		while (blanks < n && blank(p[blanks]))
			blanks++;
		if (p != value && blanks < n)
			put_string(&t, blanks > 0 ? "\r\n" : "\r\n\t");
		for (size_t i = 0; i < n && (p == value || blanks < n); i++) {
			char c = shown(p[i]);

			put(&t, &c, 1);
		}
		p = lf != NULL ? lf + 1 : NULL;
	}
	return t;
}

static struct model_field new_field(const struct model_edit *edit)
{
	struct model_field f = { .is_dead = false };

	f.name = text(edit->name, strlen(edit->name));
	f.value = value_of(edit->value, edit->has_leading_space);
	put(&f.written, f.name.p, f.name.n);
	put_string(&f.written, ":");
	put(&f.written, f.value.p, f.value.n);
	put_string(&f.written, "\r\n");
	return f;
}

static void insert(struct model *m, const struct model_edit *edit)
{
	size_t at = 0;
	unsigned living = 0;

	while (at < m->count && living < edit->index) {
		if (!m->fields[at].is_dead)
			living++;
		at++;
	}
	put_in(m, at, new_field(edit));
	m->is_changed = true;
}

static void change_at(struct model *m, size_t i, const struct model_edit *edit)
{
	struct model_field *f = &m->fields[i], new;

	if (edit->value[0] == '\0') {
		m->is_changed |= !f->is_dead;
		f->is_dead = true;
		return;
	}
	new = new_field(edit);
	if (!f->is_dead && strcmp(f->name.p, new.name.p) == 0 &&
	    f->value.n ==
		    new.value.n &&memcmp(f->value.p, new.value.p,
					 new.value.n) == 0) {
		free_field(&new);
		return;
	}
	free_field(f);
	*f = new;
	m->is_changed = true;
}

static void change(struct model *m, const struct model_edit *edit)
{
	unsigned seen = 0;

	for (size_t i = 0; i < m->count; i++) {
		const struct model_field *f = &m->fields[i];

		if (f->is_hidden || (f->is_dead && !edit->counts_dead))
			continue;
		if (strcasecmp(f->name.p, edit->name) != 0)
			continue;
		seen++;
		if (seen == edit->index || edit->index == 0) {
			change_at(m, i, edit);
			return;
		}
	}
	if (edit->value[0] == '\0')
		return;
	put_in(m, m->count, new_field(edit));
	m->is_changed = true;
}

bool model_edit(struct model *m, const struct model_edit *edit)
{
	if (!is_name(edit->name))
		return false;
	switch (edit->verb) {
	case MODEL_ADD:
		put_in(m, m->count, new_field(edit));
		m->is_changed = true;
		break;
	case MODEL_INSERT:
		insert(m, edit);
		break;
	case MODEL_CHANGE:
		change(m, edit);
		break;
	}
	return true;
}

void model_body(struct model *m, const char *octets, size_t n)
{
	if (!m->has_new_body) {
		free(m->body.p);
		m->body = text("", 0);
	}
	put(&m->body, octets, n);
	m->has_new_body = m->is_changed = true;
}

static struct model_text in_lines(const struct model_text *body)
{
	struct model_text t = text("", 0);

	for (size_t i = 0; i < body->n; i++) {
		char c = body->p[i];

		if (c == '\r' && i + 1 < body->n && body->p[i + 1] == '\n')
			continue;
		if (c == '\r' || c == '\n')
			put_string(&t, "\r\n");
		else
			put(&t, &c, 1);
	}
	if (t.n > 0 && t.p[t.n - 1] != '\n')
		put_string(&t, "\r\n");
	return t;
}

void model_end_filter(struct model *m)
{
	size_t i = 0;

	while (i < m->count) {
		if (!m->fields[i].is_dead) {
			i++;
			continue;
		}
		free_field(&m->fields[i]);
		m->count--;
		for (size_t j = i; j < m->count; j++)
			m->fields[j] = m->fields[j + 1];
	}
	if (m->has_new_body) {
		struct model_text lines = in_lines(&m->body);

		free(m->body.p);
		m->body = lines;
	}
	m->has_new_body = false;
}

struct model_text model_header(const struct model *m)
{
	struct model_text t = text("", 0);

	for (size_t i = 0; i < m->count; i++) {
		const struct model_text *written = &m->fields[i].written;

		put(&t, written->p, written->n);
		if (written->p[written->n - 1] != '\n')
			put_string(&t, "\r\n");
	}
	put_string(&t, "\r\n");
	return t;
}
