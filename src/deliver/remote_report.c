#include "deliver/remote_report.h"

#include "base/mem.h"

enum {
	TLSA_HEAD_OCTETS = 3,
	TLSA_RECORDS_MAX = 12,  /* in a report, */
	TLSA_DATA_OCTETS = 256, /* and so much of each */
	STS_LINES_MAX = 20,     /* patterns of a policy */
	OBSTACLE_OCTETS = 1 << 20,
};

/* --- policies ---------------------------------------------------------------------- */

/* As in a zone file: "3 1 1 0b9f...". */
static struct slice tlsa_text(struct slice record, struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *octets = (const uint8_t *)record.p;
	struct slice data = slice_head(slice_tail(record, TLSA_HEAD_OCTETS),
				       TLSA_DATA_OCTETS);
	char *hex = arena_alloc(arena, 2 * data.n + 1);
	struct slice parts[2];

	if (record.n < TLSA_HEAD_OCTETS)
		return S("");
	for (size_t i = 0; i < data.n; i++) {
		hex[2 * i] = digits[(uint8_t)data.p[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)data.p[i] & 15];
	}
	parts[0] = arena_format(arena, "%u %u %u ", octets[0], octets[1],
				octets[2]);
	parts[1] = (struct slice){ hex, 2 * data.n };
	return arena_join(arena, parts, 2);
}

static struct slice lines_of(struct slices items, struct arena *arena)
{
	struct slice *parts =
		arena_array(arena, 2 * items.count + 1, sizeof(*parts));
	const struct slice lf = S("\n");

	for (size_t i = 0; i < items.count; i++) {
		parts[2 * i] = items.items[i];
		parts[2 * i + 1] = lf;
	}
	return arena_join(arena, parts,
			  items.count > 0 ? 2 * items.count - 1 : 0);
}

static struct slice tlsa_lines(struct slices records, struct arena *arena)
{
	struct slice lines[TLSA_RECORDS_MAX];
	size_t n = 0;

	for (; n < records.count && n < TLSA_RECORDS_MAX; n++)
		lines[n] = tlsa_text(records.items[n], arena);
	return lines_of((struct slices){ lines, n }, arena);
}

/* RFC 8461 3.2; as it was understood. */
static struct slice sts_lines(const struct sts *sts, struct arena *arena)
{
	struct slice parts[STS_LINES_MAX + 3];
	size_t n = 0, k;

	parts[n++] = arena_format(arena, "version: STSv1\nmode: %s",
				  sts_mode_word(sts->mode));
	for (k = 0; k < sts->patterns.count && k < STS_LINES_MAX; k++) {
		const struct slice line[] = { S("\nmx: "),
					      sts->patterns.items[k] };

		parts[n++] = arena_join(arena, line, 2);
	}
	parts[n++] = arena_format(arena, "\nmax_age: %ju",
				  (uintmax_t)sts->max_age_s);
	return arena_join(arena, parts, n);
}

static struct slice sts_patterns(const struct sts *sts, struct arena *arena)
{
	struct slices items = sts->patterns;

	if (items.count > STS_LINES_MAX)
		items.count = STS_LINES_MAX;
	return lines_of(items, arena);
}

static void set_sts(const struct sts *sts, struct arena *arena,
		    struct tlsrpt_fact *f)
{
	f->policy = TLSRPT_STS;
	if (sts->id.n == 0)
		return;
	f->policy_lines = sts_lines(sts, arena);
	f->mx_patterns = sts_patterns(sts, arena);
}

static void set_policy(const struct remote_route *route,
		       const struct remote_hop *hop, struct arena *arena,
		       struct tlsrpt_fact *f)
{
	if (hop->sts != STS_NONE) {
		set_sts(remote_route_sts(route), arena, f);
	} else if (hop->has_tlsa) {
		f->policy = TLSRPT_TLSA;
		f->policy_lines = tlsa_lines(hop->tlsa, arena);
	}
}

/* --- connections --------------------------------------------------------------------- */

static enum tlsrpt_result result_of_fault(enum stream_tls_fault fault)
{
	switch (fault) {
	case STREAM_TLS_OTHER_HOST:
		return TLSRPT_CERTIFICATE_HOST_MISMATCH;
	case STREAM_TLS_EXPIRED:
		return TLSRPT_CERTIFICATE_EXPIRED;
	case STREAM_TLS_UNTRUSTED:
		return TLSRPT_CERTIFICATE_NOT_TRUSTED;
	case STREAM_TLS_GOOD:
	case STREAM_TLS_FAULTY:
		break;
	}
	return TLSRPT_VALIDATION_FAILURE;
}

