#include "conf/parse.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Each case's errors come after "FILE:", one a line. */
static const struct {
	const char *name;
	const char *text;
	const char *want;
} files[] = {
	{ "an empty file is valid", "", "" },
	{ "comments are no settings",
	  "# a\n// b\n/* c\n * workers = 99\n */\n  \t\r\n#", "" },
	{ "settings of every type",
	  "hostname = mail.example.com # the name\n"
	  "listen_smtp = { \"127.0.0.1:1\", '[::1]:2' }\n"
	  "listen_submission = 127.0.0.1:3\n"
	  "listen_submissions = { }\n"
	  "message_size_limit = 1M\nin_session_delivery = no\n"
	  "recipient_delimiter = \"\"\nsession_timeout = \"10s\"\n",
	  "" },
	{ "a list over several lines",
	  "listen_smtp = {\n\t\"127.0.0.1:1\", # one\n\t[::1]:2\n}\nlog = "
	  "syslog\n",
	  "" },
	{ "a slash in quotes is no comment",
	  "state_dir = \"/var//lib/*culver\"\n", "" },
	{ "the line after a comment in C's way keeps its number",
	  "/* one */\n/* two\n */ workers = 99\nlog = no\n",
	  "3: workers: 99 is too much; 0 to 64\n"
	  "4: log: \"no\" is no log; journal, syslog, stderr or a path from "
	  "the root\n" },
	{ "an unknown name and the nearest one", "\nworker = 3\nxyz = 1\n",
	  "2: worker: there is no such setting; did you mean workers?\n"
	  "3: xyz: there is no such setting; culver.conf(5) lists all\n" },
	{ "a wrong value beside an unknown name", "xyz = 1\nworkers = 99\n",
	  "1: xyz: there is no such setting; culver.conf(5) lists all\n"
	  "2: workers: 99 is too much; 0 to 64\n" },
	{ "a setting given twice", "workers = 1\nlog = stderr\nworkers = 1\n",
	  "3: workers: given a second time; line 1 has it already\n" },
	{ "a block we do not know", "log = stderr\nroute rspamd {\n a = 1\n}\n",
	  "2: route: there is no such block; settings are written NAME = "
	  "VALUE\n" },
	{ "a block that may be meant", "filter rspamd {\n a = 1\n}\n",
	  "1: filter: there is no such block; did you mean milter?\n" },
	{ "a block like a setting", "milter = rspamd\n",
	  "1: milter: this is a block; write milter NAME { ... }\n" },
	{ "a filter",
	  "milter rspamd {\n\tsocket = inet:127.0.0.1:11332 # here\n}\n"
	  "workers = 2\nmilter \"clam-av_2\" { socket = \"/run/clam\" "
	  "dry_run = yes }\n",
	  "" },
	{ "the same setting in two filters and outside",
	  "milter a { socket = /a listeners = smtp }\n"
	  "milter b { socket = /b listeners = { smtp, local } }\n",
	  "" },
	{ "smarthosts",
	  "smarthost { host = mail.example.net }\nworkers = 2\n"
	  "smarthost \"example.com\" {\n host = \"[2001:db8::1]\"\n"
	  " user = me\n port = 465\n password_file = /secret\n}\n"
	  "milter a { socket = /a }\n"
	  "smarthost example.org { direct = yes }\n",
	  "" },
	{ "smarthosts that are no good",
	  "smarthost {\n port = 25\n}\n"
	  "smarthost a.example { host = x user = me }\n"
	  "smarthost b.example { host = x password_file = /p }\n"
	  "smarthost c.example { direct = yes host = x }\n"
	  "smarthost d.example { host = x:25 }\n"
	  "smarthost e.example { host = \"[192.0.2.1]\" }\n"
	  "smarthost f.example { host = x tls = no }\n",
	  "1: smarthost: it has no host; write host = mail.example.net\n"
	  "4: smarthost a.example: user and password_file go together; both, "
	  "or none for a server that knows us by our address\n"
	  "5: smarthost b.example: user and password_file go together; both, "
	  "or none for a server that knows us by our address\n"
	  "6: smarthost c.example: direct means that there is no smarthost; "
	  "host, user and password_file say that there is\n"
	  "7: host: \"x:25\" is no host; write a name like mail.example.net or "
	  "an address, IPv6 in brackets; its port stands in port\n"
	  "8: host: \"[192.0.2.1]\" is no host; write a name like "
	  "mail.example.net or an address, IPv6 in brackets; its port stands "
	  "in port\n"
	  "9: tls: \"no\" is not known; auto, starttls or immediate\n" },
	{ "a smarthost for all that is none", "smarthost { direct = yes }\n",
	  "1: smarthost: direct stands in the block of a domain; without a "
	  "block for all, mail goes out by MX anyway\n" },
	{ "two smarthosts for the same senders",
	  "smarthost { host = x }\nsmarthost a.example { host = x }\n"
	  "smarthost { host = y }\nsmarthost A.example { host = x }\n",
	  "3: smarthost: there is a second smarthost; line 1 has one "
	  "already\n"
	  "4: smarthost: there is a second A.example; line 2 has one "
	  "already\n" },
	{ "a smarthost for no domain",
	  "smarthost \"a b\" { host = x }\nsmarthost = x\n",
	  "1: smarthost: \"a b\" is no domain; write smarthost { ... } for all "
	  "senders, or smarthost example.com { ... } for those of a domain\n"
	  "2: smarthost: this is a block; write smarthost NAME { ... }\n" },
	{ "a filter without a socket",
	  "log = stderr\nmilter a {\n dry_run = yes\n}\n",
	  "2: milter a: it has no socket; write socket = /PATH or "
	  "inet:HOST:PORT\n" },
	{ "a filter without settings", "milter a { }\n",
	  "1: milter a: it has no socket; write socket = /PATH or "
	  "inet:HOST:PORT\n" },
	{ "a filter without a name", "milter { socket = /a }\n",
	  "1: milter: the block has no name; write milter NAME { ... }\n" },
	{ "a filter with an impossible name",
	  "milter \"a b\" { socket = /a }\n",
	  "1: milter: \"a b\" is no name; letters, digits, _ and -, at most 32 "
	  "of them\n" },
	{ "a filter with too long a name",
	  "milter abcdefghijklmnopqrstuvwxyz0123456 { socket = /a }\n",
	  "1: milter: \"abcdefghijklmnopqrstuvwxyz0123456\" is no name; "
	  "letters, digits, _ and -, at most 32 of them\n" },
	{ "two filters of one name",
	  "milter a { socket = /a }\n\nmilter A { socket = /b }\n",
	  "3: milter: there is a second A; line 1 has one already\n" },
	{ "a filter's setting given twice",
	  "milter a {\n socket = /a\n socket = /b\n}\n",
	  "3: socket: given a second time; line 2 has it already\n" },
	{ "a filter's unknown setting and the nearest one",
	  "milter a {\n socket = /a\n command_timout = 3s\n hostname = x\n}\n",
	  "3: command_timout: there is no such setting; did you mean "
	  "command_timeout?\n"
	  "4: hostname: there is no such setting; culver.conf(5) lists "
	  "all\n" },
	{ "a filter's wrong values",
	  "milter a {\n socket = inet:example.com\n on_failure = defer\n"
	  " listeners = { smtp, smtps }\n protocol = 5\n header_index = no\n"
	  " content_timeout = 9m\n macros = { \"{x}=1\", \"xy=1\" }\n}\n",
	  "2: socket: \"inet:example.com\" has no port; 1 to 65535; write "
	  "/PATH, unix:/PATH, inet:HOST:PORT or inet:PORT@HOST\n"
	  "3: on_failure: \"defer\" is not known; tempfail, accept, reject or "
	  "quarantine\n"
	  "4: listeners: \"smtps\" is not known; smtp, submission or local\n"
	  "7: content_timeout: 9m is too much; 1s to 8m\n"
	  "8: macros: \"xy=1\" has no macro's name; write \"{name}=value\" or "
	  "\"{name}\", a single letter without braces\n"
	  "5: protocol: there is no version 5; 2, 3, 4 or 6\n"
	  "6: header_index: \"no\" is not known; live or original\n" },
	{ "a filter of nobody",
	  "milter a {\n socket = /a\n only_authenticated = yes\n"
	  " only_unauthenticated = yes\n}\n",
	  "1: milter a: only_unauthenticated and only_authenticated leave "
	  "nothing together; one of them\n" },
	{ "a block in a block",
	  "milter a {\n socket = /a\n milter b {\n socket = /b\n }\n}\n",
	  "3: milter: blocks do not stand in blocks\n" },
	{ "a block never closed", "workers = 1\n\nmilter {\n a = 1\n",
	  "3: a block is opened here and never closed\n" },
	{ "a list never closed", "listen_smtp = { 127.0.0.1:1,\n\n",
	  "1: a list is opened here and never closed\n" },
	{ "a brace too many", "workers = 1\n}\n",
	  "2: a \"}\" closes what was never opened\n" },
	{ "a quote never closed", "log = \"stderr\nworkers = 1\n",
	  "1: a quote is opened here and never closed\n" },
	{ "a comment never closed", "workers = 1\n/* log = stderr\n",
	  "2: a comment begins here and never ends\n" },
	{ "a comment that only seems to end", "/*/ log = stderr\n",
	  "1: a comment begins here and never ends\n" },
	{ "no variables of the environment", "state_dir = \"${HOME}\"\n",
	  "1: \"${\" is not understood\n" },
	{ "no escapes but two", "log = \"/a\\nb\"\n",
	  "1: a backslash stands before a quote or another backslash only\n" },
	{ "the two escapes", "log = \"/a\\\"b\\\\c\"\n", "" },
	{ "what libconfuse would skip", "recipient_delimiter = +\n",
	  "1: such a character stands in quotes only\n" },
	{ "no appending", "listen_smtp += \"127.0.0.1:1\"\n",
	  "1: such a character stands in quotes only\n" },
	{ "two slashes in a word", "state_dir = /var//lib\n",
	  "1: \"//\" begins a comment after a space, and else stands in quotes "
	  "only\n" },
	{ "octets that are not UTF-8", "log = \"/\xFF\"\n",
	  "1: this is not UTF-8\n" },
	{ "control octets", "\nlog = \"/\x01\"\n",
	  "2: control characters are not allowed\n" },
	{ "two values for one", "workers = { 1, 2 }\n",
	  "1: workers: 2 values; it takes one\n" },
	{ "a value without a name", "= 3\n", "1: unexpected token '='\n" },
	{ "a name without a value", "workers\nlog = stderr\n",
	  "2: missing equal sign after option 'workers'\n" },
	{ "a name at the end", "workers", "2: premature end of file\n" },
	{ "nothing after the equal sign", "workers =\nlog = stderr\n",
	  "2: unexpected token '='\n" },
};

