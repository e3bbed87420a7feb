#include "proc/role_setting.h"

#include "base/mem.h"
#include "conf/block.h"

static const char **strings(const struct slices *values, struct arena *a)
{
	const char **strings =
		arena_array(a, values->count + 1, sizeof(*strings));

	for (size_t i = 0; i < values->count; i++)
		strings[i] = arena_string(a, values->items[i]);
	return strings;
}

void role_setting_take(struct conf *conf, const struct msg_conf_setting *m)
{
	AUTO(arena_free) struct arena *a = arena_new(WIRE_OCTETS);
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	const char **values = strings(&m->values, a);

	if (conf != NULL)
		(void)conf_set(
			conf,
			settings_find(&conf_settings, arena_string(a, m->name)),
			values, m->values.count, NULL, 0, errors);
}

void role_setting_take_block(struct conf *conf, const struct msg_conf_block *m)
{
	AUTO(arena_free) struct arena *a = arena_new(WIRE_OCTETS);
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	const struct check_place at = { .errors = errors };
	enum block_kind kind = (enum block_kind)m->kind;
	const char *name = arena_string(a, m->name);
	struct block block;

	if (conf == NULL || m->kind >= BLOCK_KINDS)
		return;
	if (block_find(conf, kind, m->block, &block) ||
	    block_add(conf, kind, m->block, &block))
		(void)block_set(conf, &block,
				settings_find(block_settings(kind), name),
				strings(&m->values, a), m->values.count, &at);
}
