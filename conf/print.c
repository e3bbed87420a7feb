/* conf_print_*() of conf.h: the settings as pages for people. */
#include "conf/conf.h"
#include "conf/value.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

enum { COLUMNS = 78 };

/* It has no default; what stands for one. */
static const char *example(const struct setting *row)
{
	bool is_required = row->type == SETTING_text && row->min > 0 &&
			   row->value[0] == '\0';

	return is_required ? "inet:127.0.0.1:11332" : NULL;
}

/* A value as it is written in the file: { "a", "b" }, "text" or 50M. */
static void print_value(FILE *out, const struct setting *row)
{
	struct slice item, rest = slice_of(row->value);
	const char *before = "{ ";

	if (row->type == SETTING_text) {
		(void)fprintf(out, "\"%s\"", row->value);
		return;
	}
	if (row->type != SETTING_list) {
		(void)fputs(row->value, out);
		return;
	}
	if (rest.n == 0)
		(void)fputs("{", out);
	while (rest.n > 0) {
		(void)slice_cut(rest, ',', &item, &rest);
		(void)fprintf(out, "%s\"%.*s\"", before, (int)item.n, item.p);
		before = ", ";
	}
	(void)fputs(" }", out);
}

/* "1s to 5m"; NULL where the type says it all. */
static const char *range(const struct setting *row, struct arena *arena)
{
	if (row->type != SETTING_octets && row->type != SETTING_seconds &&
	    row->type != SETTING_number)
		return NULL;
	return arena_format(arena, "%s to %s",
			    setting_write_number(row, row->min, arena),
			    setting_write_number(row, row->max, arena))
		.p;
}

/* --- the manual page ---------------------------------------------------------- */

/* Text as roff takes it. */
static void print_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '-')
			(void)fputs("\\-", out);
		else
			(void)fputc(*text, out);
	}
}

static void print_setting(FILE *out, const struct setting *row)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	const char *allowed = range(row, a);

	(void)fprintf(out, ".TP\n.BR %s \" (%s)\"\n", row->name,
		      setting_type_name(row->type));
	print_roff(out, row->doc);
	(void)fputs("\n.br\nDefault: ", out);
	if (example(row) != NULL)
		(void)fputs("none, it has to be given", out);
	else
		print_value(out, row);
	if (allowed != NULL)
		(void)fprintf(out, "; %s is allowed", allowed);
	(void)fputs(".\n", out);
}

static const char man_head[] =
	".\\\" Made from conf/keys.def.\n"
	".TH CULVER.CONF 5 \"\" \"Culver\" \"Culver\"\n"
	".SH NAME\n"
	"culver.conf \\- settings of the Culver SMTP server\n"
	".SH SYNOPSIS\n"
	".I " CULVER_SYSCONFDIR "/culver.conf\n"
	".SH DESCRIPTION\n"
	"One setting a line, written\n"
	".IR name \" = \" value .\n"
	"Every setting has a default: an empty file, or none at all, is valid.\n"
	"A\n"
	".B #\n"
	"begins a comment.\n"
	"A value with characters other than letters, digits and\n"
	".B _.:/@%~\\-[]\n"
	"stands in quotes.\n"
	"An unknown name, a setting given twice, and a value out of its range\n"
	"are errors;\n"
	".BR \"culver check\\-config\" (1)\n"
	"and the daemon name the file, the line and what is allowed.\n"
	".PP\n"
	"The file is read again by itself when it changes, and so are the\n"
	"domains, aliases and certificates beside it: all or nothing, and the\n"
	"last good state is kept when something is wrong.\n"
	".SS Types\n"
	".TP\n"
	".B text\n"
	"One string.\n"
	".TP\n"
	".B list\n"
	"Strings in braces with commas between them, or one without braces:\n"
	".BR \"{ \\(dq192.0.2.1:25\\(dq, \\(dq[2001:db8::1]:25\\(dq }\" .\n"
	".TP\n"
	".B number\n"
	"A count.\n"
	".TP\n"
	".B octets\n"
	"A size: 100, 64K, 50M, 1G; a K is 1024.\n"
	".TP\n"
	".B seconds\n"
	"A time: 20s, 5m, 2h, 5d; without a unit in seconds.\n"
	".TP\n"
	".B boolean\n"
	"yes or no.\n"
	".SH SETTINGS\n";

static const char man_milter[] =
	".SH FILTERS\n"
	"Each block\n"
	".PP\n"
	".nf\n"
	"milter NAME {\n"
	"    socket = inet:127.0.0.1:11332\n"
	"}\n"
	".fi\n"
	".PP\n"
	"is a filter that speaks the milter protocol.\n"
	"Mail goes through them in the order of the file, and each sees what "
	"those\n"
	"before it changed.\n"
	"The name is of letters, digits, _ and \\-, and stands in the log;\n"
	".BR \"culver milter\" (1)\n"
	"shows how each is doing.\n"
	"These are the settings of a block; only\n"
	".B socket\n"
	"has to be given.\n";

