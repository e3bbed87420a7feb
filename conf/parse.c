#include "conf/parse.h"

#include "base/mem.h"
#include "conf/file.h"
#include "conf/scan.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { FILE_OCTETS = 256 << 10, VALUES_MAX = 256, EXTRA_MAX = 500 };

struct parser {
	struct conf *conf;
	const char *file;
	struct conf_errors *errors;
	struct arena *arena;
	struct scan scan;
	unsigned *lines; /* of each setting; 0 = not there */
	bool has_blocks;
};

/* libconfuse hands nothing of ours to its error function, so this says whom
 * to tell while it runs. */
static struct parser *parsing;

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg,
							   const char *format,
							   va_list ap)
{
	char text[512];

	(void)vsnprintf(text, sizeof(text), format, ap);
	conf_errors_add(parsing->errors, parsing->file,
			cfg->line > 0 ? (unsigned)cfg->line : 0, NULL, "%s",
			text);
}

static void unknown(struct conf_errors *errors, const char *file, unsigned line,
		    const char *name)
{
	const char *nearest = conf_nearest(name);

	if (nearest != NULL)
		conf_errors_add(errors, file, line, name,
				"there is no such setting; did you mean %s?",
				nearest);
	else
		conf_errors_add(errors, file, line, name,
				"there is no such setting; culver.conf(5) "
				"lists all");
}

/* --- culver.conf ----------------------------------------------------------------- */

static void check_names(struct parser *p)
{
	for (size_t i = 0; i < p->scan.count; i++) {
		const struct scan_statement *s = &p->scan.statements[i];
		const char *name = arena_string(p->arena, s->name);
		size_t key = conf_find(name);

		p->has_blocks |= s->is_block;
		if (s->is_block)
			conf_errors_add(p->errors, p->file, s->line, name,
					"there is no such block; settings are "
					"written NAME = VALUE");
		else if (key == conf_count())
			unknown(p->errors, p->file, s->line, name);
		else if (p->lines[key] != 0)
			conf_errors_add(p->errors, p->file, s->line, name,
					"given a second time; line %u has it "
					"already",
					p->lines[key]);
		else
			p->lines[key] = s->line;
	}
}

/* Every setting is a list for libconfuse; conf_set() knows better. */
static cfg_opt_t make_option(const char *name)
{
	const cfg_opt_t option = CFG_STR_LIST(name, NULL, CFGF_NODEFAULT);

	return option;
}

static bool has_option(const cfg_opt_t *options, size_t count, const char *name)
{
	size_t i = 0;

	while (i < count && strcmp(options[i].name, name) != 0)
		i++;
	return i < count;
}

/* libconfuse gets to know the unknown names of the file, too: one of them,
 * which we have reported, is then no reason for it to stop. It does not take
 * an option twice. */
static cfg_t *make_parser(struct parser *p)
{
	cfg_opt_t *options = arena_array(p->arena, conf_count() + EXTRA_MAX + 1,
					 sizeof(*options));
	const cfg_opt_t end = CFG_END();
	size_t n = 0;
	cfg_t *cfg;

	while (n < conf_count()) {
		options[n] = make_option(conf_name(n));
		n++;
	}
	for (size_t i = 0; i < p->scan.count; i++) {
		const char *name =
			arena_string(p->arena, p->scan.statements[i].name);

		if (n < conf_count() + EXTRA_MAX &&
		    !has_option(options, n, name))
			options[n++] = make_option(name);
	}
	options[n] = end;
	cfg = cfg_init(options, CFGF_NONE);
	if (cfg != NULL)
		(void)cfg_set_error_function(cfg, on_error);
	return cfg;
}

