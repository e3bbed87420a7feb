/*
 * A hostile record says only where a report may go; hostile names in a report
 * stay values of it: it is JSON, with all that was counted, and mail of short
 * lines.
 */
#include "mail/tlsrpt_mail.h"
#include "mail/tlsrpt_record.h"

#include <assert.h>
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_OCTETS = 998 };

static void check_record(struct slice in, struct arena *a)
{
	struct tlsrpt_record r;
	struct tlsrpt_https https;

	if (tlsrpt_https_parse(in, a, &https))
		assert(https.host.n > 0 && https.port > 0 &&
		       https.path.p[0] == '/');
	if (!tlsrpt_record_parse(in, a, &r))
		return;
	assert(tlsrpt_record_is_one(in));
	assert(r.count > 0 && r.count <= TLSRPT_URIS_MAX);
	for (size_t i = 0; i < r.count; i++)
		assert(r.uris[i].to.n > 0 && !slice_has_control(r.uris[i].to));
}

/* Fields are separated by "|". */
static struct tlsrpt_fact fact_of(struct slice in)
{
	struct tlsrpt_fact f = { .result = TLSRPT_VALIDATION_FAILURE };

	(void)slice_cut(in, '|', &f.mx, &in);
	(void)slice_cut(in, '|', &f.reason, &in);
	(void)slice_cut(in, '|', &f.address, &in);
	(void)slice_cut(in, '|', &f.policy_lines, &f.mx_patterns);
	return f;
}

static void check_fact(const struct tlsrpt_fact *f, struct arena *a)
{
	struct slice text = tlsrpt_fact_write(f, a);
	struct tlsrpt_fact back;

	assert(text.n <= TLSRPT_FACT_OCTETS);
	assert(tlsrpt_fact_read(text, &back));
	assert(slice_equal(tlsrpt_fact_write(&back, a), text));
}

static void check_json(struct slice text)
{
	json_t *json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *policy =
		json_array_get(json_object_get(json, "policies"), 0);
	const json_t *failure =
		json_array_get(json_object_get(policy, "failure-details"), 0);

	assert(json_integer_value(
		       json_object_get(failure, "failed-session-count")) == 7);
	json_decref(json);
}

static void check_mail(struct slice text)
{
	struct slice line;

	assert(!slice_has_high(text));
	while (slice_cut(text, '\n', &line, &text))
		assert(line.n <= LINE_OCTETS && line.n > 0 &&
		       line.p[line.n - 1] == '\r');
}

static void check_report(struct slice in, struct arena *a)
{
	const struct tlsrpt_count count = { fact_of(in), 7 };
	const struct tlsrpt_report report = {
		.organization = slice_head(in, 100),
		.contact = S("c@ours.example"),
		.submitter = S("ours.example"),
		.domain = slice_head(in, TLSRPT_NAME_OCTETS),
		.id = S("1@ours.example"),
		.counts = &count,
		.count = 1,
	};
	const struct tlsrpt_mail mail = {
		.report = &report,
		.gzip = tlsrpt_gzip(tlsrpt_json(&report, a), a),
		.from = S("c@ours.example"),
		.to = S("r@a.example"),
		.message_id = S("1@ours.example"),
	};

	check_json(tlsrpt_json(&report, a));
	assert(mail.gzip.n > 0);
	check_mail(tlsrpt_mail_format(&mail, a));
	check_fact(&count.fact, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *a = arena_new(4 << 20);
	struct tlsrpt_fact f;

	if (size <= 2 * TLSRPT_RECORD_OCTETS) {
		check_record(in, a);
		check_report(in, a);
		if (tlsrpt_fact_read(in, &f))
			check_fact(&f, a);
	}
	arena_free(&a);
	return 0;
}