static char directory[] = "/tmp/culver-parse-XXXXXX";
static char path[64];

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	(void)fwrite(text, 1, strlen(text), f);
	(void)fclose(f);
}

static void check_errors(const struct conf_errors *e, const char *want)
{
	char got[8192] = "";
	size_t n = 0;

	for (size_t i = 0; i < conf_errors_lines(e); i++) {
		const char *line = conf_errors_line(e, i);

		assert_int_equal(strncmp(line, path, strlen(path)), 0);
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s\n",
				      line + strlen(path) + 1);
	}
	assert_string_equal(got, want);
}

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct conf *c = conf_new();
		struct conf_errors *e = conf_errors_new();
		bool is_good;

		print_message("%s\n", files[i].name);
		write_file(files[i].text);
		is_good = conf_parse_file(c, path, e);
		check_errors(e, files[i].want);
		assert_int_equal(is_good, files[i].want[0] == '\0');
		conf_errors_free(&e);
		conf_free(&c);
	}
}

static void test_values(void **state)
{
	struct conf *c = conf_new();
	struct conf_errors *e = conf_errors_new();

	(void)state;
	write_file(files[2].text);
	assert_true(conf_parse_file(c, path, e));
	assert_string_equal(c->hostname, "mail.example.com");
	assert_int_equal(c->listen_smtp.count, 2);
	assert_string_equal(c->listen_smtp.items[1], "[::1]:2");
	assert_int_equal(c->listen_submission.count, 1);
	assert_int_equal(c->listen_submissions.count, 0);
	assert_true(c->message_size_limit == 1 << 20);
	assert_false(c->in_session_delivery);
	assert_string_equal(c->recipient_delimiter, "");
	assert_true(c->session_timeout == 10);
	conf_errors_free(&e);
	conf_free(&c);
}

