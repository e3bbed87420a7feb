#include "conf/parse.h"

#include "base/mem.h"
#include "conf/block.h"
#include "conf/file.h"
#include "conf/scan.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { FILE_OCTETS = 256 << 10, VALUES_MAX = 256, EXTRA_MAX = 500 };

/* What is written in one place: outside of all blocks, or in one. */
struct section {
	const struct settings *table;
	struct block block; /* without values: outside */
	unsigned line;      /* where it begins */
	unsigned *lines;    /* of each setting; 0 = not there */
};

struct parser {
	struct conf *conf;
	const char *file;
	struct conf_errors *errors;
	struct arena *arena;
	struct scan scan;
	struct section *sections; /* by scan_statement.block */
	bool has_wrong_blocks;
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

/* --- what stands where --------------------------------------------------------- */

static void open_section(struct parser *p, size_t i, unsigned line,
			 const struct settings *table)
{
	struct section *section = &p->sections[i];

	section->line = line;
	section->table = table;
	section->lines =
		arena_array(p->arena, table->count, sizeof(*section->lines));
}

static bool is_outside(const struct section *section)
{
	return section->block.values == NULL;
}

static enum block_kind nearest_kind(const char *word)
{
	unsigned kind = 0;

	while (kind < BLOCK_KINDS &&
	       !settings_is_near(word, block_word((enum block_kind)kind)))
		kind++;
	return (enum block_kind)kind;
}

static bool check_block_kind(const struct check_place *at,
			     const struct scan_statement *s)
{
	enum block_kind kind = nearest_kind(at->setting);

	if (s->block != 0)
		return CHECK_NO(at, "blocks do not stand in blocks");
	if (block_kind_named(at->setting) != BLOCK_KINDS)
		return true;
	if (kind != BLOCK_KINDS)
		return CHECK_NO(at, "there is no such block; did you mean %s?",
				block_word(kind));
	return CHECK_NO(at, "there is no such block; settings are written NAME "
			    "= VALUE");
}

/* Blocks of a kind are told apart by their names. */
static bool check_block_name(struct parser *p, const struct check_place *at,
			     enum block_kind kind, struct slice name)
{
	struct block other;

