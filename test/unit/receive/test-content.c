#include "receive/content.h"

#include "base/mem.h"
#include "fake_role.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct role_self self;
	struct spooler *spool;
	struct content *content;
	unsigned ready;
	bool free_when_ready;
};

static void on_ready(void *arg)
{
	struct world *w = arg;

	w->ready++;
	if (w->free_when_ready)
		content_free(&w->content);
}

static void build(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fake_role_init(&w->self);
	w->spool = spooler_new(&w->self);
	w->content = content_new(w->spool, on_ready, w);
}

static void tear_down(struct world *w)
{
	content_free(&w->content);
	spooler_free(&w->spool);
	fake_role_done(&w->self);
}

/* Octets that tell their place. */
static char *pattern(size_t n)
{
	char *p = malloc(n > 0 ? n : 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 31 + i / 251);
	return p;
}

static void assert_holds(int fd, const char *want, size_t n)
{
	char *got = malloc(n + 1);

	assert_int_equal(pread(fd, got, n + 1, 0), n);
	assert_memory_equal(got, want, n);
	free(got);
}

static int open_spool_file(void)
{
	int fd = memfd_create("spool", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	return fd;
}

/* Answers the n-th SPOOL_WANTED. */
static void answer(struct world *w, size_t n, int fd, unsigned error)
{
	const struct message *wanted =
		fake_role_sent(&w->self, MESSAGE_SPOOL_WANTED, n);
	struct message m = { .type = MESSAGE_SPOOL, .fd = fd };

	assert_non_null(wanted);
	m.spool.id = wanted->spool_wanted.id;
	m.spool.error = error;
	m.spool.spool_id = error == 0 ? 77 + n : 0;
	spooler_on_spool(w->spool, &m);
	fd_close(&m.fd);
}

static void test_memfd(void **state)
{
	static const struct {
		const char *name;
		size_t octets;
		size_t piece;
	} cases[] = {
		{ "an empty one", 0, 1 },
		{ "one octet", 1, 1 },
		{ "a small message in lines", 4096, 78 },
		{ "one run and a bit", (64 << 10) + 1, 1000 },
		{ "exactly a run", 64 << 10, 64 << 10 },
		{ "pieces longer than a run", 300000, 100000 },
		{ "all that a memfd takes", CONTENT_MEMFD_OCTETS, 16384 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		size_t n = cases[i].octets;
		char *want = pattern(n);

		build(&w);
		for (size_t at = 0; at < n; at += cases[i].piece)
			content_write(
				w.content,
				slice_head((struct slice){ want + at, n - at },
					   cases[i].piece));
		assert_int_equal(content_finish(w.content), CONTENT_OPEN);
		assert_int_equal(content_octets(w.content), n);
		assert_int_equal(content_spool_id(w.content), 0);
		assert_holds(content_fd(w.content), want, n);
		assert_int_equal(fcntl(content_fd(w.content), F_GET_SEALS),
				 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
					 F_SEAL_WRITE);
		assert_int_equal(w.self.sent_count, 0);
		tear_down(&w);
		free(want);
	}
}

/* Fills content until it waits for the spool file; returns what was taken. */
static size_t fill(struct world *w, const char *octets)
{
	size_t at = 0;

	while (content_state(w->content) == CONTENT_OPEN) {
		content_write(w->content, (struct slice){ octets + at, 10000 });
		at += 10000;
	}
	return at;
}

static void test_spool_file(void **state)
{
	const size_t n = 3 << 20;
	char *want = pattern(n);
	int file = open_spool_file();
	struct world w;
	size_t at;

	(void)state;
	build(&w);
	at = fill(&w, want);
	assert_int_equal(content_state(w.content), CONTENT_WAITING);
	assert_true(at > CONTENT_MEMFD_OCTETS &&
		    at <= CONTENT_MEMFD_OCTETS + 10000);
	assert_int_equal(content_finish(w.content), CONTENT_WAITING);
	answer(&w, 0, dup(file), 0);
	assert_int_equal(w.ready, 1);
	assert_int_equal(content_state(w.content), CONTENT_OPEN);
	for (; at < n; at += 10000)
		content_write(
			w.content,
			slice_head((struct slice){ want + at, n - at }, 10000));
	assert_int_equal(content_finish(w.content), CONTENT_OPEN);
	assert_int_equal(content_octets(w.content), n);
	assert_int_equal(content_spool_id(w.content), 77);
	assert_holds(content_fd(w.content), want, n);
	assert_holds(file, want, n);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_WANTED), 1);
	content_free(&w.content);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 1);
	assert_int_equal(fake_role_sent(&w.self, MESSAGE_SPOOL_DROP, 0)
				 ->spool_drop.spool_id,
			 77);
	tear_down(&w);
	close(file);
	free(want);
}