static void test_milters(void **state)
{
	struct conf *c = conf_new();
	struct conf_errors *e = conf_errors_new();

	(void)state;
	write_file("milter b { socket = /b macros = { \"{x}=1, 2\", j } }\n"
		   "milter \"A\" {\n"
		   " socket = \"inet:8891@localhost\"\n"
		   " listeners = { smtp, \"local\" }\n"
		   " connect_timeout = 2m\n"
		   " only_authenticated = yes\n"
		   " protocol = 4\n"
		   "}\n");
	assert_true(conf_parse_file(c, path, e));
	assert_int_equal(c->milter_count, 2);
	assert_string_equal(c->milters[0].name, "b");
	assert_string_equal(c->milters[0].socket, "/b");
	assert_string_equal(c->milters[0].on_failure, "tempfail");
	assert_int_equal(c->milters[0].listeners.count, 3);
	assert_int_equal(c->milters[0].macros.count, 2);
	assert_string_equal(c->milters[0].macros.items[0], "{x}=1, 2");
	assert_string_equal(c->milters[1].name, "A");
	assert_string_equal(c->milters[1].socket, "inet:8891@localhost");
	assert_int_equal(c->milters[1].listeners.count, 2);
	assert_string_equal(c->milters[1].listeners.items[1], "local");
	assert_true(c->milters[1].connect_timeout == 120);
	assert_true(c->milters[1].only_authenticated);
	assert_false(c->milters[0].only_authenticated);
	assert_true(c->milters[1].protocol == 4);
	conf_errors_free(&e);
	conf_free(&c);
}

