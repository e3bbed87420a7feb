/* The messages of messages.def as structs, and their codec. */
#ifndef PROC_MESSAGE_H
#define PROC_MESSAGE_H

#include "net/tls_scheme.h"
#include "proc/wire.h"

enum role {
	ROLE_PARENT,
	ROLE_RECEIVE,
	ROLE_QUEUE,
	ROLE_DELIVER,
	ROLE_CONTROL,
	ROLE_HOOK,
	ROLE_LOOKUP,
	ROLE_VERIFY,
	ROLE_KEYRING,
	ROLE_COUNT,
	ROLE_ANY = ROLE_COUNT, /* in messages.def only */
};

/* Fields that are numbers on the wire. */
enum listener_service {
	LISTENER_SMTP,        /* port 25 */
	LISTENER_SUBMISSION,  /* 587: STARTTLS, then AUTH */
	LISTENER_SUBMISSIONS, /* 465: TLS from the first octet */
	LISTENER_CONTROL,     /* control.sock */
	LISTENER_LOCAL,       /* submit.sock: users of this machine */
};
enum socket_kind {
	SOCKET_AUTH_CLIENT,
	SOCKET_AUTH_USERDB,
	SOCKET_LMTP,
	SOCKET_MILTER, /* with a filter's name */
};
enum hook_result {
	HOOK_ACCEPT,
	HOOK_REJECT,    /* 554 */
	HOOK_TRY_LATER, /* 451: it said so, or is broken */
};
enum queue_change {
	QUEUE_CHANGE_RETRY,   /* try now what waits for its time */
	QUEUE_CHANGE_RELEASE, /* it is held no more, and due now */
	QUEUE_CHANGE_DROP,    /* gone, without a report */
	QUEUE_CHANGE_HOLD,    /* it waits for the operator */
	QUEUE_CHANGE_BOUNCE,  /* given up now, with a report */
};
enum queue_state {
	QUEUE_STATE_NEW,      /* not tried yet */
	QUEUE_STATE_DEFERRED, /* tried */
	QUEUE_STATE_REPORT,   /* a report's, to be looked up */
	QUEUE_STATE_HELD,
	QUEUE_STATE_IN_SESSION, /* the session that brought it delivers it */
};
enum route_result {
	ROUTE_HOSTS,
	ROUTE_NO_DOMAIN, /* it does not exist: 5.1.2 */
	ROUTE_NO_HOST,   /* it takes no mail: neither MX nor address: 5.4.4 */
	ROUTE_NULL_MX,   /* RFC 7505: 556 5.1.10 */
	ROUTE_TRY_LATER, /* DNS in trouble, or bogus: 4.4.3 */
	ROUTE_LOOP,      /* all its hosts are ourselves: 5.4.6 */
};
/* What of a login's share of a day is used up. */
enum allowance {
	ALLOWANCE_LEFT, /* nothing: it may go on */
	ALLOWANCE_MESSAGES,
	ALLOWANCE_RECIPIENTS,
};
enum tlsrpt_wish {
	TLSRPT_UNWANTED,
	TLSRPT_WISHED,    /* there */
	TLSRPT_TRY_LATER, /* DNS in trouble, or bogus */
};
enum signing {
	SIGN_HANDSHAKE, /* of a TLS server, 1.2 or 1.3 */
	SIGN_HEADER,    /* a DKIM header block (RFC 6376 3.7) */
};
enum resolve_result {
	RESOLVE_TARGETS, /* known, all of them */
	RESOLVE_NO_USER,
	RESOLVE_TRY_LATER,
	RESOLVE_NOT_LOCAL,
};

enum message_type {
	MESSAGE_NONE,
#define MESSAGE(NAME, name, from, to, fd) MESSAGE_##NAME,
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
	MESSAGE_TYPE_COUNT
#undef MESSAGE
#undef FIELD
#undef END
};

typedef struct slice wire_slice;
typedef struct slices wire_slices;
typedef struct target wire_target;
typedef struct targets wire_targets;
typedef struct outcome wire_outcome;
typedef struct recipients wire_recipients;
typedef struct hosts wire_hosts;
typedef struct selector wire_selector;
typedef struct sts wire_sts;
typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef bool wire_bool;

#define MESSAGE(NAME, name, from, to, fd) struct msg_##name {
#define FIELD(type, name)                 wire_##type name;
#define END(name)                                                              \
	char end_of_message; /* so that none is empty */                       \
	}                                                                      \
	;
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

struct message {
	enum message_type type;
	int fd; /* -1, or the descriptor that came along; message_take_fd() */
	union {
#define MESSAGE(NAME, name, from, to, fd) struct msg_##name name;
#define FIELD(type, name)
#define END(name)
#include "proc/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
	};
};

/* "deliver_result"; "?" for what is none. */
const char *message_name(enum message_type type);
const char *role_name(enum role role);

/* Whether from may send such a message to to. */
bool message_is_allowed(enum message_type type, enum role from, enum role to);
/* Whether a descriptor may come with it. */
bool message_has_fd(enum message_type type);

/* Whether it holds what must not be found in memory afterwards. */
bool message_is_secret(enum message_type type);

/* Writes type and fields. Returns 0 or -EMSGSIZE. */
int message_encode(const struct message *m, struct wire_writer *w);

/*
 * Reads what message_encode() wrote; bytes are views of in, lists live in
 * arena. Returns 0 or -EBADMSG: unknown type, a length beyond the end, octets
 * left over, a list too long. ret_message->fd is -1.
 */
int message_decode(struct slice in, struct arena *arena,
		   struct message *ret_message);

/* The descriptor, now the caller's; the message holds none any more. */
int message_take_fd(struct message *m);

#endif