/* In testing all is used, and told. */
static enum tlsrpt_result result_of_testing(const struct remote_seen *seen,
					    struct tlsrpt_fact *f)
{
	if (seen->hop->is_unnamed) {
		f->reason = S("the policy does not name the host");
		return TLSRPT_VALIDATION_FAILURE;
	}
	if (seen->peer.is_verified_pkix)
		return TLSRPT_SUCCESS;
	f->reason = slice_of(seen->peer.problem);
	return result_of_fault(seen->peer.fault);
}

/* It is ready for mail. */
static enum tlsrpt_result result_of_success(const struct remote_seen *seen,
					    struct tlsrpt_fact *f)
{
	const struct remote_hop *hop = seen->hop;

	if (!seen->is_tls)
		return TLSRPT_STARTTLS_NOT_SUPPORTED;
	if (hop->sts == STS_TESTING)
		return result_of_testing(seen, f);
	if (hop->sts == STS_NONE && hop->has_tlsa && hop->tlsa.count == 0) {
		f->reason = S("no TLSA record is of a kind that can be used");
		return TLSRPT_TLSA_INVALID;
	}
	return TLSRPT_SUCCESS;
}

static bool find_result(const struct remote_seen *seen, struct tlsrpt_fact *f)
{
	switch (seen->end) {
	case SMTP_END_QUIT:
		f->result = result_of_success(seen, f);
		return true;
	case SMTP_END_TLS_MISSING:
		f->result = TLSRPT_STARTTLS_NOT_SUPPORTED;
		return true;
	case SMTP_END_TLS_FAILED:
		f->result = TLSRPT_VALIDATION_FAILURE;
		return true;
	case SMTP_END_TLS_UNVERIFIED:
		f->result = result_of_fault(seen->peer.fault);
		return true;
	case SMTP_END_NO_CONNECTION:
	case SMTP_END_UNWILLING:
	case SMTP_END_TOLD:
	case SMTP_END_LOST:
	case SMTP_END_TIMEOUT:
	case SMTP_END_NONSENSE:
	case SMTP_END_CONTENT:
	case SMTP_END_LOGIN:
		break;
	}
	return false;
}

bool remote_report(const struct remote_route *route,
		   const struct remote_seen *seen, struct arena *arena,
		   struct tlsrpt_fact *ret_fact)
{
	struct tlsrpt_fact f = {
		.mx = seen->hop->host,
		.address = seen->hop->address,
		.own_address = seen->own_address,
		.reason = seen->reason,
	};

	if (!find_result(seen, &f))
		return false;
	set_policy(route, seen->hop, arena, &f);
	*ret_fact = f;
	return true;
}

/* --- routes -------------------------------------------------------------------------- */

static void tell_bogus(const struct msg_route *m, remote_report_each *each,
		       void *arg)
{
	for (size_t i = 0; i < m->hosts.count; i++) {
		const struct host *host = &m->hosts.items[i];
		const struct tlsrpt_fact bogus = {
			.policy = TLSRPT_TLSA,
			.result = TLSRPT_DNSSEC_INVALID,
			.mx = host->name,
			.reason = S("the TLSA records cannot be validated"),
		};

		if (host->is_tlsa_bogus)
			each(&bogus, arg);
	}
}

void remote_report_obstacles(const struct msg_route *m,
			     const struct remote_route *route,
			     remote_report_each *each, void *arg)
{
	AUTO(arena_free) struct arena *arena = arena_new(OBSTACLE_OCTETS);
	const struct sts *sts = remote_route_sts(route);
	struct slices unnamed = remote_route_unnamed(route);
	struct tlsrpt_fact f = { .result = remote_route_sts_failure(route),
				 .reason = remote_route_sts_problem(route) };

	tell_bogus(m, each, arg);
	set_sts(sts, arena, &f);
	if (f.result != TLSRPT_SUCCESS)
		each(&f, arg);
	if (sts->mode != STS_ENFORCE)
		return; /* they are asked all the same */
	f.result = TLSRPT_VALIDATION_FAILURE;
	f.reason = S("the policy does not name the host");
	for (size_t i = 0; i < unnamed.count; i++) {
		f.mx = unnamed.items[i];
		each(&f, arg);
	}
}
