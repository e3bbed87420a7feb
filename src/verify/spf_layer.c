#include "verify/spf_layer-private.h"

#include "base/mem.h"
#include "dns/record.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum {
	ADDRESSES_MAX = 100,
	SCRATCH_OCTETS = 1 << 20,
};

/* --- what is decided here ---------------------------------------------------------- */

void layer_decide(struct spf_layer *l, enum authres_result result,
		  struct slice problem)
{
	if (l->has_verdict)
		return;
	l->has_verdict = true;
	l->verdict = result;
	l->problem = problem;
}

bool spf_layer_verdict(const struct spf_layer *l,
		       enum authres_result *ret_result,
		       struct slice *ret_problem)
{
	*ret_problem = l->problem;
	if (l->has_verdict)
		*ret_result = l->verdict;
	return l->has_verdict;
}

static bool counts_as_term(const struct target *t)
{
	return t->kind != TARGET_HOST;
}

/* False: that was one too many. */
static bool count_term(struct spf_layer *l, const struct target *t)
{
	if (t == l->targets || !counts_as_term(t))
		return true;
	if (++l->terms <= TERMS_MAX)
		return true;
	layer_decide(l, AUTHRES_PERMERROR,
		     S("more than 10 terms ask DNS (RFC 7208 4.6.4)"));
	return false;
}

/* A term for which DNS has nothing. */
static bool count_void(struct spf_layer *l, enum dns_result result)
{
	if (result != DNS_NO_NAME && result != DNS_NO_DATA)
		return true;
	if (++l->voids <= VOIDS_MAX)
		return true;
	layer_decide(l, AUTHRES_PERMERROR,
		     S("more than 2 terms lead to nothing (RFC 7208 4.6.4)"));
	return false;
}

/* --- questions ------------------------------------------------------------------------ */

void layer_ask(struct spf_layer *l, struct slice name, enum dns_type type,
	       struct dns_answer *ret_answer)
{
	*ret_answer = (struct dns_answer){ .result = DNS_NO_NAME };
	arena_clear(l->scratch);
	if (name.n > 0)
		l->world.ask(name, type, l->scratch, ret_answer, l->world.arg);
}

static void decide_unknown(struct spf_layer *l, struct slice name,
			   struct slice problem)
{
	const struct slice parts[] = { SLICE("DNS, of "), name, SLICE(": "),
				       problem };

	layer_decide(l, AUTHRES_TEMPERROR, arena_join(l->arena, parts, 4));
}

bool layer_must_ask(struct spf_layer *l, struct slice name, enum dns_type type,
		    struct dns_answer *ret_answer)
{
	layer_ask(l, name, type, ret_answer);
	if (ret_answer->result != DNS_FAILED && ret_answer->result != DNS_BOGUS)
		return true;
	decide_unknown(l, name, ret_answer->problem);
	return false;
}

/* --- answers to the library ---------------------------------------------------------------- */

static SPF_dns_rr_t *empty(struct spf_layer *l, const char *domain,
			   ns_type type, int result)
{
	SPF_dns_rr_t *rr =
		SPF_dns_rr_new_init(&l->server, domain, type, 0, result);

	if (rr == NULL)
		abort(); /* as mem_new() */
	return rr;
}

static SPF_dns_rr_data_t *add(SPF_dns_rr_t *rr, size_t octets)
{
	if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, octets) != SPF_E_SUCCESS)
		abort();
	rr->herrno = NETDB_SUCCESS;
	return rr->rr[rr->num_rr++];
}

static void add_text(SPF_dns_rr_t *rr, const char *text)
{
	size_t octets = strlen(text) + 1;

	memcpy(add(rr, octets)->txt, text, octets);
}

static bool add_address(const struct spf_layer *l, SPF_dns_rr_t *rr,
			struct slice rdata)
{
	bool is_ipv4 = l->facts.family == AF_INET;

	if (rdata.n !=
	    (is_ipv4 ? sizeof(struct in_addr) : sizeof(struct in6_addr)))
		return false;
	memcpy(add(rr, 0), rdata.p, rdata.n);
	return true;
}

static void add_client(const struct spf_layer *l, SPF_dns_rr_t *rr)
{
	if (l->facts.family == AF_INET)
		add(rr, 0)->a = l->facts.ipv4;
	else
		add(rr, 0)->aaaa = l->facts.ipv6;
}

static void add_addresses(const struct spf_layer *l, const struct target *t,
			  const struct dns_answer *answer, SPF_dns_rr_t *rr)
{
	if (t->is_any && answer->count > 0) {
		add_client(l, rr);
		return;
	}
	for (size_t i = 0; i < answer->count && i < ADDRESSES_MAX; i++)
		(void)add_address(l, rr, answer->records[i]);
}

/* For the library any address will do. */
static void set_exists(SPF_dns_rr_t *rr, bool is_there)
{
	if (is_there)
		add(rr, 0)->a.s_addr = htonl(INADDR_LOOPBACK);
}

