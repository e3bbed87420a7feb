#include "parent/listeners.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"

enum { PORTS = 3, ADDRESS_OCTETS = 32 };

/* Addresses on loopback that were free a moment ago. */
static char ports[PORTS][ADDRESS_OCTETS];
static char run_dir[] = "/tmp/culver-XXXXXX";

static int bind_any(char *ret_address)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	(void)snprintf(ret_address, ADDRESS_OCTETS, "127.0.0.1:%u",
		       ntohs(a.sin_port));
	return fd;
}

static int set_up(void **state)
{
	int fds[PORTS];

	(void)state;
	for (size_t i = 0; i < PORTS; i++)
		fds[i] = bind_any(ports[i]);
	for (size_t i = 0; i < PORTS; i++)
		(void)close(fds[i]);
	return mkdtemp(run_dir) == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(run_dir);
}

/* --- making a set out of another ----------------------------------------------------- */

/* Each word lists the ports of a service: "01" is ports[0] and ports[1]; the
 * letter x is one that someone else has. */
static const struct {
	const char *name;
	const char *before[3], *after[3];
	bool with_submission;
	bool ok;
	size_t count; /* in the end */
	size_t kept;  /* of these, the same socket as before */
} updates[] = {
	{ "from nothing", { "", "", "" }, { "0", "1", "2" }, true, true, 3, 0 },
	{ "nothing changes",
	  { "0", "1", "2" },
	  { "0", "1", "2" },
	  true,
	  true,
	  3,
	  3 },
	{ "one goes, one comes",
	  { "01", "", "" },
	  { "12", "", "" },
	  true,
	  true,
	  2,
	  1 },
	{ "without a certificate",
	  { "0", "1", "2" },
	  { "0", "1", "2" },
	  false,
	  true,
	  1,
	  1 },
	{ "one is taken",
	  { "0", "1", "" },
	  { "0", "2x", "" },
	  true,
	  false,
	  2,
	  2 },
	{ "one is no address",
	  { "0", "1", "" },
	  { "0", "!", "" },
	  true,
	  false,
	  2,
	  2 },
	{ "one moves to another service",
	  { "0", "1", "" },
	  { "0", "", "1" },
	  true,
	  true,
	  2,
	  2 },
	{ "one is given to two services",
	  { "0", "1", "" },
	  { "0", "1", "0" },
	  true,
	  false,
	  2,
	  2 },
	{ "one is given twice",
	  { "0", "", "" },
	  { "00", "", "" },
	  true,
	  false,
	  1,
	  1 },
};

static char taken[ADDRESS_OCTETS];

static const char *address_of(char c)
{
	return c == 'x' ? taken : c == '!' ? "nowhere" : ports[c - '0'];
}

static void fill(struct conf_list *list, struct arena *arena, const char *word)
{
	list->count = strlen(word);
	list->items = arena_array(arena, list->count + 1, sizeof(char *));
	for (size_t i = 0; i < list->count; i++)
		list->items[i] = address_of(word[i]);
}

static bool update(struct listeners *l, const char *const words[3],
		   bool with_submission, size_t *ret_errors)
{
	AUTO(conf_free) struct conf *conf = conf_new();
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	bool ok;

	fill(&conf->listen_smtp, conf->arena, words[0]);
	fill(&conf->listen_submission, conf->arena, words[1]);
	fill(&conf->listen_submissions, conf->arena, words[2]);
	ok = listeners_update(l, conf, with_submission, errors);
	*ret_errors = conf_errors_count(errors);
	for (size_t i = 0; i < *ret_errors; i++)
		print_message("    %s\n", conf_errors_line(errors, i));
	return ok;
}

static size_t inodes(const struct listeners *l, ino_t ret_inodes[8])
{
	struct stat st;

	for (size_t i = 0; i < listeners_count(l); i++) {
		assert_int_equal(fstat(listeners_get(l, i)->fd, &st), 0);
		ret_inodes[i] = st.st_ino;
	}
	return listeners_count(l);
}

static void test_updates(void **state)
{
	int other = bind_any(taken);

	(void)state;
	assert_int_equal(listen(other, 1), 0);
	for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
		AUTO(listeners_free) struct listeners *l = listeners_new();
		ino_t before[8], after[8];
		size_t n, errors, kept = 0;

		print_message("  %s\n", updates[i].name);
		assert_true(update(l, updates[i].before, true, &errors));
		n = inodes(l, before);
		assert_int_equal(update(l, updates[i].after,
					updates[i].with_submission, &errors),
				 updates[i].ok);
		assert_int_equal(errors, updates[i].ok ? 0 : 1);
		assert_int_equal(inodes(l, after), updates[i].count);
		for (size_t a = 0; a < updates[i].count; a++)
			for (size_t b = 0; b < n; b++)
				kept += after[a] == before[b];
		assert_int_equal(kept, updates[i].kept);
	}
	(void)close(other);
}

static void test_unix(void **state)
{
	char path[64], long_path[200];
	struct stat st;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/s", run_dir);
	for (int i = 0; i < 2; i++) { /* the second replaces a stale one */
		fd = listeners_open_unix(path, 0600);
		assert_true(fd >= 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		(void)close(fd);
	}
	(void)unlink(path);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_true(listeners_open_unix(long_path, 0600) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
