#include "deliver/smarthosts.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { NAME_OCTETS = 600 }; /* host, port and user are shorter */

struct password {
	char *block;
	char *text;
};

struct smarthosts {
	struct password *passwords;
	size_t password_count;
	struct item *items; /* as conf has them */
	size_t count;
};

struct item {
	struct smarthost *smarthost; /* NULL: direct */
};

/* --- one ------------------------------------------------------------------------- */

static char *string_of(struct slice s)
{
	char *copy = mem_new(s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return copy;
}

static struct slice keep(struct slice s)
{
	return (struct slice){ string_of(s), s.n };
}

static void wipe(const char *text)
{
	char *writable;

	memcpy(&writable, &text, sizeof(writable));
	explicit_bzero(writable, strlen(text));
}

struct smarthost *smarthost_ref(struct smarthost *s)
{
	s->refs++;
	return s;
}

void smarthost_free(struct smarthost **s)
{
	struct smarthost *old = *s;

	*s = NULL;
	if (old == NULL || --old->refs > 0)
		return;
	wipe(old->login.password.p);
	mem_free(&old->name.p);
	mem_free(&old->host.p);
	mem_free(&old->login.user.p);
	mem_free(&old->login.password.p);
	mem_free(&old);
}

bool smarthost_equal(const struct smarthost *a, const struct smarthost *b)
{
	return a == b || (slice_equal(a->name, b->name) &&
			  a->is_tls_first == b->is_tls_first &&
			  slice_equal(a->login.password, b->login.password));
}

static struct smarthost *smarthost_new(const struct conf_smarthost *from,
				       struct slice password)
{
	AUTO(arena_free) struct arena *arena = arena_new(65536);
	struct smarthost *s = mem_new(sizeof(*s));
	char name[NAME_OCTETS];
	int n;

	s->refs = 1;
	s->host = keep(conf_smarthost_host(from, arena, &s->is_address));
	s->port = (unsigned)from->port;
	s->is_tls_first = conf_smarthost_is_tls_first(from);
	s->login.user = keep(slice_of(from->user));
	s->login.password = keep(password);
	n = snprintf(name, sizeof(name), "%s:%u %s", s->host.p, s->port,
		     from->user);
	s->name = keep((struct slice){ name, (size_t)n });
	return s;
}

/* --- all of them -------------------------------------------------------------------- */

void smarthosts_free(struct smarthosts **all)
{
	struct smarthosts *a = *all;

	if (a == NULL)
		return;
	for (size_t i = 0; i < a->password_count; i++) {
		wipe(a->passwords[i].text);
		mem_free(&a->passwords[i].text);
		mem_free(&a->passwords[i].block);
	}
	for (size_t i = 0; i < a->count; i++)
		smarthost_free(&a->items[i].smarthost);
	mem_free(&a->passwords);
	mem_free(&a->items);
	mem_free(all);
}

static void add_password(struct smarthosts *all, struct slice block,
			 struct slice password)
{
	all->passwords = mem_resize(all->passwords, all->password_count + 1,
				    sizeof(*all->passwords));
	all->passwords[all->password_count++] =
		(struct password){ .block = string_of(block),
				   .text = string_of(password) };
}

void smarthosts_on_conf_part(struct smarthosts **next, const struct message *m)
{
	if (m->type == MESSAGE_CONF_BEGIN) {
		smarthosts_free(next);
		*next = mem_new(sizeof(**next));
	} else if (m->type == MESSAGE_CONF_SMARTHOST_PASSWORD &&
		   *next != NULL) {
		add_password(*next, m->conf_smarthost_password.block,
			     m->conf_smarthost_password.password);
	}
}

static struct slice password_of(const struct smarthosts *all, const char *block)
{
	for (size_t i = 0; i < all->password_count; i++)
		if (strcmp(all->passwords[i].block, block) == 0)
			return slice_of(all->passwords[i].text);
	return S("");
}

void smarthosts_complete(struct smarthosts *all, const struct conf *conf)
{
	all->items = mem_array(conf->smarthost_count + 1, sizeof(*all->items));
	all->count = conf->smarthost_count;
	for (size_t i = 0; i < all->count; i++) {
		const struct conf_smarthost *s = &conf->smarthosts[i];

		if (!s->direct)
			all->items[i].smarthost =
				smarthost_new(s, password_of(all, s->name));
	}
}

struct smarthost *smarthosts_for(const struct smarthosts *all,
				 const struct conf *conf,
				 struct slice reverse_path)
{
	const struct conf_smarthost *s = conf_smarthost_for(conf, reverse_path);

	return s != NULL ? all->items[s - conf->smarthosts].smarthost : NULL;
}