static void take_values(struct parser *p, cfg_t *cfg)
{
	for (size_t i = 0; i < conf_count(); i++) {
		const char *name = conf_name(i);
		size_t count = cfg_size(cfg, name);
		const char **values;

		if (p->lines[i] == 0)
			continue;
		if (count > VALUES_MAX) {
			conf_errors_add(p->errors, p->file, p->lines[i], name,
					"%zu values are too many", count);
			continue;
		}
		values = arena_array(p->arena, count + 1, sizeof(*values));
		for (size_t j = 0; j < count; j++)
			values[j] = cfg_getnstr(cfg, name, (unsigned)j);
		(void)conf_set(p->conf, i, values, count, p->file, p->lines[i],
			       p->errors);
	}
}

static void parse(struct parser *p)
{
	size_t before = conf_errors_count(p->errors);
	cfg_t *cfg;

	p->lines = arena_array(p->arena, conf_count(), sizeof(*p->lines));
	check_names(p);
	if (p->has_blocks)
		return;
	cfg = make_parser(p);
	if (cfg == NULL) {
		conf_errors_add(p->errors, p->file, 0, NULL, "%s",
				strerror(ENOMEM));
		return;
	}
	parsing = p;
	if (cfg_parse_buf(cfg, p->scan.text) == CFG_SUCCESS)
		take_values(p, cfg);
	else if (conf_errors_count(p->errors) == before)
		conf_errors_add(p->errors, p->file, 0, NULL,
				"this is not a list of NAME = VALUE");
	parsing = NULL;
	(void)cfg_free(cfg);
}

bool conf_parse_file(struct conf *conf, const char *path,
		     struct conf_errors *errors)
{
	AUTO(arena_free) struct arena *a = arena_new(64 << 20);
	struct parser p = {
		.conf = conf,
		.file = path,
		.errors = errors,
		.arena = a,
		.scan = { .file = path, .errors = errors, .arena = a },
	};
	size_t before = conf_errors_count(errors);
	struct slice file;
	int r = file_read(AT_FDCWD, path, FILE_OCTETS, &file, NULL);

	if (r == -ENOENT)
		return true;
	if (r < 0) {
		conf_errors_add(errors, path, 0, NULL, "cannot be read: %s",
				strerror(-r));
		return false;
	}
	/* A line end more, so that a comment in the last line ends. */
	p.scan.text = arena_alloc(a, file.n + 2);
	p.scan.n = file.n + 1;
	memcpy(p.scan.text, file.p, file.n);
	p.scan.text[file.n] = '\n';
	mem_free(&file.p);
	if (scan_run(&p.scan))
		parse(&p);
	return conf_errors_count(errors) == before;
}

/* --- -o --------------------------------------------------------------------------- */

static struct slice without(struct slice s, char open, char close)
{
	if (s.n >= 2 && s.p[0] == open && s.p[s.n - 1] == close)
		return slice_trim(slice_tail(slice_head(s, s.n - 1), 1));
	return s;
}

static struct slice unquote(struct slice s)
{
	s = slice_trim(s);
	return without(without(s, '"', '"'), '\'', '\'');
}

bool conf_parse_override(struct conf *conf, const char *override,
			 struct conf_errors *errors)
{
	AUTO(arena_free) struct arena *a = arena_new(8 << 20);
	const char *values[VALUES_MAX];
	struct slice key, item, rest;
	size_t i, count = 0;
	const char *name;

	if (strlen(override) > FILE_OCTETS ||
	    !slice_cut(slice_of(override), '=', &key, &rest)) {
		conf_errors_add(errors, "-o", 0, NULL,
				"\"%.80s\" is not NAME=VALUE", override);
		return false;
	}
	name = arena_string(a, slice_trim(key));
	i = conf_find(name);
	if (i == conf_count()) {
		unknown(errors, "-o", 0, name);
		return false;
	}
	rest = without(slice_trim(rest), '{', '}');
	if (!conf_is_list(i)) {
		values[0] = arena_string(a, unquote(rest));
		return conf_set(conf, i, values, 1, "-o", 0, errors);
	}
	while (rest.n > 0 && count < VALUES_MAX) {
		(void)slice_cut(rest, ',', &item, &rest);
		values[count++] = arena_string(a, unquote(item));
	}
	return conf_set(conf, i, values, count, "-o", 0, errors);
}
