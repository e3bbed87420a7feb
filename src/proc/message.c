#include "proc/message.h"

#include <errno.h>

enum { NO_FD, HAS_FD, IS_SECRET };

struct rule {
	const char *name;
	enum role from, to;
	int fd;
};

static const struct rule rules[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_NONE] = { "?", ROLE_COUNT, ROLE_COUNT, NO_FD },
#define MESSAGE(NAME, name, from, to, fd)                                      \
	[MESSAGE_##NAME] = { #name, from, to, fd },
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
};

/* One function a message and direction: put_deliver(), get_deliver() ... */
#define MESSAGE(NAME, name, from, to, fd)                                      \
	static void put_##name(struct wire_writer *w __attribute__((unused)),  \
			       const struct msg_##name *m                      \
			       __attribute__((unused)))                        \
	{
#define FIELD(type, name) wire_put_##type(w, m->name);
#define END(name)         }
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(NAME, name, from, to, fd)                                      \
	static void get_##name(struct wire_reader *r __attribute__((unused)),  \
			       struct msg_##name *m __attribute__((unused)))   \
	{
#define FIELD(type, name) m->name = wire_get_##type(r);
#define END(name)         }
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

const char *message_name(enum message_type type)
{
	return rules[type < MESSAGE_TYPE_COUNT ? type : MESSAGE_NONE].name;
}

const char *role_name(enum role role)
{
	static const char *const names[] = {
		[ROLE_PARENT] = "parent",   [ROLE_RECEIVE] = "receive",
		[ROLE_QUEUE] = "queue",     [ROLE_DELIVER] = "deliver",
		[ROLE_CONTROL] = "control", [ROLE_HOOK] = "hook",
		[ROLE_LOOKUP] = "lookup",   [ROLE_VERIFY] = "verify",
		[ROLE_KEYRING] = "keyring", [ROLE_COUNT] = "?",
	};

	return names[role < ROLE_COUNT ? role : ROLE_COUNT];
}

static bool matches(enum role rule, enum role role)
{
	return rule == role || (rule == ROLE_ANY && role != ROLE_PARENT);
}

bool message_is_allowed(enum message_type type, enum role from, enum role to)
{
	if (type == MESSAGE_NONE || type >= MESSAGE_TYPE_COUNT)
		return false;
	return matches(rules[type].from, from) && matches(rules[type].to, to);
}

bool message_has_fd(enum message_type type)
{
	return rules[type < MESSAGE_TYPE_COUNT ? type : MESSAGE_NONE].fd ==
	       HAS_FD;
}

bool message_is_secret(enum message_type type)
{
	return rules[type < MESSAGE_TYPE_COUNT ? type : MESSAGE_NONE].fd ==
	       IS_SECRET;
}

int message_encode(const struct message *m, struct wire_writer *w)
{
	wire_put_u32(w, (uint32_t)m->type);
	switch (m->type) {
	case MESSAGE_NONE:
	case MESSAGE_TYPE_COUNT:
		w->failed = true;
		break;
#define MESSAGE(NAME, name, from, to, fd)                                      \
	case MESSAGE_##NAME:                                                   \
		put_##name(w, &m->name);                                       \
		break;
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
	}
	return w->failed ? -EMSGSIZE : 0;
}

int message_decode(struct slice in, struct arena *arena,
		   struct message *ret_message)
{
	struct wire_reader r = { .rest = in, .arena = arena };
	struct message m = { .fd = -1 };
	uint32_t type = wire_get_u32(&r);

	if (r.failed || type >= MESSAGE_TYPE_COUNT)
		return -EBADMSG;
	m.type = (enum message_type)type;
	switch (m.type) {
	case MESSAGE_NONE:
	case MESSAGE_TYPE_COUNT:
		r.failed = true;
		break;
#define MESSAGE(NAME, name, from, to, fd)                                      \
	case MESSAGE_##NAME:                                                   \
		get_##name(&r, &m.name);                                       \
		break;
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
	}
	if (r.failed || r.rest.n > 0)
		return -EBADMSG;
	*ret_message = m;
	return 0;
}

int message_take_fd(struct message *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}
