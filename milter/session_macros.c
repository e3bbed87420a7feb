#include "milter/session-private.h"

enum {
	MACROS = 64,      /* in one stage */
	NAME_OCTETS = 64, /* of a macro */
};

#define TLS_MACROS                                                             \
	"{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer} "   \
	"{verify} {tls_sni}"

/* What is sent at each stage to a filter that does not say what it wants. */
static const char *const usual[MILTER_STAGES] = {
	[MILTER_AT_CONNECT] =
		"j _ v {daemon_name} {daemon_addr} {daemon_port} {if_name} "
		"{if_addr} {client_addr} {client_port} {client_name} "
		"{client_ptr} {client_resolve} {client_connections}",
	[MILTER_AT_HELO] = TLS_MACROS,
	[MILTER_AT_MAIL] = "i {mail_addr} {mail_host} {mail_mailer} "
			   "{auth_type} {auth_authen} {auth_author} "
			   "{auth_ssf} " TLS_MACROS,
	[MILTER_AT_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	[MILTER_AT_DATA] = "i",
	[MILTER_AT_EOM] = "i {msg_id} {msg_size}",
	[MILTER_AT_EOH] = "i",
};

static const enum milter_command commands[MILTER_STAGES] = {
	[MILTER_AT_CONNECT] = MILTER_CONNECT, [MILTER_AT_HELO] = MILTER_HELO,
	[MILTER_AT_MAIL] = MILTER_MAIL,       [MILTER_AT_RCPT] = MILTER_RCPT,
	[MILTER_AT_DATA] = MILTER_DATA,       [MILTER_AT_EOM] = MILTER_BODYEOB,
	[MILTER_AT_EOH] = MILTER_EOH,
};

struct list {
	struct milter_session *s;
	enum milter_stage stage;
	struct milter_macro macros[MACROS];
	size_t count;
};

/* On the wire names of one letter are bare, others in braces: filters know no
 * other spelling, whichever they ask for. */
static struct slice wire_name(struct arena *arena, struct slice name)
{
	const struct slice braced[] = { S("{"), name, S("}") };

	if (name.n == 3 && name.p[0] == '{' && name.p[2] == '}')
		return (struct slice){ name.p + 1, 1 };
	if (name.n == 1 || name.p[0] == '{')
		return name;
	return arena_join(arena, braced, 3);
}

static bool has(const struct list *list, struct slice name)
{
	for (size_t i = 0; i < list->count; i++)
		if (slice_equal(list->macros[i].name, name))
			return true;
	return false;
}

static void add(struct list *list, struct slice name, struct slice value)
{
	if (list->count < MACROS)
		list->macros[list->count++] =
			(struct milter_macro){ name, value };
}

/* The address of MAIL or RCPT, without its brackets. */
static struct slice address(const struct milter_session *s)
{
	struct slice a = s->ask->strings[0];

	if (a.n >= 2 && a.p[0] == '<' && a.p[a.n - 1] == '>')
		a = (struct slice){ a.p + 1, a.n - 2 };
	return a;
}

/* The one that always has a value. */
static struct slice certain_name(enum milter_stage stage)
{
	switch (stage) {
	case MILTER_AT_MAIL:
		return S("{mail_addr}");
	case MILTER_AT_RCPT:
		return S("{rcpt_addr}");
	case MILTER_AT_CONNECT:
	case MILTER_AT_HELO:
	case MILTER_AT_DATA:
	case MILTER_AT_EOM:
	case MILTER_AT_EOH:
	case MILTER_STAGES:
		break;
	}
	return S("");
}

static void ask_for(struct list *list, struct slice name)
{
	const struct milter_scene *scene = list->s->scene;
	struct arena *arena = list->s->scratch;
	struct slice value;

	if (name.n == 0 || name.n > NAME_OCTETS)
		return;
	name = wire_name(arena, name);
	if (has(list, name))
		return;
	if (scene->calls->get_macro(list->stage, name, arena, &value,
				    scene->arg))
		add(list, name, value);
	else if (slice_equal(name, certain_name(list->stage)))
		add(list, name, address(list->s));
}

static void ask_for_all(struct list *list, struct slice names)
{
	static const char between[] = " ,\t";

	while (names.n > 0) {
		size_t end = names.n;

		for (const char *c = between; *c != '\0'; c++)
			if (slice_find(names, *c) < end)
				end = slice_find(names, *c);
		ask_for(list, slice_head(names, end));
		names = slice_tail(names, end + 1);
	}
}

/* Who we are always has a value, so the admin's goes before it: filters tell
 * by {daemon_name} what is to be signed. */
static bool is_ours(struct slice name)
{
	return slice_equal(name, S("j")) || slice_equal(name, S("v")) ||
	       slice_equal(name, S("{daemon_name}"));
}

static void add_configured_ours(struct list *list)
{
	const struct milter_filter_config *config = &list->s->filter->config;

	for (size_t i = 0; i < config->macro_count; i++) {
		const struct milter_macro *macro = &config->macros[i];

		if (macro->value.p != NULL && is_ours(macro->name))
			add(list, macro->name, macro->value);
	}
}

/* What else the admin wants. */
static void add_configured(struct list *list)
{
	const struct milter_filter_config *config = &list->s->filter->config;

	for (size_t i = 0; i < config->macro_count; i++) {
		const struct milter_macro *macro = &config->macros[i];

		if (macro->value.p == NULL)
			ask_for(list, macro->name);
		else if (!has(list, macro->name))
			add(list, macro->name, macro->value);
	}
}

/* Macros of a stage that is skipped are sent all the same. Old filters take a
 * stage that they do not know for an error. */
static bool knows_stage(const struct milter_options *options,
			enum milter_stage stage)
{
	if (stage == MILTER_AT_DATA)
		return options->version >= 4;
	if (stage == MILTER_AT_EOH)
		return options->version >= 6;
	return true;
}

/* Nothing said would leave what was said of the last message: at MAIL and RCPT
 * there is always something, but to those that want nothing at all. */
void milter_session_say_macros(struct milter_session *s,
			       enum milter_stage stage)
{
	const struct milter_options *options = milter_conn_options(s->conn);
	struct slice names = slice_of(usual[stage]);
	struct list list = { .s = s, .stage = stage };

	if (!knows_stage(options, stage))
		return;
	if (options->has_symbols & (1U << stage))
		names = options->symbols[stage];
	arena_clear(s->scratch);
	add_configured_ours(&list);
	ask_for_all(&list, names);
	add_configured(&list);
	if (list.count == 0 && names.n > 0)
		ask_for(&list, certain_name(stage));
	if (list.count > 0)
		milter_write_macros(milter_conn_writer(s->conn),
				    commands[stage], list.macros, list.count);
}
