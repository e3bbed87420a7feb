#include "conf/errors.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/slice.h"

#include <stdarg.h>
#include <stdio.h>

/* A file of nonsense is not to fill the memory, a screen or a message. */
enum { LINES = 200, LINE_OCTETS = 1000, TEXT_OCTETS = 4 * LINE_OCTETS };

struct line {
	const char *text;
	bool is_warning;
};

struct conf_errors {
	struct arena *arena;
	struct line
		lines[LINES + 1]; /* the last one says that there are more */
	size_t count;
	size_t errors;
};

struct conf_errors *conf_errors_new(void)
{
	struct conf_errors *e = mem_new(sizeof(*e));

	e->arena = arena_new((LINES + 2) * (TEXT_OCTETS + 1024));
	return e;
}

void conf_errors_free(struct conf_errors **errors)
{
	if (*errors == NULL)
		return;
	arena_free(&(*errors)->arena);
	mem_free(errors);
}

/* Control octets, and all high ones unless the whole is UTF-8, as \xHH. */
static const char *escape(struct arena *arena, struct slice s)
{
	static const char hex[] = "0123456789ABCDEF";
	bool is_utf8 = slice_is_utf8(s);
	char *out = arena_alloc(arena, 4 * s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 32 && c != 127 && (c < 128 || is_utf8)) {
			out[n++] = s.p[i];
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
	return out;
}

/* The length of text cut to n octets, not within a character. */
static size_t cut(const char *text, size_t n, size_t limit)
{
	if (n <= limit)
		return n;
	n = limit;
	while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
		n--;
	return n;
}

static void add(struct conf_errors *e, bool is_warning, const char *text,
		size_t n)
{
	struct slice s = { .p = text, .n = cut(text, n, LINE_OCTETS) };

	if (!is_warning)
		e->errors++;
	if (e->count > LINES)
		return;
	if (e->count == LINES)
		s = S("more than can be shown here");
	e->lines[e->count].text = escape(e->arena, s);
	e->lines[e->count++].is_warning = is_warning;
}

static size_t write_where(char *text, size_t size, const char *file,
			  unsigned line, const char *setting)
{
	int n = 0;

	if (file != NULL && line > 0)
		n = snprintf(text, size, "%s:%u: ", file, line);
	else if (file != NULL)
		n = snprintf(text, size, "%s: ", file);
	if (setting != NULL && n >= 0 && (size_t)n < size)
		n += snprintf(text + n, size - (size_t)n, "%s: ", setting);
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

/* The body of the two variadic functions, which differ in one flag. */
#define ADD(is_warning)                                                        \
	do {                                                                   \
		char text[TEXT_OCTETS];                                        \
		size_t where_octets =                                          \
			write_where(text, sizeof(text), file, line, setting);  \
		size_t room = sizeof(text) - where_octets;                     \
		va_list ap;                                                    \
		int n;                                                         \
                                                                               \
		va_start(ap, format);                                          \
		n = vsnprintf(text + where_octets, room, format, ap);          \
		va_end(ap);                                                    \
		if (n < 0)                                                     \
			n = 0;                                                 \
		if ((size_t)n >= room)                                         \
			n = (int)room - 1;                                     \
		add(errors, is_warning, text, where_octets + (size_t)n);       \
	} while (0)

void conf_errors_add(struct conf_errors *errors, const char *file,
		     unsigned line, const char *setting, const char *format,
		     ...)
{
	ADD(false);
}

void conf_errors_warn(struct conf_errors *errors, const char *file,
		      unsigned line, const char *setting, const char *format,
		      ...)
{
	ADD(true);
}

size_t conf_errors_count(const struct conf_errors *errors)
{
	return errors->errors;
}

size_t conf_errors_lines(const struct conf_errors *errors)
{
	return errors->count;
}

const char *conf_errors_line(const struct conf_errors *errors, size_t i)
{
	return errors->lines[i].text;
}

bool conf_errors_is_warning(const struct conf_errors *errors, size_t i)
{
	return errors->lines[i].is_warning;
}
