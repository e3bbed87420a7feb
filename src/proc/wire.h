/*
 * The encoding of messages between roles: little-endian numbers, length before
 * bytes. Reader and writer carry their error; check once at the end.
 */
#ifndef PROC_WIRE_H
#define PROC_WIRE_H

#include "base/arena.h"
#include "base/slice.h"
#include "mail/sts.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	WIRE_OCTETS = 8 << 20,   /* of one message, in all */
	WIRE_LIST = 4096,        /* elements of a list */
	WIRE_TEXT_OCTETS = 1024, /* of an outcome's text */
	WIRE_NAME_OCTETS = 255,  /* of its server */
};

struct slices {
	const struct slice *items;
	size_t count;
};

/* Where mail ends up, once aliases have been followed. */
enum target_kind {
	TARGET_MAILBOX, /* address: "local@domain", Dovecot's */
	TARGET_COMMAND, /* address: of the alias whose command is run */
	TARGET_REMOTE,  /* address: outside */
};

/* The same address may be a mailbox and an alias: the kind is part of it. */
struct target {
	enum target_kind kind;
	struct slice address;
	/* TARGET_REMOTE: the hosts to go through, "a.example/b.example", in
	 * place of the domain's MX; empty for those. */
	struct slice via;
	/* TARGET_REMOTE: an alias led here, and the sender is not ours: it is
	 * rewritten for the way out (mail/srs.h). */
	bool is_forwarded;
};

struct targets {
	const struct target *items;
	size_t count;
};

/* The same mail in the same way. */
bool target_is_same(struct target a, struct target b);
/* With its octets in arena. */
struct target target_copy(struct target target, struct arena *arena);

/* How well the connection outside was protected that took a message. */
enum tls_level {
	TLS_LEVEL_NONE,     /* not at all */
	TLS_LEVEL_TLS,      /* TLS, with whoever it was */
	TLS_LEVEL_VERIFIED, /* and with a certificate that proves who */
};

/* What a message wants of TLS on its way outside. */
enum tls_demand {
	TLS_DEMAND_USUAL,    /* what its domain publishes, and what there was */
	TLS_DEMAND_NONE,     /* rather to arrive than to be protected: RFC 8689
	                        5, RFC 8460 3 */
	TLS_DEMAND_REQUIRED, /* proven, here and from there on: REQUIRETLS, RFC
	                        8689 4.2.1 */
};

/* What became of a recipient. */
enum outcome_kind {
	OUTCOME_DELIVERED,
	OUTCOME_REFUSED,   /* a 5xx: permanent */
	OUTCOME_DEFERRED,  /* a 4xx, no connection, time-out: try again */
	OUTCOME_UNCERTAIN, /* lost after the final dot: try again, may double */
	OUTCOME_CANCELLED, /* never begun */
};

struct outcome {
	enum outcome_kind kind;
	uint16_t code;     /* the peer's reply code, 0 when it gave none */
	uint8_t status[3]; /* RFC 3463; class 0 = none */
	struct slice
		text; /* the peer's text or our reason, one or more lines */
	/* Outside: whose reply that is, a host name; empty if nobody's. */
	struct slice server;
	/* DELIVERED outside: that server tells the sender what he wants to hear
	 * (RFC 3461 5.2.1); else NOTIFY=SUCCESS asks us for "relayed". */
	bool is_dsn_taken_over;
};

/* With its octets in arena, the text cut to WIRE_TEXT_OCTETS. */
struct outcome outcome_copy(const struct outcome *o, struct arena *arena);

/* A recipient on its way into the queue. */
struct recipient {
	struct target target;
	struct slice orcpt_type; /* RFC 3461 4.2; empty if none */
	struct slice orcpt;
	struct slice original; /* as given at RCPT, before aliases */
	uint32_t notify;       /* enum dsn_notify */
	bool is_in_delivery;   /* a SETTLE will follow: do not try yet */
	struct outcome last;   /* what the session saw; code 0 if not tried */
};

struct recipients {
	const struct recipient *items;
	size_t count;
};

/* A host that takes mail for a domain. */
struct host {
	struct slice name;
	/* Its addresses as text, IPv6 and IPv4, in the order to be tried. */
	struct slices addresses;
	/* TLSA records of _25._tcp.NAME (RFC 7672), usable ones only: three
	 * octets (usage, selector, matching type) and the data. */
	struct slices tlsa;
	uint16_t preference;
	bool is_secure;     /* name and addresses were validated */
	bool has_tlsa;      /* there are validated ones, usable or not */
	bool is_tlsa_bogus; /* they could not be had securely: do not use it */
};

struct hosts {
	const struct host *items;
	size_t count;
};

/* A domain's policy of MTA-STS (mail/sts.h), as it was fetched. */
struct sts {
	struct slice id; /* empty: there is none */
	enum sts_mode mode;
	uint32_t max_age_s;
	struct slices patterns; /* at most STS_PATTERNS_MAX */
	uint64_t fetched;       /* wall-clock seconds */
	uint64_t tried;         /* the last time that was tried */
};

/* With its octets in arena. */
struct sts sts_copy(const struct sts *sts, struct arena *arena);

/* Which recipients in the queue an operator means: those that all of it fits.
 * Addresses: "user@domain", "@domain"; "<>" is the null sender. */
struct selector {
	uint64_t queue_id;  /* 0: any */
	struct slice trace; /* empty: any; so the next two */
	struct slice from;
	struct slice to; /* where it goes, or as the sender wrote it */
	uint64_t older_than_s;
	bool is_held; /* only what waits for the operator */
};

struct wire_writer {
	char *bytes; /* mem_free() it */
	size_t n;
	size_t room;
	bool failed; /* over a limit */
};

struct wire_reader {
	struct slice rest;
	struct arena *arena; /* lists are made here; bytes are views of rest */
	bool failed;
};

void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bool(struct wire_writer *w, bool v);
void wire_put_slice(struct wire_writer *w, struct slice v);
void wire_put_slices(struct wire_writer *w, struct slices v);
void wire_put_target(struct wire_writer *w, struct target v);
void wire_put_targets(struct wire_writer *w, struct targets v);
void wire_put_outcome(struct wire_writer *w, struct outcome v);
void wire_put_recipients(struct wire_writer *w, struct recipients v);
void wire_put_hosts(struct wire_writer *w, struct hosts v);
void wire_put_selector(struct wire_writer *w, struct selector v);
void wire_put_sts(struct wire_writer *w, struct sts v);

/* After a failure each gives a zero value. */
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
bool wire_get_bool(struct wire_reader *r);
struct slice wire_get_slice(struct wire_reader *r);
struct slices wire_get_slices(struct wire_reader *r);
struct target wire_get_target(struct wire_reader *r);
struct targets wire_get_targets(struct wire_reader *r);
struct outcome wire_get_outcome(struct wire_reader *r);
struct recipients wire_get_recipients(struct wire_reader *r);
struct hosts wire_get_hosts(struct wire_reader *r);
struct selector wire_get_selector(struct wire_reader *r);
struct sts wire_get_sts(struct wire_reader *r);

#endif
