#include "edit_world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void edit_world_build(struct edit_world *w, struct slice message, size_t hidden)
{
	w->fd = memfd_create("message", MFD_CLOEXEC);
	assert_int_equal(write(w->fd, message.p, message.n), message.n);
	w->m = NULL;
	w->edits = NULL;
	w->arena = arena_new(64 << 20);
	assert_int_equal(milter_message_open(w->fd, message.n, hidden, &w->m),
			 0);
	edit_world_filter(w, &(struct milter_edits_config){
				     .body_limit = 1 << 20,
			     });
}

void edit_world_done(struct edit_world *w)
{
	milter_edits_free(&w->edits);
	milter_message_free(&w->m);
	arena_free(&w->arena);
	fd_close(&w->fd);
}

void edit_world_filter(struct edit_world *w,
		       const struct milter_edits_config *config)
{
	milter_edits_free(&w->edits);
	w->edits = milter_edits_new(config);
}

enum milter_edit_result edit_field(struct edit_world *w, enum milter_code code,
				   uint32_t index, const char *name,
				   const char *value)
{
	const struct milter_reply reply = {
		.code = code,
		.index = index,
		.name = slice_of(name),
		.value = slice_of(value),
	};
	struct slice problem = { .n = 0 };
	enum milter_edit_result result =
		milter_edits_take(w->edits, &reply, &problem);

	assert_int_equal(result == MILTER_EDIT_IGNORED, problem.n > 0);
	return result;
}

enum milter_edit_result edit_body_piece(struct edit_world *w,
					struct slice octets)
{
	const struct milter_reply reply = {
		.code = MILTER_REPLBODY,
		.body = octets,
		.is_body_begin = true,
	};
	struct slice problem;

	return milter_edits_take(w->edits, &reply, &problem);
}

enum milter_edit_result edit_address(struct edit_world *w,
				     enum milter_code code, const char *address,
				     const char *params)
{
	const struct milter_reply reply = {
		.code = code,
		.address = slice_of(address),
		.params = slice_of(params),
	};
	struct slice problem;

	return milter_edits_take(w->edits, &reply, &problem);
}

struct slice edit_world_header(struct edit_world *w)
{
	return milter_message_header(w->m, w->arena);
}

struct slice edit_world_body(struct edit_world *w)
{
	struct milter_body body = milter_message_body(w->m);
	char *p = arena_alloc(w->arena, body.octets + 1);

	assert_int_equal(pread(body.fd, p, body.octets, (off_t)body.offset),
			 body.octets);
	return (struct slice){ p, body.octets };
}

void assert_slice(struct slice got, struct slice want, const char *name)
{
	if (!slice_equal(got, want))
		print_error("%s:\n%.*s---- wanted:\n%.*s----\n", name,
			    (int)got.n, got.p, (int)want.n, want.p);
	assert_true(slice_equal(got, want));
}
