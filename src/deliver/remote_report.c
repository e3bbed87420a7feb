#include "deliver/remote_report.h"

enum {
	TLSA_HEAD_OCTETS = 3,
	TLSA_RECORDS_MAX = 12,  /* in a report, */
	TLSA_DATA_OCTETS = 256, /* and so much of each */
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
	size_t n = 0;

	for (size_t i = 0; i < items.count; i++) {
		if (i > 0)
			parts[n++] = S("\n");
		parts[n++] = items.items[i];
	}
	return arena_join(arena, parts, n);
}

static struct slice tlsa_lines(struct slices records, struct arena *arena)
{
	struct slice lines[TLSA_RECORDS_MAX];
	size_t n = 0;

	for (; n < records.count && n < TLSA_RECORDS_MAX; n++)
		lines[n] = tlsa_text(records.items[n], arena);
	return lines_of((struct slices){ lines, n }, arena);
}

static void set_policy(const struct remote_hop *hop, struct arena *arena,
		       struct tlsrpt_fact *f)
{
	if (!hop->has_tlsa)
		return;
	f->policy = TLSRPT_TLSA;
	f->policy_lines = tlsa_lines(hop->tlsa, arena);
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

/* It is ready for mail. */
static enum tlsrpt_result result_of_success(const struct remote_seen *seen,
					    struct tlsrpt_fact *f)
{
	if (!seen->is_tls)
		return TLSRPT_STARTTLS_NOT_SUPPORTED;
	if (seen->hop->has_tlsa && seen->hop->tlsa.count == 0) {
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

	(void)route;
	if (!find_result(seen, &f))
		return false;
	set_policy(seen->hop, arena, &f);
	*ret_fact = f;
	return true;
}

/* --- routes -------------------------------------------------------------------------- */

void remote_report_obstacles(const struct msg_route *m,
			     remote_report_each *each, void *arg)
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
