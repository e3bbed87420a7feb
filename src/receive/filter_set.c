#include "receive/filter_set.h"

#include "base/mem.h"

#include <string.h>

/* All filters together, for the end of a message: RFC 5321 4.5.3.2.6 has
 * clients wait 10 minutes. */
enum { MESSAGE_MS = 8 * 60 * 1000 };

/* --- configuration -------------------------------------------------------------- */

/* A word of a setting and what it means; the last of a table has no word. conf
 * has checked them. */
struct word {
	const char *word;
	uint32_t value;
};

static uint32_t find(const struct word *words, const char *text)
{
	while (words->word != NULL && strcmp(words->word, text) != 0)
		words++;
	return words->value;
}

static uint32_t listeners_of(const struct conf_milter *m)
{
	static const struct word words[] = {
		{ "smtp", FILTER_SMTP },
		{ "submission", FILTER_SUBMISSION },
		{ "local", FILTER_LOCAL },
		{ NULL, 0 },
	};
	uint32_t bits = 0;

	for (size_t i = 0; i < m->listeners.count; i++)
		bits |= find(words, m->listeners.items[i]);
	return bits;
}

static enum milter_failure failure_of(const struct conf_milter *m)
{
	static const struct word words[] = {
		{ "accept", MILTER_FAILURE_ACCEPT },
		{ "reject", MILTER_FAILURE_REJECT },
		{ "quarantine", MILTER_FAILURE_QUARANTINE },
		{ NULL, MILTER_FAILURE_TEMPFAIL },
	};

	return (enum milter_failure)find(words, m->on_failure);
}

/* "{name}=value", or a name. */
static struct milter_macro macro_of(const char *text)
{
	struct milter_macro m;

	(void)slice_cut(slice_of(text), '=', &m.name, &m.value);
	return m;
}

static void read_macros(const struct conf_milter *m, struct arena *a,
			struct milter_filter_config *ret)
{
	struct milter_macro *macros =
		arena_array(a, m->macros.count, sizeof(*macros));

	for (size_t i = 0; i < m->macros.count; i++)
		macros[i] = macro_of(m->macros.items[i]);
	ret->macros = macros;
	ret->macro_count = m->macros.count;
}

static void read_filter(const struct conf_milter *m, struct arena *a,
			struct milter_filter_config *ret)
{
	*ret = (struct milter_filter_config){
		.name = m->name,
		.on_failure = failure_of(m),
		.listeners = listeners_of(m),
		.only_unauthenticated = m->only_unauthenticated,
		.only_authenticated = m->only_authenticated,
		.dry_run = m->dry_run,
		.connect_ms = (unsigned)(m->connect_timeout * 1000),
		.command_ms = (unsigned)(m->command_timeout * 1000),
		.content_ms = (unsigned)(m->content_timeout * 1000),
		.version = (uint32_t)m->protocol,
		.is_original_index = strcmp(m->header_index, "original") == 0,
	};
	read_macros(m, a, ret);
}

/* --- sockets ---------------------------------------------------------------------- */

static void on_socket(int fd, int error, bool has_more, struct slice where,
		      void *arg)
{
	milter_connected(arg, fd, error, has_more, where);
}

static void want(const char *filter, unsigned attempt, void *token, void *arg)
{
	role_want_socket(arg, SOCKET_MILTER, slice_of(filter), attempt,
			 on_socket, token);
}

static void forget(void *token, void *arg)
{
	role_forget_socket(arg, token);
}

/* --- the set ------------------------------------------------------------------------ */

struct milter_set *filter_set_new(struct role_self *self,
				  const struct conf *conf,
				  struct milter_set *previous)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	struct milter_filter_config *filters =
		arena_array(a, conf->milter_count, sizeof(*filters));
	const struct milter_set_config config = {
		.base = role_base(self),
		.filters = filters,
		.count = conf->milter_count,
		.message_ms = MESSAGE_MS,
		.body_limit = conf->message_size_limit,
		.connector = { want, forget, self },
	};
	struct milter_set *set = NULL;

	for (size_t i = 0; i < conf->milter_count; i++)
		read_filter(&conf->milters[i], a, &filters[i]);
	if (conf->milter_count > 0)
		set = milter_set_new(&config, previous);
	milter_set_release(&previous);
	return set;
}

/* --- for control --------------------------------------------------------------------- */

static void tell_state(const struct milter_set *set, size_t i, struct link *to,
		       uint64_t id)
{
	const struct milter_filter_stats s = milter_set_stats(set, i);
	struct message m = { .type = MESSAGE_MILTER_STATE, .fd = -1 };

	m.milter_state = (struct msg_milter_state){
		.id = id,
		.place = (uint32_t)i,
		.name = slice_of(milter_set_name(set, i)),
		.state = (uint32_t)s.state,
		.version = s.options.version,
		.actions = s.options.actions,
		.steps = s.options.steps,
		.connections = s.connections,
		.messages = s.messages,
		.rejected = s.rejected,
		.deferred = s.deferred,
		.discarded = s.discarded,
		.quarantined = s.quarantined,
		.edited = s.edited,
		.failed = s.failed,
		.unfiltered = s.unfiltered,
		.problem = slice_head(s.problem, WIRE_TEXT_OCTETS),
		.failed_at = (uint64_t)s.failed_at,
	};
	link_send(to, &m, -1);
}

void filter_set_list(const struct milter_set *set, struct link *from,
		     uint64_t id)
{
	struct message end = { .type = MESSAGE_MILTER_LIST_END, .fd = -1 };

	for (size_t i = 0; set != NULL && i < milter_set_count(set); i++)
		tell_state(set, i, from, id);
	end.milter_list_end.id = id;
	link_send(from, &end, -1);
}
