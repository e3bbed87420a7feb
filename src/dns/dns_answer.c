/* dns_read() of dns-private.h. */
#include "dns/dns-private.h"

static struct slice canonical_of(const struct ub_result *r)
{
	struct slice name = slice_of(r->canonname), asked = slice_of(r->qname);

	if (slice_equal_nocase(slice_head(name, name.n - (name.n > 0)), asked))
		return S("");
	return name;
}

static void take_records(const struct ub_result *r, struct arena *arena,
			 struct dns_answer *answer)
{
	struct slice *records =
		arena_array(arena, DNS_RECORDS_MAX, sizeof(*records));

	while (answer->count < DNS_RECORDS_MAX &&
	       r->data[answer->count] != NULL) {
		size_t i = answer->count++;

		records[i].p = r->data[i];
		records[i].n = r->len[i] > 0 ? (size_t)r->len[i] : 0;
	}
	answer->records = records;
}

static struct slice rcode_problem(int rcode, struct arena *arena)
{
	static const char *const names[] = {
		"no answer", "FORMERR", "SERVFAIL",
		"NXDOMAIN",  "NOTIMP",  "REFUSED"
	};

	if (rcode >= 0 && (size_t)rcode < sizeof(names) / sizeof(names[0]))
		return slice_of(names[rcode]);
	return arena_format(arena, "response code %d", rcode);
}

void dns_read(const struct ub_result *r, struct arena *arena,
	      struct dns_answer *answer)
{
	answer->is_secure = r->secure != 0;
	answer->canonical = canonical_of(r);
	if (r->bogus) {
		answer->result = DNS_BOGUS;
		answer->is_secure = false;
		answer->problem = slice_of(r->why_bogus);
	} else if (r->havedata) {
		answer->result = DNS_DATA;
		take_records(r, arena, answer);
	} else if (r->nxdomain) {
		answer->result = DNS_NO_NAME;
	} else if (r->rcode == 0) {
		answer->result = DNS_NO_DATA;
	} else {
		answer->result = DNS_FAILED;
		answer->is_secure = false;
		answer->problem = rcode_problem(r->rcode, arena);
	}
}
