#include "hook/environment.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ENTRIES_MAX = 24,
	VALUE_OCTETS = 4096,
	/* The kernel takes 128 KiB in one entry. */
	LIST_OCTETS = 96 << 10,
};

const char *environment_path(void)
{
	const char *path = getenv("PATH");

	/* As systemd gives it to services. */
	return path != NULL && *path != '\0' ? path
					     : "/usr/local/sbin:/usr/local/bin:"
					       "/usr/sbin:/usr/bin:/sbin:/bin";
}

struct list {
	struct arena *arena;
	const char **entries;
	size_t count;
};

static void add(struct list *l, struct slice name, struct slice value)
{
	const struct slice parts[] = { name, S("="), value };
	struct slice entry = arena_join(l->arena, parts, 3);
	char *clean = arena_alloc(l->arena, entry.n + 1);

	assert(l->count < ENTRIES_MAX);
	memcpy(clean, entry.p, entry.n);
	for (size_t i = 0; i < entry.n; i++)
		if (slice_has_control((struct slice){ clean + i, 1 }))
			clean[i] = '?';
	l->entries[l->count++] = clean;
}

static void add_text(struct list *l, struct slice name, struct slice value)
{
	add(l, name, slice_head(value, VALUE_OCTETS));
}

static void add_bool(struct list *l, struct slice name, bool value)
{
	add(l, name, value ? S("1") : S("0"));
}

static struct list begin(struct slice directory, struct arena *arena)
{
	struct list l = { .arena = arena };
	const struct passwd *pw = getpwuid(geteuid());

	l.entries = arena_array(arena, ENTRIES_MAX + 1, sizeof(*l.entries));
	add_text(&l, S("USER"),
		 pw != NULL ? slice_of(pw->pw_name)
			    : arena_format(arena, "%u", (unsigned)geteuid()));
	add_text(&l, S("SHELL"), S("/bin/sh"));
	add_text(&l, S("PATH"), slice_of(environment_path()));
	add_text(&l, S("PWD"), directory);
	return l;
}

/* The null sender has brackets, as chasquid writes it. */
static void add_sender(struct list *l, struct slice reverse_path)
{
	add_text(l, S("MAIL_FROM"),
		 reverse_path.n > 0 ? reverse_path : S("<>"));
}

/* Separated by spaces. */
static void add_recipients(struct list *l, struct slices recipients)
{
	size_t n = 0, room = 0;
	char *text;

	for (size_t i = 0; i < recipients.count; i++)
		room += recipients.items[i].n + 1;
	text = arena_alloc(l->arena, room + 1);
	for (size_t i = 0; i < recipients.count; i++) {
		struct slice one = recipients.items[i];

		if (one.n == 0 || n + one.n + 1 > LIST_OCTETS)
			continue;
		if (n > 0)
			text[n++] = ' ';
		memcpy(text + n, one.p, one.n);
		n += one.n;
	}
	add(l, S("RCPT_TO"), (struct slice){ text, n });
}

/* What is safe unquoted in a shell, and enough for names and literals. */
static struct slice sanitize_hello(struct slice hello, struct arena *arena)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.[]:";
	char *text = arena_alloc(arena, hello.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < hello.n; i++)
		if (memchr(allowed, hello.p[i], sizeof(allowed) - 1) != NULL)
			text[n++] = hello.p[i];
	return (struct slice){ text, n };
}

const char **environment_plain(struct slice directory, struct arena *arena)
{
	return begin(directory, arena).entries;
}

const char **environment_post_data(struct slice directory,
				   const struct msg_post_data *m,
				   struct arena *arena)
{
	struct list l = begin(directory, arena);

	add_text(&l, S("REMOTE_ADDR"), m->remote_addr);
	add_text(&l, S("EHLO_DOMAIN"), sanitize_hello(m->ehlo_domain, arena));
	add_text(&l, S("EHLO_DOMAIN_RAW"), m->ehlo_domain);
	add_sender(&l, m->mail_from);
	add_recipients(&l, m->rcpt_to);
	add_text(&l, S("AUTH_AS"), m->auth_as);
	add_bool(&l, S("ON_TLS"), m->on_tls);
	add_bool(&l, S("FROM_LOCAL_DOMAIN"), m->is_from_local_domain);
	add_bool(&l, S("SPF_PASS"), m->is_spf_pass);
	return l.entries;
}

const char **environment_command(struct slice directory,
				 const struct msg_command *m,
				 struct arena *arena)
{
	struct list l = begin(directory, arena);

	add_sender(&l, m->reverse_path);
	add_recipients(&l, (struct slices){ &m->alias, 1 });
	return l.entries;
}
