/* Shared by spf_layer*.c. */
#ifndef VERIFY_SPF_LAYER_PRIVATE_H
#define VERIFY_SPF_LAYER_PRIVATE_H

#include "verify/spf_layer.h"
#include "verify/spf_record.h"

enum {
	TERMS_MAX = 10, /* that ask DNS: RFC 7208 4.6.4 */
	VOIDS_MAX = 2,
	HOSTS_MAX = 10,        /* of an MX, or of a PTR */
	RECORD_OCTETS = 1024,  /* a longer one is not looked at */
	NAME_OCTETS_MAX = 253, /* 7.3 */
	TARGETS_MAX = 512,     /* tripwire: 12 a record, 10 an MX */
};

/* What a name of ours stands for. */
enum target_kind {
	TARGET_RECORD, /* of the domain, an include, a redirect */
	TARGET_A,
	TARGET_MX,
	TARGET_HOST, /* of an MX */
	TARGET_EXISTS,
	TARGET_PTR,
};

struct target {
	enum target_kind kind;
	struct slice name; /* empty: it cannot be one */
	bool is_any;       /* of A, MX and HOST: "/0", any address matches */
	bool is_main;      /* of RECORD: no include led to it */
};

struct spf_layer {
	SPF_dns_server_t server;
	struct spf_world world;
	struct spf_facts facts;
	struct arena *arena;
	struct arena *scratch; /* of the answer at hand */
	struct target targets[TARGETS_MAX];
	unsigned target_count;
	unsigned terms, voids;
	bool has_verdict;
	enum authres_result verdict;
	struct slice problem;
	/* of the last record that is_main */
	struct slice explanation, explanation_domain;
	bool is_validated; /* what follows is known */
	enum dns_result reverse_result;
	struct slice validated[HOSTS_MAX];
	size_t validated_count;
};

/* spf_layer_write.c: the record for the library, in arena. */
const char *layer_write(struct spf_layer *l, const struct spf_record *record,
			const struct target *from);
/* Expanded in the domain's name, no longer than it may be, or empty. */
struct slice layer_expand(struct spf_layer *l, struct slice spec,
			  struct slice domain);

/* spf_layer.c. The result ends the check; problem is in arena or a literal. */
void layer_decide(struct spf_layer *l, enum authres_result result,
		  struct slice problem);
/* Asks, into scratch. Without a name: DNS_NO_NAME, at once. */
void layer_ask(struct spf_layer *l, struct slice name, enum dns_type type,
	       struct dns_answer *ret_answer);
/* The same where there must be an answer. False: there is none, and that is
 * decided: temperror. */
bool layer_must_ask(struct spf_layer *l, struct slice name, enum dns_type type,
		    struct dns_answer *ret_answer);

/* spf_layer_record.c: the record of a target, written anew. *ret_text is NULL
 * when there is none, or when that is decided: then false is returned. */
bool layer_find_record(struct spf_layer *l, const struct target *t,
		       const char **ret_text);

/* spf_layer_ptr.c: names of the client that lead back to it (5.5), once. */
void layer_validate(struct spf_layer *l);
/* Whether one of them is the domain's, or below it. */
bool layer_has_validated(const struct spf_layer *l, struct slice domain);
/* What stands for %{p}. */
struct slice layer_validated(struct spf_layer *l, struct slice domain);
/* Whether one of the addresses is the client's. */
bool layer_is_client(const struct spf_layer *l,
		     const struct dns_answer *answer);
enum dns_type layer_address_type(const struct spf_layer *l);

#endif
