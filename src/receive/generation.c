#include "receive/generation.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* A tripwire: a message is bounded by WIRE_OCTETS, their number by the
 * parent. */
enum { GENERATION_ARENA_OCTETS = 1 << 30 };

struct part {
	STAILQ_ENTRY(part) entry;
	enum message_type type;
	struct slice name;
	struct slice text; /* aliases, or the chain */
};

struct generation {
	struct arena *arena;
	STAILQ_HEAD(, part) parts;
};

struct generation *generation_new(void)
{
	struct generation *g = mem_new(sizeof(*g));

	g->arena = arena_new(GENERATION_ARENA_OCTETS);
	STAILQ_INIT(&g->parts);
	return g;
}

void generation_free(struct generation **g)
{
	if (*g == NULL)
		return;
	arena_free(&(*g)->arena);
	mem_free(g);
}

void generation_add(struct generation *g, const struct message *m)
{
	struct part *p;

	if (m->type != MESSAGE_CONF_DOMAIN &&
	    m->type != MESSAGE_CONF_CERTIFICATE)
		return; /* CONF_DKIM_KEY */
	p = arena_alloc(g->arena, sizeof(*p));
	p->type = m->type;
	if (m->type == MESSAGE_CONF_DOMAIN) {
		p->name = arena_copy(g->arena, m->conf_domain.domain);
		p->text = arena_copy(g->arena, m->conf_domain.aliases);
	} else {
		p->name = arena_copy(g->arena, m->conf_certificate.name);
		p->text = arena_copy(g->arena, m->conf_certificate.chain_pem);
	}
	STAILQ_INSERT_TAIL(&g->parts, p, entry);
}

static void log_errors(const struct conf_errors *errors)
{
	for (size_t i = 0; i < conf_errors_lines(errors); i++)
		if (!conf_errors_is_warning(errors, i))
			LOG(LOG_ERROR, NULL, "configuration",
			    log_string("problem", conf_errors_line(errors, i)));
}

/* What of it cannot be used was left out and said by the parent. */
static void read_host(const struct part *p, const struct conf *conf,
		      struct domains *domains)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();

	domains_set_host(domains,
			 aliases_parse(p->text, "/etc/aliases",
				       slice_of(conf->mailname), "", errors));
	log_errors(errors);
}

static bool read_domain(const struct part *p, const struct conf *conf,
			struct domains *domains)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	struct aliases *aliases = NULL;

	if (p->name.n == 0) {
		read_host(p, conf, domains);
		return true;
	}
	if (p->text.n > 0) {
		aliases = aliases_parse(p->text, "aliases", p->name,
					conf->drop_characters, errors);
		if (aliases == NULL) {
			log_errors(errors);
			return false;
		}
	}
	domains_add(domains, p->name, aliases);
	return true;
}

static bool read_certificate(const struct part *p, struct key_provider *keys,
			     struct tls_server *tls)
{
	const char *problem = NULL;

	if (tls_server_add_chain(tls, p->text, keys, &problem) == 0)
		return true;
	LOG(LOG_ERROR, NULL, "certificate cannot be used",
	    log_text("name", p->name), log_string("problem", problem));
	return false;
}

bool generation_read(const struct generation *g, const struct conf *conf,
		     struct key_provider *keys, struct domains **ret_domains,
		     struct tls_server **ret_tls)
{
	AUTO(domains_free) struct domains *domains = domains_new();
	AUTO(tls_server_free) struct tls_server *tls = tls_server_new();
	const struct part *p;
	bool ok = true;

	STAILQ_FOREACH(p, &g->parts, entry)
		if (p->type == MESSAGE_CONF_DOMAIN)
			ok = read_domain(p, conf, domains) && ok;
		else
			ok = read_certificate(p, keys, tls) && ok;
	if (!ok)
		return false;
	*ret_domains = domains;
	*ret_tls = tls;
	domains = NULL;
	tls = NULL;
	return true;
}
