/*
 * A hostile DNS for SPF: whatever it answers, the check ends after a bounded
 * number of questions, with a result and words that can be shown.
 *
 * Input: the client's address, HELO and the sender, a line each; then a line
 * for each question, in the order in which they come, from the beginning again
 * when there are no more. A line is "!", DNS in trouble; "-", no such name; or
 * records with a "|" between them: T and text, N and a name (of PTR, or of MX
 * where that is asked), or the octets of RDATA themselves.
 */
#include "base/mem.h"
#include "verify/spf.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	/* the record, ten terms of which each may be an MX with ten hosts, the
	 * client's names, the explanation */
	QUESTIONS_MAX = 1 + 11 + 10 * 10 + 11 + 1,
	RECORDS_MAX = 100,
	RDATA_OCTETS = 65535,
};

struct input {
	struct slice answers, rest;
	unsigned asked;
};

static struct slice text_rdata(struct slice text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.n + text.n / 255 + 1), *p = out;

	do {
		struct slice s = slice_head(text, 255);

		*p++ = (char)s.n;
		if (s.n > 0)
			memcpy(p, s.p, s.n);
		p += s.n;
		text = slice_tail(text, s.n);
	} while (text.n > 0);
	return (struct slice){ out, (size_t)(p - out) };
}

static struct slice name_rdata(struct slice name, size_t skip,
			       struct arena *arena)
{
	char *out = arena_alloc(arena, name.n + skip + 2), *p = out + skip;
	struct slice label;

	while (name.n > 0) {
		(void)slice_cut(name, '.', &label, &name);
		*p++ = (char)label.n;
		if (label.n > 0)
			memcpy(p, label.p, label.n);
		p += label.n;
	}
	*p++ = 0;
	return (struct slice){ out, (size_t)(p - out) };
}

static struct slice rdata_of(struct slice record, enum dns_type type,
			     struct arena *arena)
{
	struct slice value = slice_tail(record, 1);

	if (record.n > 0 && record.p[0] == 'T')
		return text_rdata(value, arena);
	if (record.n > 0 && record.p[0] == 'N')
		return name_rdata(value, type == DNS_MX ? 2 : 0, arena);
	return record;
}

static void ask(struct slice name, enum dns_type type, struct arena *arena,
		struct dns_answer *ret_answer, void *arg)
{
	struct input *in = arg;
	struct slice *records =
		arena_array(arena, RECORDS_MAX, sizeof(*records));
	struct slice line, record;

	assert(name.n > 0 && name.n <= 253 && slice_find(name, '\0') == name.n);
	in->asked++;
	if (in->rest.n == 0)
		in->rest = in->answers;
	(void)slice_cut(in->rest, '\n', &line, &in->rest);
	line = slice_head(line, RDATA_OCTETS);
	*ret_answer = (struct dns_answer){ .result = DNS_NO_DATA,
					   .records = records };
	if (slice_equal(line, S("!"))) {
		ret_answer->result = DNS_FAILED;
		ret_answer->problem = S("problem");
	} else if (slice_equal(line, S("-"))) {
		ret_answer->result = DNS_NO_NAME;
	} else {
		while (line.n > 0 && ret_answer->count < RECORDS_MAX) {
			(void)slice_cut(line, '|', &record, &line);
			records[ret_answer->count++] =
				rdata_of(record, type, arena);
			ret_answer->result = DNS_DATA;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_free) struct arena *arena = arena_new(SPF_ARENA_OCTETS);
	struct slice all = { .p = (const char *)data, .n = size };
	struct input in = { .asked = 0 };
	const struct spf_world world = { .ask = ask,
					 .arg = &in,
					 .hostname = SLICE("us.example") };
	struct spf_question q;
	struct spf_answer answer;

	if (size > RDATA_OCTETS)
		return 0;
	(void)slice_cut(all, '\n', &q.client_address, &all);
	(void)slice_cut(all, '\n', &q.helo, &all);
	(void)slice_cut(all, '\n', &q.reverse_path, &all);
	in.answers = in.rest = all;
	spf_check(&world, &q, arena, &answer);
	assert(in.asked <= QUESTIONS_MAX);
	assert(answer.result < AUTHRES_COUNT &&
	       answer.result != AUTHRES_POLICY);
	assert(answer.explanation.n == 0 || answer.result == AUTHRES_FAIL);
	assert(!slice_has_control(answer.explanation) &&
	       !slice_has_high(answer.explanation));
	assert((answer.problem.n > 0) == (answer.result == AUTHRES_TEMPERROR ||
					  answer.result == AUTHRES_PERMERROR));
	return 0;
}