static void test_many_milters(void **state)
{
	struct conf *c = conf_new();
	struct conf_errors *e = conf_errors_new();
	char text[4096];
	size_t n = 0;

	(void)state;
	for (int i = 0; i <= CONF_MILTERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "milter m%d { socket = /m }\n", i);
	write_file(text);
	assert_false(conf_parse_file(c, path, e));
	check_errors(e, "33: milter: that is one too many; at most 32\n");
	conf_errors_free(&e);
	conf_free(&c);
}

static void test_no_file(void **state)
{
	struct conf *c = conf_new();
	struct conf_errors *e = conf_errors_new();

	(void)state;
	assert_true(conf_parse_file(c, "/nonexistent/culver.conf", e));
	assert_false(conf_parse_file(c, directory, e));
	assert_int_equal(conf_errors_count(e), 1);
	conf_errors_free(&e);
	conf_free(&c);
}

/* What is wrong is in the errors, and libconfuse says nothing by itself. */
static void test_silence(void **state)
{
	FILE *said = tmpfile();
	int was = dup(STDERR_FILENO);

	(void)state;
	(void)dup2(fileno(said), STDERR_FILENO);
	for (size_t i = 0; i < COUNT(files); i++) {
		struct conf *c = conf_new();
		struct conf_errors *e = conf_errors_new();

		write_file(files[i].text);
		(void)conf_parse_file(c, path, e);
		conf_errors_free(&e);
		conf_free(&c);
	}
	(void)dup2(was, STDERR_FILENO);
	(void)close(was);
	assert_int_equal(lseek(fileno(said), 0, SEEK_END), 0);
	(void)fclose(said);
}

static const struct {
	const char *text;
	const char *error;
} overrides[] = {
	{ "workers=3", NULL },
	{ " workers = \"3\" ", NULL },
	{ "hostname=", NULL },
	{ "recipient_delimiter='+'", NULL },
	{ "listen_smtp=127.0.0.1:1,[::1]:2", NULL },
	{ "listen_smtp={ \"127.0.0.1:1\", '[::1]:2' }", NULL },
	{ "listen_smtp=", NULL },
	{ "workers", "-o: \"workers\" is not NAME=VALUE" },
	{ "worker=1",
	  "-o: worker: there is no such setting; did you mean workers?" },
	{ "workers=1,2", "-o: workers: \"1,2\" is no number; 0 to 64" },
	{ "listen_smtp=127.0.0.1:1,,",
	  "-o: listen_smtp: \"\" is no ADDRESS:PORT; write it like "
	  "192.0.2.1:25 or [2001:db8::1]:25" },
};

static void test_overrides(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(overrides); i++) {
		struct conf *c = conf_new();
		struct conf_errors *e = conf_errors_new();
		bool is_good = conf_parse_override(c, overrides[i].text, e);

		print_message("%s\n", overrides[i].text);
		if (overrides[i].error != NULL)
			assert_string_equal(conf_errors_line(e, 0),
					    overrides[i].error);
		assert_int_equal(is_good, overrides[i].error == NULL);
		assert_int_equal(conf_errors_lines(e), is_good ? 0 : 1);
		conf_errors_free(&e);
		conf_free(&c);
	}
}

static int make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/culver.conf", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_milters),
		cmocka_unit_test(test_many_milters),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_overrides),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
