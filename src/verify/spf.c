#include "verify/spf.h"

#include "base/clock.h"
#include "base/mem.h"
#include "smtp/address.h"
#include "smtp/name.h"
#include "verify/spf_layer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <spf2/spf.h>

/* --- what is asked --------------------------------------------------------------- */

static bool read_client(struct slice text, struct spf_facts *facts)
{
	char address[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(address))
		return false;
	memcpy(address, text.p, text.n);
	address[text.n] = '\0';
	facts->family = AF_INET;
	if (inet_pton(AF_INET, address, &facts->ipv4) == 1)
		return true;
	facts->family = AF_INET6;
	if (inet_pton(AF_INET6, address, &facts->ipv6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&facts->ipv6)) {
		facts->family = AF_INET;
		memcpy(&facts->ipv4, facts->ipv6.s6_addr + 12,
		       sizeof(facts->ipv4));
	}
	return true;
}

/* RFC 7208 4.3: a name with dots in it, no address. */
static bool read_domain(struct slice domain, struct arena *arena,
			struct slice *ret_domain)
{
	return !name_is_literal(domain) &&
	       name_domain(domain, arena, ret_domain) == 0 &&
	       slice_find(*ret_domain, '.') < ret_domain->n;
}

/* RFC 7208 2.3, 2.4 */
static bool read_sender(const struct spf_question *q, struct arena *arena,
			struct spf_facts *facts, struct spf_answer *answer)
{
	struct address address;

	answer->is_helo = q->reverse_path.n == 0;
	facts->local = S("postmaster");
	answer->domain = q->helo;
	if (!answer->is_helo) {
		if (address_parse(q->reverse_path, arena, &address) != 0)
			return false;
		facts->local = address.local;
		answer->domain = address.domain;
	}
	if (!read_domain(answer->domain, arena, &facts->domain))
		return false;
	answer->domain = facts->domain;
	facts->sender_domain = facts->domain;
	return slice_head(facts->local, SPF_VALUE_OCTETS).n == facts->local.n;
}

/* --- the library ---------------------------------------------------------------------- */

static enum authres_result result_of(SPF_result_t result)
{
	switch (result) {
	case SPF_RESULT_NEUTRAL:
		return AUTHRES_NEUTRAL;
	case SPF_RESULT_PASS:
		return AUTHRES_PASS;
	case SPF_RESULT_FAIL:
		return AUTHRES_FAIL;
	case SPF_RESULT_SOFTFAIL:
		return AUTHRES_SOFTFAIL;
	case SPF_RESULT_NONE:
		return AUTHRES_NONE;
	case SPF_RESULT_TEMPERROR:
		return AUTHRES_TEMPERROR;
	case SPF_RESULT_PERMERROR:
	case SPF_RESULT_INVALID:
		break;
	}
	return AUTHRES_PERMERROR;
}

/* What it would say of its own accord is never used. */
static void forget_default_explanation(SPF_server_t *server)
{
	SPF_response_t *said = NULL;

	(void)SPF_server_set_explanation(server, "", &said);
	if (said != NULL)
		SPF_response_free(said);
}

/* SPF_request_query_mailfrom() in parts: the whole lets 127.0.0.1 do anything. */
static SPF_result_t query(SPF_server_t *server, SPF_request_t *request,
			  SPF_response_t *response)
{
	SPF_record_t *record = NULL;
	SPF_errcode_t error;

	request->cur_dom = request->env_from_dp;
	error = SPF_server_get_record(server, request, response, &record);
	if (error == SPF_E_SUCCESS) {
		response->spf_record_exp = record;
		(void)SPF_record_interpret(record, request, response, 0);
	}
	if (record != NULL)
		SPF_record_free(record);
	return SPF_response_result(response);
}

static void set_facts(SPF_request_t *request, const struct spf_facts *facts)
{
	if (facts->family == AF_INET)
		(void)SPF_request_set_ipv4(request, facts->ipv4);
	else
		(void)SPF_request_set_ipv6(request, facts->ipv6);
	if (SPF_request_set_helo_dom(request, SPF_LAYER_FIRST) !=
		    SPF_E_SUCCESS ||
	    SPF_request_set_env_from(request, "s@" SPF_LAYER_FIRST) != 0)
		abort(); /* as mem_new() */
}

static enum authres_result walk(struct spf_layer *layer,
				const struct spf_facts *facts)
{
	SPF_server_t *server = SPF_server_new_dns(spf_layer_server(layer), 0);
	SPF_request_t *request;
	SPF_response_t *response;
	SPF_result_t result;

	if (server == NULL)
		abort();
	forget_default_explanation(server);
	request = SPF_request_new(server);
	response = request != NULL ? SPF_response_new(request) : NULL;
	if (response == NULL)
		abort();
	set_facts(request, facts);
	result = query(server, request, response);
	SPF_response_free(response);
	SPF_request_free(request);
	SPF_server_free(server);
	return result_of(result);
}

void spf_check(const struct spf_world *world, const struct spf_question *q,
	       struct arena *arena, struct spf_answer *ret_answer)
{
	struct spf_facts facts = {
		.helo = slice_head(q->helo, SPF_VALUE_OCTETS),
		.hostname = slice_head(world->hostname, SPF_VALUE_OCTETS),
		.validated = S("unknown"),
		.now_s = clock_wall_s()
	};
	AUTO(spf_layer_free) struct spf_layer *layer = NULL;
	enum authres_result decided;

	*ret_answer = (struct spf_answer){ .result = AUTHRES_NONE };
	if (!read_sender(q, arena, &facts, ret_answer) ||
	    !read_client(q->client_address, &facts))
		return;
	layer = spf_layer_new(world, &facts, arena);
	ret_answer->result = walk(layer, &facts);
	if (spf_layer_verdict(layer, &decided, &ret_answer->problem))
		ret_answer->result = decided;
	if (ret_answer->result == AUTHRES_PERMERROR &&
	    ret_answer->problem.n == 0)
		ret_answer->problem =
			S("an include or redirect leads to no record");
	if (ret_answer->result == AUTHRES_FAIL)
		ret_answer->explanation = spf_layer_explain(layer);
}