static bool look_up_hosts(struct spf_layer *l, const struct target *t,
			  SPF_dns_rr_t *rr)
{
	struct dns_answer answer;
	size_t known = 0;

	if (!layer_must_ask(l, t->name, DNS_MX, &answer) ||
	    !count_void(l, answer.result))
		return false;
	for (size_t i = 0; i < answer.count; i++) {
		uint16_t preference;
		struct slice name;

		if (!record_mx(answer.records[i], l->arena, &preference, &name))
			continue;
		if (++known > HOSTS_MAX) {
			layer_decide(l, AUTHRES_PERMERROR,
				     S("more than 10 MX (RFC 7208 4.6.4)"));
			return false;
		}
		assert(l->target_count < TARGETS_MAX);
		add_text(rr, arena_format(l->arena, "t%u", l->target_count).p);
		l->targets[l->target_count++] = (struct target){
			.kind = TARGET_HOST, .name = name, .is_any = t->is_any
		};
	}
	return true;
}

/* RFC 7208 5.7: always A, whatever the client's address is. */
static bool look_up_exists(struct spf_layer *l, const struct target *t,
			   SPF_dns_rr_t *rr)
{
	struct dns_answer answer;

	if (!layer_must_ask(l, t->name, DNS_A, &answer) ||
	    !count_void(l, answer.result))
		return false;
	set_exists(rr, answer.result == DNS_DATA);
	return true;
}

static bool look_up_addresses(struct spf_layer *l, const struct target *t,
			      SPF_dns_rr_t *rr)
{
	struct dns_answer answer;

	if (!layer_must_ask(l, t->name, layer_address_type(l), &answer) ||
	    (t->kind == TARGET_A && !count_void(l, answer.result)))
		return false;
	add_addresses(l, t, &answer, rr);
	return true;
}

static bool look_up_record(struct spf_layer *l, const struct target *t,
			   SPF_dns_rr_t *rr)
{
	const char *text;

	if (!layer_find_record(l, t, &text))
		return false;
	if (text != NULL)
		add_text(rr, text);
	return true;
}

/* False: what follows was decided, and the library is to end. */
static bool look_up(struct spf_layer *l, const struct target *t,
		    SPF_dns_rr_t *rr)
{
	if (l->has_verdict || !count_term(l, t))
		return false;
	switch (t->kind) {
	case TARGET_RECORD:
		return look_up_record(l, t, rr);
	case TARGET_MX:
		return look_up_hosts(l, t, rr);
	case TARGET_A:
	case TARGET_HOST:
		return look_up_addresses(l, t, rr);
	case TARGET_EXISTS:
		return look_up_exists(l, t, rr);
	case TARGET_PTR:
		layer_validate(l);
		set_exists(rr,
			   t->name.n > 0 && layer_has_validated(l, t->name));
		return count_void(l, l->reverse_result);
	}
	return false;
}

/* The library's name for it: "t7". */
static const struct target *find_target(const struct spf_layer *l,
					const char *domain)
{
	uint64_t number;

	if (domain[0] != 't' ||
	    !slice_to_u64(slice_of(domain + 1), TARGETS_MAX, &number) ||
	    number >= l->target_count)
		return NULL;
	return &l->targets[number];
}

static bool is_type_of(const struct target *t, ns_type type)
{
	if (t->kind == TARGET_RECORD)
		return type == ns_t_txt;
	if (t->kind == TARGET_MX)
		return type == ns_t_mx;
	return type == ns_t_a || type == ns_t_aaaa;
}

/* cppcheck-suppress constParameter ; the library's type */
static SPF_dns_rr_t *on_lookup(SPF_dns_server_t *server, const char *domain,
			       ns_type type, int should_cache)
{
	struct spf_layer *l = server->hook;
	SPF_dns_rr_t *rr = empty(l, domain, type, HOST_NOT_FOUND);
	const struct target *t = find_target(l, domain);

	(void)should_cache;
	/* It asks for records of the type SPF first: RFC 7208 3.1 */
	if (t != NULL && is_type_of(t, type) && !look_up(l, t, rr)) {
		SPF_dns_rr_free(rr);
		return empty(l, domain, type, TRY_AGAIN);
	}
	return rr;
}

/* --- life ------------------------------------------------------------------------------------ */

struct spf_layer *spf_layer_new(const struct spf_world *world,
				const struct spf_facts *facts,
				struct arena *arena)
{
	struct spf_layer *l = arena_alloc(arena, sizeof(*l));

	l->world = *world;
	l->facts = *facts;
	l->arena = arena;
	l->scratch = arena_new(SCRATCH_OCTETS);
	l->server.lookup = on_lookup;
	l->server.name = "culver";
	l->server.hook = l;
	l->targets[l->target_count++] = (struct target){ .kind = TARGET_RECORD,
							 .name = facts->domain,
							 .is_main = true };
	return l;
}

void spf_layer_free(struct spf_layer **layer)
{
	if (*layer != NULL)
		arena_free(&(*layer)->scratch);
	*layer = NULL;
}

SPF_dns_server_t *spf_layer_server(struct spf_layer *l)
{
	return &l->server;
}
