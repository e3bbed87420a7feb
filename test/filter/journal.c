#include "journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
	FILE *text;
	char *p;
	size_t n;
};

static int journal = -1;

void journal_open(const char *path)
{
	journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (journal < 0) {
		perror(path);
		exit(1);
	}
}

static void put_string(struct entry *e, const char *value, size_t length)
{
	putc('"', e->text);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			fprintf(e->text, "\\u%04x", c);
		else
			putc(c, e->text);
	}
	putc('"', e->text);
}

struct entry *entry_new(unsigned session, const char *stage)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		abort();
	e->text = open_memstream(&e->p, &e->n);
	if (e->text == NULL)
		abort();
	fprintf(e->text, "{\"session\": %u, \"stage\": \"%s\"", session, stage);
	return e;
}

void entry_number(struct entry *e, const char *key, long value)
{
	fprintf(e->text, ", \"%s\": %ld", key, value);
}

/* A comma between the members of a list or an object. */
static void put_comma(struct entry *e)
{
	fflush(e->text);
	if (e->p[e->n - 1] != '[' && e->p[e->n - 1] != '{')
		putc(',', e->text);
}

void entry_begin(struct entry *e, const char *key)
{
	fprintf(e->text, ", \"%s\": [", key);
}

void entry_string(struct entry *e, const char *value, size_t length)
{
	put_comma(e);
	put_string(e, value, length);
}

void entry_end(struct entry *e)
{
	putc(']', e->text);
}

void entry_begin_object(struct entry *e, const char *key)
{
	fprintf(e->text, ", \"%s\": {", key);
}

void entry_pair(struct entry *e, const char *key, const char *value)
{
	put_comma(e);
	put_string(e, key, strlen(key));
	putc(':', e->text);
	put_string(e, value, strlen(value));
}

void entry_end_object(struct entry *e)
{
	putc('}', e->text);
}

void entry_write(struct entry *e)
{
	fputs("}\n", e->text);
	fclose(e->text);
	if (write(journal, e->p, e->n) != (ssize_t)e->n)
		abort();
	free(e->p);
	free(e);
}