static const char man_smarthost[] =
	".SH SMARTHOSTS\n"
	"Mail for other servers goes to those that their domains name in DNS, "
	"or,\n"
	"where that is not possible, through one server that sends it on.\n"
	"The block\n"
	".PP\n"
	".nf\n"
	"smarthost {\n"
	"    host = mail.example.net\n"
	"    user = me\n"
	"    password_file = /etc/culver/mail.example.net.password\n"
	"}\n"
	".fi\n"
	".PP\n"
	"is for mail of all senders, and\n"
	".B \"smarthost example.com { ... }\"\n"
	"for those whose address (MAIL FROM) is of that domain; reports, which "
	"have no\n"
	"sender, go the way of all others.\n"
	"Where an alias names hosts by\n"
	".BR via ,\n"
	"its mail goes there.\n"
	".BR \"culver route\" (1)\n"
	"says which way mail takes.\n"
	"Nothing is sent without TLS and a certificate by an authority of\n"
	".BR ca_file ;\n"
	"mail waits in the queue as long as the smarthost cannot be reached or "
	"takes no\n"
	"login, which the log says.\n"
	"These are the settings of a block.\n";

static const char man_tail[] =
	".SH FILES\n"
	".TP\n"
	".I domains/NAME/aliases\n"
	"Beside culver.conf.\n"
	"The directory makes the domain ours; the file may be missing.\n"
	"A line is\n"
	".IR \"user: target, target\" ,\n"
	"where a target is a user of the same domain or an address.\n"
	"The user\n"
	".B *\n"
	"stands for everyone who has neither mailbox nor alias, the target\n"
	".B *\n"
	"for the user that was asked for.\n"
	"An address elsewhere is sent there by its MX;\n"
	".I \"address via host/host\"\n"
	"sends it by these hosts, the first that takes it, at most ten.\n"
	"Or it is\n"
	".IR \"user: | command argument ...\" ,\n"
	"the whole line: the program gets the message on its standard input.\n"
	"Words are parted at blanks, and no shell sees them.\n"
	"It has 30 seconds; exit status 0 is a delivery, 75 a reason to try\n"
	"again, any other a refusal.\n"
	"Lines that begin with\n"
	".B #\n"
	"are comments.\n"
	"Of two lines for one user the later one holds.\n"
	".TP\n"
	".I certs/NAME/fullchain.pem, certs/NAME/privkey.pem\n"
	"A certificate chain and its key, as certbot(1) leaves them; NAME may "
	"be\n"
	"a link to a directory of its own.\n"
	"Without any, port 25 runs without STARTTLS and submission stays "
	"closed.\n"
	".TP\n"
	".I hooks/post\\-data, hooks/alias\\-resolve\n"
	"Programs run for each message and for each address; see\n"
	".BR culverd (8).\n"
	".SH SEE ALSO\n"
	".BR culverd (8),\n"
	".BR culver (1)\n";

void conf_print_man(FILE *out)
{
	(void)fputs(man_head, out);
	for (size_t i = 0; i < conf_settings.count; i++)
		print_setting(out, &conf_settings.rows[i]);
	(void)fputs(man_milter, out);
	for (size_t i = 0; i < conf_milter_settings.count; i++)
		print_setting(out, &conf_milter_settings.rows[i]);
	(void)fputs(man_smarthost, out);
	for (size_t i = 0; i < conf_smarthost_settings.count; i++)
		print_setting(out, &conf_smarthost_settings.rows[i]);
	(void)fputs(man_tail, out);
}

/* --- the sample ---------------------------------------------------------------- */

/* A comment of several lines. */
static void print_comment(FILE *out, const char *text)
{
	struct slice word, rest = slice_of(text);
	size_t column = 0;

	while (rest.n > 0) {
		(void)slice_cut(rest, ' ', &word, &rest);
		if (column == 0 || column + 1 + word.n > COLUMNS) {
			(void)fputs(column == 0 ? "#" : "\n#", out);
			column = 1;
		}
		(void)fprintf(out, " %.*s", (int)word.n, word.p);
		column += 1 + word.n;
	}
	(void)fputc('\n', out);
}

/* before: of each line that is no explanation. */
static void print_sample_setting(FILE *out, const struct setting *row,
				 const char *before)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	const char *allowed = range(row, a);

	(void)fputc('\n', out);
	print_comment(out, row->doc);
	if (allowed != NULL)
		(void)fprintf(out, "# %s\n", allowed);
	(void)fprintf(out, "%s%s = ", before, row->name);
	if (example(row) != NULL)
		(void)fputs(example(row), out);
	else
		print_value(out, row);
	(void)fputc('\n', out);
}

void conf_print_sample(FILE *out)
{
	print_comment(out,
		      "Settings of the Culver SMTP server; culver.conf(5) says "
		      "more. Every line shows a default: only what differs is "
		      "to be written.");
	for (size_t i = 0; i < conf_settings.count; i++)
		print_sample_setting(out, &conf_settings.rows[i], "#");
	(void)fputc('\n', out);
	print_comment(out, "A filter that speaks the milter protocol; one such "
			   "block each, in the order in which they see the "
			   "mail. Only socket has to be given.");
	(void)fputs("#milter rspamd {\n", out);
	for (size_t i = 0; i < conf_milter_settings.count; i++)
		print_sample_setting(out, &conf_milter_settings.rows[i],
				     "#    ");
	(void)fputs("#}\n\n", out);
	print_comment(out,
		      "A server that sends our mail on. smarthost "
		      "example.com { ... } is for senders of that domain, "
		      "in place of the one for all. host has to be given.");
	(void)fputs("#smarthost {\n", out);
	for (size_t i = 0; i < conf_smarthost_settings.count; i++)
		print_sample_setting(out, &conf_smarthost_settings.rows[i],
				     "#    ");
	(void)fputs("#}\n", out);
}
