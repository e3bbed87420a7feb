#include "conf/scan.h"

#include <assert.h>
#include <string.h>

enum { DEPTH = 8 };

enum token {
	TOKEN_NONE,
	TOKEN_WORD,   /* unquoted */
	TOKEN_STRING, /* in quotes */
	TOKEN_EQUALS,
	TOKEN_OTHER,
};

struct brace {
	unsigned line;
	bool is_block;
};

struct scanner {
	char *text;
	size_t n, at;
	unsigned line;
	struct scan *scan; /* what is found goes there */
	struct brace braces[DEPTH];
	size_t depth;
	enum token last, before; /* the two tokens before this one */
	struct slice last_word, before_word;
	unsigned last_line, before_line;
	bool before_is_value; /* what stands there followed a "=" */
	size_t room;          /* for statements */
	size_t block;         /* scan_statement.block */
	bool failed;
};

static bool fail(struct scanner *s, unsigned line, const char *what)
{
	conf_errors_add(s->scan->errors, s->scan->file, line, NULL, "%s", what);
	s->failed = true;
	return false;
}

static void add_statement(struct scanner *s,
			  const struct scan_statement *statement)
{
	if (s->scan->count == s->room) {
		struct scan_statement *old = s->scan->statements;

		s->room = s->room * 2 + 64;
		s->scan->statements = arena_array(s->scan->arena, s->room,
						  sizeof(*s->scan->statements));
		if (old != NULL)
			memcpy(s->scan->statements, old,
			       s->scan->count * sizeof(*old));
	}
	s->scan->statements[s->scan->count] = *statement;
	s->scan->statements[s->scan->count++].block = s->block;
}

static void push_token(struct scanner *s, enum token token, struct slice word)
{
	s->before_is_value = s->before == TOKEN_EQUALS;
	s->before = s->last;
	s->before_word = s->last_word;
	s->before_line = s->last_line;
	s->last = token;
	s->last_word = word;
	s->last_line = s->line;
}

static char peek(const struct scanner *s, size_t ahead)
{
	if (s->n - s->at <= ahead)
		return '\0';
	return s->text[s->at + ahead];
}

/* --- comments, strings, words --------------------------------------------------- */

static void blank_line_comment(struct scanner *s)
{
	while (s->at < s->n && s->text[s->at] != '\n')
		s->text[s->at++] = ' ';
}

static bool blank_comment(struct scanner *s)
{
	unsigned line = s->line;

	s->text[s->at++] = ' ';
	s->text[s->at++] = ' ';
	while (s->at < s->n && (peek(s, 0) != '*' || peek(s, 1) != '/')) {
		if (s->text[s->at] == '\n')
			s->line++;
		else
			s->text[s->at] = ' ';
		s->at++;
	}
	if (s->at == s->n)
		return fail(s, line, "a comment begins here and never ends");
	s->text[s->at++] = ' ';
	s->text[s->at++] = ' ';
	return true;
}

/* A string ends in its line, and knows \\ and the escaped quote only. */
static bool skip_string(struct scanner *s)
{
	char quote = s->text[s->at++];
	size_t start = s->at;

	for (; s->at < s->n && s->text[s->at] != '\n'; s->at++) {
		char c = s->text[s->at];

		if (c == quote) {
			push_token(s, TOKEN_STRING,
				   (struct slice){ .p = s->text + start,
						   .n = s->at - start });
			s->at++;
			return true;
		}
		if (c == '$' && peek(s, 1) == '{')
			return fail(s, s->line, "\"${\" is not understood");
		if (c != '\\')
			continue;
		s->at++;
		if (peek(s, 0) != '\\' && peek(s, 0) != quote)
			return fail(s, s->line,
				    "a backslash stands before a quote or "
				    "another backslash only");
	}
	return fail(s, s->line, "a quote is opened here and never closed");
}

static bool is_word_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_.:/@%~-[]", c) != NULL);
}

static bool skip_word(struct scanner *s)
{
	size_t start = s->at;

	while (s->at < s->n && is_word_octet(s->text[s->at]))
		s->at++;
	if (s->at == start) {
		s->at++;
		return fail(s, s->line,
			    "such a character stands in quotes only");
	}
	push_token(s, TOKEN_WORD,
		   (struct slice){ .p = s->text + start, .n = s->at - start });
	for (size_t i = start; i + 1 < s->at; i++)
		if (s->text[i] == '/' && s->text[i + 1] == '/')
			return fail(s, s->line,
				    "\"//\" begins a comment after a space, "
				    "and else stands in quotes only");
	return true;
}

