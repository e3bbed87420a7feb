#include "verify/spf_layer-private.h"

#include "base/mem.h"
#include "dns/record.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum {
	ADDRESSES_MAX = 100,
	EXPLANATION_OCTETS = 400,
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

/* False, and temperror: there is no answer. */
static bool must_ask(struct spf_layer *l, struct slice name, enum dns_type type,
		     struct dns_answer *ret_answer)
{
	layer_ask(l, name, type, ret_answer);
	if (ret_answer->result != DNS_FAILED && ret_answer->result != DNS_BOGUS)
		return true;
	decide_unknown(l, name, ret_answer->problem);
	return false;
}

/* --- records --------------------------------------------------------------------------- */

/* Returns how many there are; *ret_text is one of them, in scratch. */
static size_t find_records(struct spf_layer *l, const struct dns_answer *answer,
			   struct slice *ret_text)
{
	size_t count = 0;

	for (size_t i = 0; i < answer->count; i++) {
		struct slice text;

		if (record_txt(answer->records[i], answer->records[i].n,
			       l->scratch, &text) &&
		    spf_record_is(text)) {
			*ret_text = text;
			count++;
		}
	}
	return count;
}

static void decide_wrong(struct spf_layer *l, struct slice domain,
			 const char *problem, struct slice term)
{
	const struct slice parts[] = { SLICE("the record of "),
				       domain,
				       SLICE(": "),
				       slice_of(problem),
				       term.n > 0 ? S(": ") : S(""),
				       term };

	layer_decide(l, AUTHRES_PERMERROR, arena_join(l->arena, parts, 6));
}

/* Returns NULL where the record is none to go on with; that was decided. */
static const char *read_record(struct spf_layer *l, const struct target *t,
			       struct slice text)
{
	struct slice wrong = S("");
	struct spf_record record;
	const char *problem = NULL;

	if (text.n > RECORD_OCTETS)
		problem = "over 1024 octets";
	else if (slice_has_high(text) || slice_has_control(text))
		problem = "not visible ASCII (RFC 7208 4.5)";
	if (problem == NULL) {
		text = arena_copy(l->arena, text);
		problem = spf_record_parse(text, l->arena, &record, &wrong);
	}
	if (problem != NULL) {
		decide_wrong(l, t->name, problem, wrong);
		return NULL;
	}
	if (t->is_main) {
		l->explanation = record.explanation;
		l->explanation_domain = t->name;
	}
	return layer_write(l, &record, t);
}

/* *ret_text: NULL when there is none, or when that is decided. Returns false
 * for the latter. */
static bool find_record(struct spf_layer *l, const struct target *t,
			const char **ret_text)
{
	struct dns_answer answer;
	struct slice text = S("");

	*ret_text = NULL;
	if (!must_ask(l, t->name, DNS_TXT, &answer))
		return false;
	switch (find_records(l, &answer, &text)) {
	case 0:
		return true;
	case 1:
		*ret_text = read_record(l, t, text);
		return *ret_text != NULL;
	default:
		decide_wrong(l, t->name, "there are several", S(""));
		return false;
	}
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

	if (!must_ask(l, t->name, DNS_MX, &answer) ||
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

	if (!must_ask(l, t->name, DNS_A, &answer) ||
	    !count_void(l, answer.result))
		return false;
	set_exists(rr, answer.result == DNS_DATA);
	return true;
}

static bool look_up_addresses(struct spf_layer *l, const struct target *t,
			      SPF_dns_rr_t *rr)
{
	struct dns_answer answer;

	if (!must_ask(l, t->name, layer_address_type(l), &answer) ||
	    (t->kind == TARGET_A && !count_void(l, answer.result)))
		return false;
	add_addresses(l, t, &answer, rr);
	return true;
}

static bool look_up_record(struct spf_layer *l, const struct target *t,
			   SPF_dns_rr_t *rr)
{
	const char *text;

	if (!find_record(l, t, &text))
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

/* --- the explanation -------------------------------------------------------------------------- */

static struct slice printable(struct spf_layer *l, struct slice text)
{
	char *out = arena_alloc(l->arena, EXPLANATION_OCTETS);
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < EXPLANATION_OCTETS; i++)
		out[n++] =
			(char)(text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i]
								    : '?');
	return (struct slice){ .p = out, .n = n };
}

struct slice spf_layer_explain(struct spf_layer *l)
{
	struct spf_facts facts = l->facts;
	struct dns_answer answer;
	struct slice name, text;

	if (l->explanation.n == 0)
		return S("");
	name = layer_expand(l, l->explanation, l->explanation_domain);
	layer_ask(l, name, DNS_TXT, &answer);
	if (answer.count != 1 ||
	    !record_txt(answer.records[0], SPF_MACRO_OCTETS, l->arena, &text) ||
	    !spf_macro_is_explanation(text))
		return S("");
	facts.domain = l->explanation_domain;
	if (spf_macro_uses(text, "p"))
		facts.validated = layer_validated(l, facts.domain);
	return printable(l, spf_macro_expand(text, &facts, l->arena));
}
