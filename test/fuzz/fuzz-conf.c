/* culver.conf and -o. What is taken can be sent to the roles as text and means
 * the same there; what is not taken is said, and leaves no trace in the parser
 * for the next file. */
#include "base/arena.h"
#include "base/mem.h"
#include "conf/block.h"
#include "conf/endpoint.h"
#include "conf/parse.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1;
static char path[64];

static void write_file(const void *bytes, size_t n)
{
	if (file < 0) {
		file = memfd_create("culver.conf", MFD_CLOEXEC);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	}
	assert(ftruncate(file, 0) == 0);
	assert(pwrite(file, bytes, n, 0) == (ssize_t)n);
}

static void check_lines(const struct conf_errors *errors)
{
	for (size_t i = 0; i < conf_errors_lines(errors); i++) {
		struct slice line = slice_of(conf_errors_line(errors, i));

		assert(line.n > 0 && !slice_has_control(line));
		assert(slice_is_utf8(line));
	}
}

static void check_equal(const struct conf *a, const struct conf *b, size_t i,
			struct arena *arena)
{
	size_t na, nb;
	const char **va = conf_get(a, i, arena, &na);
	const char **vb = conf_get(b, i, arena, &nb);

	assert(na == nb);
	for (size_t j = 0; j < na; j++)
		assert(strcmp(va[j], vb[j]) == 0);
}

static void copy_setting(struct conf *conf, const struct block *to,
			 const struct block *from, size_t i,
			 const struct check_place *at)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	size_t count;
	const char **values = block_get(from, i, a, &count);

	/* Some have no default that could be set. */
	if (block_settings(from->kind)->rows[i].type == SETTING_text &&
	    values[0][0] == '\0')
		return;
	assert(block_set(conf, to, i, values, count, at));
}

static void check_blocks(const struct conf *conf, struct conf *copy,
			 enum block_kind kind, struct conf_errors *errors)
{
	const struct check_place at = { .errors = errors };

	for (size_t i = 0; i < block_count(conf, kind); i++) {
		const struct block from = block_at(conf, kind, i);
		struct block to;

		assert(block_add(copy, kind, slice_of(from.name), &to));
		assert(strcmp(from.name, to.name) == 0);
		for (size_t k = 0; k < block_settings(kind)->count; k++)
			copy_setting(copy, &to, &from, k, &at);
	}
}

/* A good file's filters can be connected to. */
static void check_sockets(const struct conf *conf)
{
	for (size_t i = 0; i < conf->milter_count; i++) {
		AUTO(arena_free) struct arena *a = arena_new(4096);
		struct endpoint e;

		assert(endpoint_parse(slice_of(conf->milters[i].socket), a,
				      &e) == NULL);
		assert((e.kind == ENDPOINT_UNIX) == (e.path != NULL));
		assert((e.kind == ENDPOINT_UNIX) == (e.port == 0));
	}
}

static void check_round_trip(const struct conf *conf)
{
	struct arena *a = arena_new(8 << 20);
	struct conf_errors *errors = conf_errors_new();
	struct conf *copy = conf_new();

	for (size_t i = 0; i < conf_settings.count; i++) {
		size_t count;
		const char **values = conf_get(conf, i, a, &count);

		assert(conf_set(copy, i, values, count, NULL, 0, errors));
		check_equal(conf, copy, i, a);
	}
	for (unsigned kind = 0; kind < BLOCK_KINDS; kind++)
		check_blocks(conf, copy, (enum block_kind)kind, errors);
	conf_free(&copy);
	conf_errors_free(&errors);
	arena_free(&a);
}

/* libconfuse has one lexer for the whole process. */
static void check_next_file(void)
{
	static const char text[] = "workers = 3 # three\nlog = \"stderr\"\n";
	struct conf *conf = conf_new();
	struct conf_errors *errors = conf_errors_new();

	write_file(text, sizeof(text) - 1);
	assert(conf_parse_file(conf, path, errors));
	assert(conf->workers == 3);
	assert(strcmp(conf->log, "stderr") == 0);
	conf_free(&conf);
	conf_errors_free(&errors);
}

static void check_override(const uint8_t *data, size_t size)
{
	struct conf *conf = conf_new();
	struct conf_errors *errors = conf_errors_new();
	char *text = mem_new(size + 1);

	memcpy(text, data, size);
	if (conf_parse_override(conf, text, errors))
		check_round_trip(conf);
	else
		assert(conf_errors_count(errors) > 0);
	check_lines(errors);
	mem_free(&text);
	conf_free(&conf);
	conf_errors_free(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = conf_new();
	struct conf_errors *errors = conf_errors_new();
	bool is_good;

	write_file(data, size);
	is_good = conf_parse_file(conf, path, errors);
	assert(is_good == (conf_errors_count(errors) == 0));
	check_lines(errors);
	check_round_trip(conf);
	if (is_good)
		check_sockets(conf);
	conf_free(&conf);
	conf_errors_free(&errors);
	check_next_file();
	check_override(data, size);
	return 0;
}