/* --- braces ----------------------------------------------------------------------- */

/* Outside of all blocks, or right within one that we know of. */
static bool is_statement_place(const struct scanner *s)
{
	return s->depth == 0 || (s->depth == 1 && s->block != 0);
}

/* The title out of the text: libconfuse is to count blocks, not to know them
 * by name. */
static struct slice take_title(struct scanner *s)
{
	struct slice title = arena_copy(s->scan->arena, s->last_word);
	size_t quotes = s->last == TOKEN_STRING ? 1 : 0;
	size_t start = (size_t)(s->last_word.p - s->text) - quotes;

	memset(s->text + start, ' ', title.n + 2 * quotes);
	return title;
}

/* NAME { or NAME TITLE { */
static void open_block(struct scanner *s)
{
	bool has_title = s->before == TOKEN_WORD && !s->before_is_value &&
			 (s->last == TOKEN_WORD || s->last == TOKEN_STRING);
	struct scan_statement found = { .name = s->last_word,
					.line = s->last_line,
					.is_block = true };

	if (has_title) {
		found.name = s->before_word;
		found.line = s->before_line;
		found.title = take_title(s);
	}
	if (!has_title && s->last != TOKEN_WORD)
		return;
	add_statement(s, &found);
	if (s->depth == 0)
		s->block = s->scan->count;
}

static bool open_brace(struct scanner *s)
{
	bool is_block = s->last != TOKEN_EQUALS;

	if (s->depth == DEPTH)
		return fail(s, s->line, "too many braces in each other");
	if (is_block && is_statement_place(s))
		open_block(s);
	s->braces[s->depth++] =
		(struct brace){ .line = s->line, .is_block = is_block };
	return true;
}

static bool close_brace(struct scanner *s)
{
	if (s->depth == 0)
		return fail(s, s->line, "a \"}\" closes what was never opened");
	s->depth--;
	if (s->depth == 0)
		s->block = 0;
	return true;
}

/* --- the loop ------------------------------------------------------------------------ */

static bool scan_mark(struct scanner *s, char c)
{
	const struct scan_statement setting = { .name = s->last_word,
						.line = s->last_line };
	bool is_good = true;

	if (c == '=' && s->last == TOKEN_WORD && is_statement_place(s))
		add_statement(s, &setting);
	if (c == '{')
		is_good = open_brace(s);
	else if (c == '}')
		is_good = close_brace(s);
	push_token(s, c == '=' ? TOKEN_EQUALS : TOKEN_OTHER,
		   (struct slice){ .p = NULL, .n = 0 });
	s->at++;
	return is_good;
}

static bool scan_one(struct scanner *s)
{
	char c = s->text[s->at];

	switch (c) {
	case '\n':
		s->line++;
		s->at++;
		return true;
	case ' ':
	case '\t':
	case '\r':
		s->text[s->at++] = ' ';
		return true;
	case '#':
		blank_line_comment(s);
		return true;
	case '"':
	case '\'':
		return skip_string(s);
	case '=':
	case '{':
	case '}':
	case ',':
		return scan_mark(s, c);
	default:
		break;
	}
	if (c == '/' && peek(s, 1) == '/') {
		blank_line_comment(s);
		return true;
	}
	if (c == '/' && peek(s, 1) == '*')
		return blank_comment(s);
	return skip_word(s);
}

static bool check_octets(struct scanner *s)
{
	struct slice rest = { .p = s->text, .n = s->n };
	struct slice line;
	unsigned number = 0;

	while (rest.n > 0) {
		number++;
		(void)slice_cut(rest, '\n', &line, &rest);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (!slice_is_utf8(line))
			return fail(s, number, "this is not UTF-8");
		for (size_t i = 0; i < line.n; i++)
			if (line.p[i] == 127 ||
			    ((unsigned char)line.p[i] < 32 &&
			     line.p[i] != '\t'))
				return fail(s, number,
					    "control characters are not "
					    "allowed");
	}
	return true;
}

bool scan_run(struct scan *scan)
{
	struct scanner s = {
		.text = scan->text, .n = scan->n, .line = 1, .scan = scan
	};

	if (!check_octets(&s))
		return false;
	while (s.at < s.n && scan_one(&s))
		;
	if (!s.failed && s.depth > 0)
		(void)fail(&s, s.braces[s.depth - 1].line,
			   s.braces[s.depth - 1].is_block
				   ? "a block is opened here and never closed"
				   : "a list is opened here and never closed");
	return !s.failed;
}
