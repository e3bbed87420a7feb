/* A generation of the configuration on its way to a role: what of it that one
 * needs. */
#include "base/mem.h"
#include "conf/block.h"
#include "parent/log_sink.h"
#include "parent/parent-private.h"

#include <string.h>

/* Settings each role needs; the rest stays here. */
static bool role_needs(enum role role, const char *name)
{
	static const char *const here_only[] = { "run_dir",
						 "log",
						 "system_aliases",
						 "workers",
						 "dovecot_auth_client",
						 "dovecot_auth_userdb",
						 "dovecot_lmtp" };

	for (size_t i = 0; i < sizeof(here_only) / sizeof(here_only[0]); i++)
		if (strcmp(here_only[i], name) == 0)
			return false;
	if (strcmp(name, "state_dir") == 0 ||
	    strcmp(name, "queue_database") == 0)
		return role == ROLE_QUEUE;
	if (strcmp(name, "listen_smtp") == 0)
		return role == ROLE_LOOKUP; /* who are we? */
	return strncmp(name, "listen_", 7) != 0;
}

static struct slices slices_of(const char **values, size_t count,
			       struct arena *a)
{
	struct slice *items = arena_array(a, count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = slice_of(values[i]);
	return (struct slices){ items, count };
}

static void send_setting(struct child *c, size_t i)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	struct message m = { .type = MESSAGE_CONF_SETTING };
	size_t count;
	const char **values = conf_get(c->parent->tree->conf, i, a, &count);

	m.conf_setting.name = slice_of(conf_settings.rows[i].name);
	m.conf_setting.values = slices_of(values, count, a);
	link_send(c->link, &m, -1);
}

/* Connections to filters, and passwords, are made and read here. */
static bool is_for_here(const char *name)
{
	return strcmp(name, "socket") == 0 ||
	       strcmp(name, "password_file") == 0;
}

static void send_block(struct child *c, const struct block *block)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	const struct settings *table = block_settings(block->kind);

	for (size_t i = 0; i < table->count; i++) {
		struct message m = { .type = MESSAGE_CONF_BLOCK };
		size_t count;
		const char **values = block_get(block, i, a, &count);

		if (is_for_here(table->rows[i].name))
			continue;
		m.conf_block.kind = block->kind;
		m.conf_block.block = slice_of(block->name);
		m.conf_block.name = slice_of(table->rows[i].name);
		m.conf_block.values = slices_of(values, count, a);
		link_send(c->link, &m, -1);
	}
}

static void send_blocks(struct child *c, enum block_kind kind)
{
	const struct conf *conf = c->parent->tree->conf;

	for (size_t i = 0; i < block_count(conf, kind); i++) {
		const struct block block = block_at(conf, kind, i);

		send_block(c, &block);
	}
}

static void send_passwords(struct child *c)
{
	const struct tree *t = c->parent->tree;
	struct message m = { .type = MESSAGE_CONF_SMARTHOST_PASSWORD };

	for (size_t i = 0; i < t->conf->smarthost_count; i++) {
		m.conf_smarthost_password.block =
			slice_of(t->conf->smarthosts[i].name);
		m.conf_smarthost_password.password = t->passwords[i];
		link_send(c->link, &m, -1);
	}
}

static void send_hooks(struct child *c)
{
	const struct tree *t = c->parent->tree;
	struct message m = { .type = MESSAGE_CONF_HOOKS };

	m.conf_hooks.directory = slice_of(t->directory);
	m.conf_hooks.has_post_data = t->has_post_data;
	m.conf_hooks.has_alias_resolve = t->has_alias_resolve;
	link_send(c->link, &m, -1);
}

static void send_trust_anchor(struct child *c)
{
	struct message m = { .type = MESSAGE_CONF_TRUST_ANCHOR };

	m.conf_trust_anchor.text = c->parent->tree->trust_anchor;
	link_send(c->link, &m, -1);
}

static void send_roots(struct child *c)
{
	struct message m = { .type = MESSAGE_CONF_ROOTS };

	m.conf_roots.text = c->parent->tree->roots;
	link_send(c->link, &m, -1);
}