static void test_spool_trouble(void **state)
{
	static const struct {
		const char *name;
		unsigned error; /* of SPOOL; 0: the queue goes away */
		enum content_state want;
	} cases[] = {
		{ "a full disk is no room", ENOSPC, CONTENT_NO_ROOM },
		{ "other trouble is trouble", EIO, CONTENT_BROKEN },
		{ "a dead queue is trouble", 0, CONTENT_BROKEN },
	};
	char *octets = pattern(2 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		build(&w);
		(void)fill(&w, octets);
		if (cases[i].error != 0)
			answer(&w, 0, -1, cases[i].error);
		else
			spooler_on_queue_gone(w.spool);
		assert_int_equal(w.ready, 1);
		assert_int_equal(content_state(w.content), cases[i].want);
		content_write(w.content, (struct slice){ octets, 100000 });
		assert_int_equal(content_finish(w.content), cases[i].want);
		content_free(&w.content);
		assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP),
				 0);
		tear_down(&w);
	}
	free(octets);
}

static void test_no_queue(void **state)
{
	char *octets = pattern(2 << 20);
	struct world w;

	(void)state;
	build(&w);
	w.self.has_queue = false;
	(void)fill(&w, octets);
	assert_int_equal(content_state(w.content), CONTENT_BROKEN);
	assert_int_equal(w.ready, 0);
	tear_down(&w);
	free(octets);
}

/* A spool file that takes nothing: a sealed memfd answers EPERM. */
static void test_unwritable_spool_file(void **state)
{
	char *octets = pattern(2 << 20);
	int file = open_spool_file();
	struct world w;

	(void)state;
	assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
	build(&w);
	(void)fill(&w, octets);
	answer(&w, 0, file, 0);
	assert_int_equal(content_state(w.content), CONTENT_BROKEN);
	assert_int_equal(w.ready, 1);
	content_free(&w.content);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 1);
	tear_down(&w);
	free(octets);
}

static void test_freed_while_waiting(void **state)
{
	char *octets = pattern(2 << 20);
	struct world w;

	(void)state;
	build(&w);
	(void)fill(&w, octets);
	content_free(&w.content);
	answer(&w, 0, open_spool_file(), 0);
	assert_int_equal(w.ready, 0);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 1);
	tear_down(&w);
	free(octets);
}

static void test_freed_when_ready(void **state)
{
	char *octets = pattern(2 << 20);
	struct world w;

	(void)state;
	build(&w);
	w.free_when_ready = true;
	(void)fill(&w, octets);
	spooler_on_queue_gone(w.spool);
	assert_int_equal(w.ready, 1);
	assert_null(w.content);
	tear_down(&w);
	free(octets);
}

static void test_orphan(void **state)
{
	char *octets = pattern(2 << 20);
	struct world w;

	(void)state;
	build(&w);
	(void)fill(&w, octets);
	answer(&w, 0, open_spool_file(), 0);
	assert_false(content_is_orphan(w.content));
	spooler_on_queue_gone(w.spool);
	assert_int_equal(w.ready, 1);
	assert_true(content_is_orphan(w.content));
	assert_int_equal(content_finish(w.content), CONTENT_OPEN);
	content_free(&w.content);
	/* The next queue may have given the number to another. */
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 0);
	tear_down(&w);
	free(octets);
}

static void test_handed_over(void **state)
{
	char *octets = pattern(2 << 20);
	struct world w;

	(void)state;
	build(&w);
	(void)fill(&w, octets);
	answer(&w, 0, open_spool_file(), 0);
	assert_int_equal(content_finish(w.content), CONTENT_OPEN);
	content_hand_over(w.content);
	content_free(&w.content);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 0);
	tear_down(&w);
	free(octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memfd),
		cmocka_unit_test(test_spool_file),
		cmocka_unit_test(test_spool_trouble),
		cmocka_unit_test(test_no_queue),
		cmocka_unit_test(test_unwritable_spool_file),
		cmocka_unit_test(test_freed_while_waiting),
		cmocka_unit_test(test_freed_when_ready),
		cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
