#include "receive/rewrite.h"

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

enum { OLD_OCTETS = 3 << 20 };

struct world {
	struct role_self self;
	struct spooler *spool;
	struct rewrite *rewrite;
	char *octets; /* of the old content */
	int fd;       /* the same */
	unsigned done;
	enum content_state state;
	struct content *content;
	bool leaves_content;
};

static void build(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fake_role_init(&w->self);
	w->spool = spooler_new(&w->self);
	w->octets = mem_new(OLD_OCTETS);
	for (size_t i = 0; i < OLD_OCTETS; i++)
		w->octets[i] = (char)(i * 31 + i / 251);
	w->fd = memfd_create("old", MFD_CLOEXEC);
	assert_int_equal(write(w->fd, w->octets, OLD_OCTETS), OLD_OCTETS);
}

static void tear_down(struct world *w)
{
	rewrite_cancel(&w->rewrite);
	content_free(&w->content);
	spooler_free(&w->spool);
	fake_role_done(&w->self);
	fd_close(&w->fd);
	mem_free(&w->octets);
}

static void on_done(enum content_state state, struct content **content,
		    void *arg)
{
	struct world *w = arg;

	assert_int_equal(state == CONTENT_OPEN, *content != NULL);
	w->rewrite = NULL;
	w->done++;
	w->state = state;
	if (w->leaves_content)
		return;
	w->content = *content;
	*content = NULL;
}

static void start(struct world *w, const char *prefix, const char *header,
		  uint64_t offset, uint64_t octets)
{
	/* What is copied need not live. */
	char *p = mem_string(prefix), *h = mem_string(header);
	const struct rewrite_parts parts = {
		.prefix = slice_of(p),
		.header = slice_of(h),
		.body = { w->fd, offset, octets },
	};

	w->rewrite = rewrite_start(w->self.base, w->spool, &parts, on_done, w);
	mem_free(&p);
	mem_free(&h);
	assert_int_equal(w->done, 0);
}

/* Answers the SPOOL_WANTED. */
static void answer(struct world *w, unsigned error)
{
	const struct message *wanted =
		fake_role_sent(&w->self, MESSAGE_SPOOL_WANTED, 0);
	struct message m = { .type = MESSAGE_SPOOL, .fd = -1 };

	assert_non_null(wanted);
	if (error == 0)
		m.fd = memfd_create("spool", MFD_CLOEXEC);
	m.spool.id = wanted->spool_wanted.id;
	m.spool.error = error;
	m.spool.spool_id = error == 0 ? 77 : 0;
	spooler_on_spool(w->spool, &m);
	fd_close(&m.fd);
}

static void assert_content(struct world *w, const char *head, uint64_t offset,
			   size_t octets)
{
	const size_t head_n = strlen(head), n = head_n + octets;
	char *got = mem_new(n + 1);

	assert_int_equal(w->done, 1);
	assert_int_equal(w->state, CONTENT_OPEN);
	assert_int_equal(content_octets(w->content), n);
	assert_int_equal(pread(content_fd(w->content), got, n + 1, 0), n);
	assert_memory_equal(got, head, head_n);
	assert_memory_equal(got + head_n, w->octets + offset, octets);
	mem_free(&got);
}

static void test_small(void **state)
{
	static const struct {
		const char *name, *prefix, *header, *head;
		uint64_t offset, octets;
	} cases[] = {
		{ "a hook's fields and the whole", "X: y\r\n", "", "X: y\r\n",
		  0, 5000 },
		{ "a new header and the old body", "", "A: b\r\n\r\n",
		  "A: b\r\n\r\n", 1234, 100000 },
		{ "both", "X: y\r\n", "A: b\r\n\r\n", "X: y\r\nA: b\r\n\r\n", 1,
		  1 },
		{ "no body", "", "A: b\r\n\r\n", "A: b\r\n\r\n", 0, 0 },
		{ "nothing", "", "", "", 0, 0 },
		{ "nothing new", "", "", "", 5, 70000 },
		{ "all that a memfd takes", "1234", "5678", "12345678", 8,
		  CONTENT_MEMFD_OCTETS - 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		build(&w);
		start(&w, cases[i].prefix, cases[i].header, cases[i].offset,
		      cases[i].octets);
		fake_role_turn(&w.self);
		assert_content(&w, cases[i].head, cases[i].offset,
			       (size_t)cases[i].octets);
		assert_int_equal(w.self.sent_count, 0);
		assert_true(fcntl(content_fd(w.content), F_GET_SEALS) &
			    F_SEAL_WRITE);
		tear_down(&w);
	}
}

/* Turns of the loop until it is done, 10 at most. */
static unsigned turns(struct world *w)
{
	unsigned n = 0;

	for (; w->done == 0 && n < 10; n++)
		(void)event_base_loop(w->self.base,
				      EVLOOP_ONCE | EVLOOP_NONBLOCK);
	return n;
}

static void test_big(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	start(&w, "X: y\r\n", "", 0, OLD_OCTETS);
	assert_int_equal(turns(&w), 10); /* it waits */
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_WANTED), 1);
	answer(&w, 0);
	assert_int_equal(w.done, 0);
	assert_in_range(turns(&w), 2, 4); /* 1 MiB each */
	assert_content(&w, "X: y\r\n", 0, OLD_OCTETS);
	assert_int_equal(content_spool_id(w.content), 77);
	content_free(&w.content);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 1);
	tear_down(&w);
}

static void test_trouble(void **state)
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

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		build(&w);
		start(&w, "", "", 0, OLD_OCTETS);
		(void)turns(&w);
		if (cases[i].error != 0)
			answer(&w, cases[i].error);
		else
			spooler_on_queue_gone(w.spool);
		assert_int_equal(w.done, 0);
		fake_role_turn(&w.self);
		assert_int_equal(w.done, 1);
		assert_int_equal(w.state, cases[i].want);
		assert_null(w.content);
		tear_down(&w);
	}
}

static void test_no_queue(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	w.self.has_queue = false;
	start(&w, "", "", 0, OLD_OCTETS);
	assert_int_equal(turns(&w), 2); /* the first fits into a memfd */
	assert_int_equal(w.state, CONTENT_BROKEN);
	tear_down(&w);
}

static void test_old_content_is_short(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	start(&w, "", "", OLD_OCTETS - 10, 11);
	assert_int_equal(turns(&w), 1);
	assert_int_equal(w.state, CONTENT_BROKEN);
	tear_down(&w);
}

static void test_nobody_takes_it(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	w.leaves_content = true;
	start(&w, "", "", 0, OLD_OCTETS);
	(void)turns(&w);
	answer(&w, 0);
	(void)turns(&w);
	assert_int_equal(w.state, CONTENT_OPEN);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 1);
	tear_down(&w);
}

static void test_cancelled(void **state)
{
	struct world w;

	(void)state;
	build(&w);
	start(&w, "", "", 0, 100);
	rewrite_cancel(&w.rewrite);
	assert_null(w.rewrite);
	rewrite_cancel(&w.rewrite);
	assert_int_equal(turns(&w), 10);
	/* While it waits, and when it was answered. */
	start(&w, "", "", 0, OLD_OCTETS);
	(void)turns(&w);
	rewrite_cancel(&w.rewrite);
	answer(&w, 0);
	assert_int_equal(turns(&w), 10);
	assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP), 1);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_no_queue),
		cmocka_unit_test(test_old_content_is_short),
		cmocka_unit_test(test_nobody_takes_it),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