	if (!block_check_name(kind, name, at))
		return false;
	if (!block_find(p->conf, kind, name, &other))
		return true;
	for (size_t i = 1; i <= p->scan.count; i++)
		if (p->sections[i].block.values == other.values)
			return CHECK_NO(at,
					"there is a second %s; line %u has one "
					"already",
					name.n > 0
						? arena_string(p->arena, name)
						: at->setting,
					p->sections[i].line);
	return true;
}

/* Statement i begins a block. */
static bool add_block(struct parser *p, size_t i, const struct check_place *at)
{
	const struct scan_statement *s = &p->scan.statements[i];
	enum block_kind kind = block_kind_named(at->setting);

	if (!check_block_kind(at, s) ||
	    !check_block_name(p, at, kind, s->title))
		return false;
	open_section(p, i + 1, s->line, block_settings(kind));
	return block_add(p->conf, kind, s->title, &p->sections[i + 1].block) ||
	       CHECK_NO(at, "that is one too many; at most %zu",
			block_max(kind));
}

static bool add_setting(const struct section *section,
			const struct scan_statement *s,
			const struct check_place *at)
{
	size_t key;

	if (section->table == NULL) /* of a block we do not know */
		return false;
	key = settings_find(section->table, at->setting);
	if (key == section->table->count && is_outside(section) &&
	    block_kind_named(at->setting) != BLOCK_KINDS)
		return CHECK_NO(at, "this is a block; write %s NAME { ... }",
				at->setting);
	if (key == section->table->count)
		settings_refuse_name(section->table, at);
	else if (section->lines[key] != 0)
		(void)CHECK_NO(at,
			       "given a second time; line %u has it already",
			       section->lines[key]);
	else
		section->lines[key] = s->line;
	return true;
}

/* Sets has_wrong_blocks where libconfuse would stop at what we have said. */
static void check_names(struct parser *p)
{
	p->sections =
		arena_array(p->arena, p->scan.count + 1, sizeof(*p->sections));
	open_section(p, 0, 0, &conf_settings);
	for (size_t i = 0; i < p->scan.count; i++) {
		const struct scan_statement *s = &p->scan.statements[i];
		const struct check_place at = {
			.file = p->file,
			.line = s->line,
			.setting = arena_string(p->arena, s->name),
			.errors = p->errors,
		};

		if (s->is_block ? !add_block(p, i, &at)
				: !add_setting(&p->sections[s->block], s, &at))
			p->has_wrong_blocks = true;
	}
}

/* --- libconfuse ------------------------------------------------------------------ */

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
 * an option twice. There is room for the blocks at the end. */
static cfg_opt_t *make_options(const struct parser *p,
			       const struct settings *table, bool is_block,
			       size_t *ret_count)
{
	cfg_opt_t *options = arena_array(
		p->arena, table->count + EXTRA_MAX + BLOCK_KINDS + 1,
		sizeof(*options));
	const cfg_opt_t end = CFG_END();
	size_t n = 0;

	while (n < table->count) {
		options[n] = make_option(table->rows[n].name);
		n++;
	}
	for (size_t i = 0; i < p->scan.count; i++) {
		const struct scan_statement *s = &p->scan.statements[i];
		const char *name = arena_string(p->arena, s->name);

		if (n < table->count + EXTRA_MAX && !s->is_block &&
		    (s->block != 0) == is_block &&
		    !has_option(options, n, name))
			options[n++] = make_option(name);
	}
	options[n] = end;
	*ret_count = n;
	return options;
}

static cfg_t *make_parser(struct parser *p)
{
	size_t n, inner_n;
	cfg_opt_t *outer = make_options(p, &conf_settings, false, &n);
	const cfg_opt_t end = CFG_END();
	cfg_t *cfg;

	for (unsigned kind = 0; kind < BLOCK_KINDS; kind++) {
		cfg_opt_t *inner =
			make_options(p, block_settings((enum block_kind)kind),
				     true, &inner_n);
		const cfg_opt_t block = CFG_SEC(
			block_word((enum block_kind)kind), inner, CFGF_MULTI);

		outer[n++] = block;
	}
	outer[n] = end;
	cfg = cfg_init(outer, CFGF_NONE);
	if (cfg != NULL)
		(void)cfg_set_error_function(cfg, on_error);
	return cfg;
}

static void take_value(struct parser *p, const struct section *section,
		       size_t i, cfg_t *cfg)
{
	const struct check_place at = { .file = p->file,
					.line = section->lines[i],
					.setting = section->table->rows[i].name,
					.errors = p->errors };
	size_t count = cfg_size(cfg, at.setting);
	const char **values;

	if (count > VALUES_MAX) {
		(void)CHECK_NO(&at, "%zu values are too many", count);
		return;
	}
	values = arena_array(p->arena, count + 1, sizeof(*values));
	for (size_t j = 0; j < count; j++)
		values[j] = cfg_getnstr(cfg, at.setting, (unsigned)j);
	if (is_outside(section))
		(void)conf_set(p->conf, i, values, count, at.file, at.line,
			       p->errors);
	else
		(void)block_set(p->conf, &section->block, i, values, count,
				&at);
}

static void check_section(struct parser *p, const struct section *section)
{
	const struct check_place at = {
		.file = p->file,
		.line = section->line,
		.setting =
			arena_format(p->arena, "%s%s%s",
				     block_word(section->block.kind),
				     section->block.name[0] != '\0' ? " " : "",
				     section->block.name)
				.p,
		.errors = p->errors,
	};

	(void)block_check(&section->block, section->lines, &at);
}

static void take_section(struct parser *p, const struct section *section,
			 cfg_t *cfg)
{
	for (size_t i = 0; i < section->table->count; i++)
		if (section->lines[i] != 0)
			take_value(p, section, i, cfg);
	if (!is_outside(section))
		check_section(p, section);
}

/* libconfuse has the blocks of a kind in the order of the file, as we do. */
static void take_all(struct parser *p, cfg_t *cfg)
{
	const struct check_place at = { .file = p->file, .errors = p->errors };
	unsigned counts[BLOCK_KINDS] = { 0 };

	take_section(p, &p->sections[0], cfg);
	for (size_t i = 1; i <= p->scan.count; i++) {
		const struct section *section = &p->sections[i];
		enum block_kind kind = section->block.kind;

		if (!is_outside(section))
			take_section(p, section,
				     cfg_getnsec(cfg, block_word(kind),
						 counts[kind]++));
	}
	(void)block_check_all(p->conf, &at);
}

static void parse(struct parser *p)
{
	size_t before = conf_errors_count(p->errors);
	cfg_t *cfg;

	check_names(p);
	if (p->has_wrong_blocks)
		return;
	cfg = make_parser(p);
	if (cfg == NULL) {
		conf_errors_add(p->errors, p->file, 0, NULL, "%s",
				strerror(ENOMEM));
		return;
	}
	parsing = p;
	if (cfg_parse_buf(cfg, p->scan.text) == CFG_SUCCESS)
		take_all(p, cfg);
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
