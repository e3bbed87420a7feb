/*
 * What filters do to a message against edits-model.c; and whatever they do,
 * our own Received stays, and what is written reads the same again.
 *
 * Input: a number of hidden fields (0 or 1), the message, NUL, then edits:
 *   h, i, m: index, name, NUL, value, NUL
 *   b: a piece of a body, NUL
 *   n: the next filter, whose flags (1: original index, 2: LEADSPC) follow
 */
#include "base/mem.h"
#include "edits-model.h"
#include "milter/edits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	INPUT_OCTETS = 16 << 10, /* all limits are far away */
	EDITS = 900,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct slice in;
	struct milter_message *m;
	struct milter_edits *edits;
	struct milter_edits_config config;
	struct model model;
	size_t edit_count;
};

static char next_octet(struct run *r)
{
	char c = '\0';

	if (r->in.n > 0)
		c = r->in.p[0];

	r->in = slice_tail(r->in, 1);
	return c;
}

static struct slice next_text(struct run *r)
{
	struct slice text;

	(void)slice_cut(r->in, '\0', &text, &r->in);
	return text;
}

static char *string_of(struct slice s)
{
	char *p = calloc(s.n + 1, 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

static int file_of(const void *p, size_t n)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert(fd >= 0 && (n == 0 || write(fd, p, n) == (ssize_t)n));
	return fd;
}

static void next_filter(struct run *r, char flags)
{
	if (r->edits != NULL) {
		assert(milter_edits_apply(r->edits, r->m) == 0);
		model_end_filter(&r->model);
	}
	milter_edits_free(&r->edits);
	r->config = (struct milter_edits_config){
		.body_limit = INPUT_OCTETS * 2,
		.is_original_index = flags & 1,
		.has_leading_space = flags & 2,
	};
	r->edits = milter_edits_new(&r->config);
}

static void edit_field(struct run *r, char code)
{
	static const char codes[] = "him";
	const char index = next_octet(r);
	AUTO(mem_free_string) char *name = string_of(next_text(r));
	AUTO(mem_free_string) char *value = string_of(next_text(r));
	const struct milter_reply reply = {
		.code = (enum milter_code)code,
		.index = (uint32_t)(int32_t)(signed char)index,
		.name = slice_of(name),
		.value = slice_of(value),
	};
	const struct model_edit edit = {
		.verb = (enum model_verb)(strchr(codes, code) - codes),
		.index = reply.index,
		.name = name,
		.value = value,
		.has_leading_space = r->config.has_leading_space,
		.counts_dead = r->config.is_original_index,
	};
	struct slice problem;
	bool is_taken = milter_edits_take(r->edits, &reply, &problem) ==
			MILTER_EDIT_TAKEN;

	assert(model_edit(&r->model, &edit) == is_taken);
}

static void edit_body(struct run *r)
{
	const struct slice piece = next_text(r);
	const struct milter_reply reply = {
		.code = MILTER_REPLBODY,
		.body = piece,
		.is_body_begin = true,
	};
	struct slice problem;

	assert(milter_edits_take(r->edits, &reply, &problem) ==
	       MILTER_EDIT_TAKEN);
	model_body(&r->model, piece.p, piece.n);
}

static void run_edits(struct run *r)
{
	while (r->in.n > 0 && r->edit_count++ < EDITS) {
		char code = next_octet(r);

		if (code == 'h' || code == 'i' || code == 'm')
			edit_field(r, code);
		else if (code == 'b')
			edit_body(r);
		else if (code == 'n')
			next_filter(r, next_octet(r));
	}
	next_filter(r, 0);
}

static bool is_text(struct slice s, const struct model_text *t)
{
	return slice_equal(s, (struct slice){ t->p, t->n });
}

static void check_fields(const struct milter_message *m,
			 const struct model *model)
{
	assert(milter_message_field_count(m) == model->count);
	for (size_t i = 0; i < model->count; i++) {
		const struct milter_field *f = milter_message_field(m, i);

		assert(is_text(f->name, &model->fields[i].name));
		assert(is_text(f->value, &model->fields[i].value));
		assert(f->is_hidden == model->fields[i].is_hidden);
	}
}

static struct slice body_of(const struct milter_message *m, struct arena *a)
{
	const struct milter_body body = milter_message_body(m);
	char *p = arena_alloc(a, body.octets + 1);

	assert(pread(body.fd, p, body.octets, (off_t)body.offset) ==
	       (ssize_t)body.octets);
	return (struct slice){ p, body.octets };
}

/* What is written, read again. */
static void check_again(struct slice header, struct slice body, struct run *r,
			struct arena *a)
{
	const struct slice parts[] = { header, body };
	const struct slice all = arena_join(a, parts, 2);
	AUTO(fd_close) int fd = file_of(all.p, all.n);
	AUTO(milter_message_free) struct milter_message *again = NULL;

	assert(milter_message_open(fd, all.n, 0, &again) == 0);
	for (size_t i = 0; i < r->model.count; i++)
		r->model.fields[i].is_hidden = false;
	check_fields(again, &r->model);
	assert(slice_equal(body_of(again, a), body));
}

static void check(struct run *r, struct slice message)
{
	AUTO(arena_free) struct arena *a = arena_new(8 << 20);
	struct slice header = milter_message_header(r->m, a);
	struct slice body = body_of(r->m, a);
	struct model_text want = model_header(&r->model);

	check_fields(r->m, &r->model);
	assert(milter_message_is_changed(r->m) == r->model.is_changed);
	assert(is_text(body, &r->model.body));
	if (r->model.is_changed) {
		assert(is_text(header, &want));
	} else {
		const struct slice parts[] = { header, body };

		assert(slice_equal(arena_join(a, parts, 2), message));
	}
	free(want.p);
	for (size_t i = 0; i < milter_edits_count(r->edits); i++)
		(void)milter_edits_describe(r->edits, i, a);
	check_again(header, body, r, a);
}

/* Our own Received, if it was hidden: once, and as it was read. */
static void check_hidden(const struct milter_message *m, size_t hidden,
			 const struct milter_field *first)
{
	size_t seen = 0;

	for (size_t i = 0; i < milter_message_field_count(m); i++) {
		const struct milter_field *f = milter_message_field(m, i);

		if (!f->is_hidden)
			continue;
		assert(f->name.p == first->name.p);
		assert(f->value.p == first->value.p);
		seen++;
	}
	assert(seen == hidden);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .in = { (const char *)data, size } };
	struct milter_field first = { .is_hidden = false };
	struct slice message;
	size_t hidden;
	int fd;

	if (size > INPUT_OCTETS)
		return 0;
	hidden = next_octet(&r) & 1;
	message = next_text(&r);
	fd = file_of(message.p, message.n);
	model_read(&r.model, message.p, message.n, hidden);
	assert(milter_message_open(fd, message.n, hidden, &r.m) == 0);
	if (milter_message_field_count(r.m) < hidden)
		hidden = 0;
	else if (hidden > 0)
		first = *milter_message_field(r.m, 0);
	next_filter(&r, next_octet(&r));
	run_edits(&r);
	check_hidden(r.m, hidden, &first);
	check(&r, message);
	milter_edits_free(&r.edits);
	milter_message_free(&r.m);
	model_free(&r.model);
	close(fd);
	return 0;
}