static void send_domains(struct child *c)
{
	const struct tree *t = c->parent->tree;

	for (size_t i = 0; i < t->domain_count; i++) {
		struct message m = { .type = MESSAGE_CONF_DOMAIN };

		m.conf_domain.domain = slice_of(t->domains[i].name);
		m.conf_domain.aliases = t->domains[i].aliases;
		link_send(c->link, &m, -1);
	}
}

static void send_system_aliases(struct child *c)
{
	struct message m = { .type = MESSAGE_CONF_DOMAIN };

	m.conf_domain.aliases = c->parent->tree->system_aliases;
	if (m.conf_domain.aliases.n > 0)
		link_send(c->link, &m, -1);
}

static void send_certificate(struct child *c, const struct tree_certificate *t)
{
	struct message m = { .type = MESSAGE_CONF_CERTIFICATE };

	m.conf_certificate.name = slice_of(t->name);
	m.conf_certificate.chain_pem = t->chain_pem;
	link_send(c->link, &m, -1);
}

/* Our own name's goes first: clients that ask for an unknown name, or for
 * none, get the first one. */
static void send_certificates(struct child *c)
{
	const struct tree *t = c->parent->tree;

	for (int other = 0; other <= 1; other++)
		for (size_t i = 0; i < t->certificate_count; i++)
			if ((strcasecmp(t->certificates[i].name,
					t->conf->hostname) != 0) == other)
				send_certificate(c, &t->certificates[i]);
}

static void send_listeners(struct child *c)
{
	const struct listeners *l = c->parent->listeners;
	struct message m = { .type = MESSAGE_LISTENER,
			     .listener = { .service = LISTENER_LOCAL,
					   .is_first = true } };

	link_send(c->link, &m, c->parent->submit_fd);
	m.listener.is_first = false;
	for (size_t i = 0; i < listeners_count(l); i++) {
		const struct listening *item = listeners_get(l, i);

		m.listener.service = item->service;
		link_send(c->link, &m, item->fd);
	}
}

static void send_control_listener(struct child *c)
{
	struct message m = { .type = MESSAGE_LISTENER,
			     .listener = { .service = LISTENER_CONTROL,
					   .is_first = true } };

	link_send(c->link, &m, c->parent->control_fd);
}

static void send_log_sink(struct child *c)
{
	struct message m = { .type = MESSAGE_LOG_SINK };
	enum log_sink sink;
	AUTO(fd_close) int fd = -1;

	if (log_sink_open(c->parent->tree->conf,
			  c->parent->options->is_foreground, &sink, &fd) < 0)
		return;
	m.log_sink.kind = sink;
	link_send(c->link, &m, fd);
}

void generation_send(struct parent *p, struct child *c)
{
	struct message begin = { .type = MESSAGE_CONF_BEGIN,
				 .conf_begin = { .generation =
							 p->generation } };
	struct message commit = { .type = MESSAGE_CONF_COMMIT,
				  .conf_commit = { .generation =
							   p->generation } };

	send_log_sink(c);
	link_send(c->link, &begin, -1);
	for (size_t i = 0; i < conf_settings.count; i++)
		if (role_needs(c->role, conf_settings.rows[i].name))
			send_setting(c, i);
	if (c->role == ROLE_RECEIVE || c->role == ROLE_HOOK) {
		send_hooks(c);
		send_domains(c);
	}
	if (c->role == ROLE_RECEIVE) {
		send_system_aliases(c);
		send_blocks(c, BLOCK_MILTER);
		send_certificates(c);
	}
	if (c->role == ROLE_KEYRING)
		keys_send(c);
	if (c->role == ROLE_RECEIVE || c->role == ROLE_QUEUE)
		keys_send_names(c);
	if (c->role == ROLE_LOOKUP || c->role == ROLE_VERIFY)
		send_trust_anchor(c);
	if (c->role == ROLE_DELIVER || c->role == ROLE_CONTROL)
		send_blocks(c, BLOCK_SMARTHOST);
	if (c->role == ROLE_DELIVER)
		send_passwords(c);
	if (c->role == ROLE_DELIVER || c->role == ROLE_LOOKUP)
		send_roots(c);
	link_send(c->link, &commit, -1);
	/* It has a key before anybody asks for it. */
	if (c->role == ROLE_KEYRING)
		link_flush(c->link);
	if (c->role == ROLE_RECEIVE)
		send_listeners(c);
	if (c->role == ROLE_CONTROL)
		send_control_listener(c);
}
