#include "queue/store_row.h"

uint64_t store_row_number(struct store_row *row)
{
	return row->number(row, row->column++);
}

struct slice store_row_octets(struct store_row *row)
{
	return arena_copy(row->arena, row->octets(row, row->column++));
}

/* 0 stands for never. */
static int64_t next_time(struct store_row *row)
{
	int64_t time = (int64_t)store_row_number(row);

	return time != 0 ? time - row->skew_s : 0;
}

static struct target next_target(struct store_row *row)
{
	uint64_t kind = store_row_number(row);
	struct target target = { .address = store_row_octets(row) };

	target.via = store_row_octets(row);
	target.is_forwarded = store_row_number(row) != 0;
	target.kind =
		kind <= TARGET_REMOTE ? (enum target_kind)kind : TARGET_MAILBOX;
	return target;
}

static void next_outcome(struct store_row *row, struct outcome *ret_outcome)
{
	uint64_t kind = store_row_number(row), code = store_row_number(row);
	uint64_t status = store_row_number(row);

	*ret_outcome = (struct outcome){
		.kind = kind <= OUTCOME_CANCELLED ? (enum outcome_kind)kind
						  : OUTCOME_DEFERRED,
		.code = (uint16_t)code,
		.status = { (uint8_t)(status >> 16), (uint8_t)(status >> 8),
			    (uint8_t)status },
		.text = store_row_octets(row),
	};
}

/* What is unknown asks for nothing less than usual. */
static enum tls_demand demand_of(uint64_t number)
{
	return number <= TLS_DEMAND_REQUIRED ? (enum tls_demand)number
					     : TLS_DEMAND_USUAL;
}

void store_row_read(struct store_row *row, struct store_entry *ret_entry)
{
	struct store_message *m = &ret_entry->message;
	struct store_recipient *r = &ret_entry->recipient;

	r->queue_id = m->queue_id = store_row_number(row);
	m->trace = store_row_octets(row);
	m->reverse_path = store_row_octets(row);
	m->envid = store_row_octets(row);
	m->login = store_row_octets(row);
	m->ret = (uint32_t)store_row_number(row);
	m->is_8bit = store_row_number(row) != 0;
	m->is_smtputf8 = store_row_number(row) != 0;
	m->arrived = next_time(row);
	m->since = next_time(row);
	m->hold = store_row_octets(row);
	m->content_octets = store_row_number(row);
	r->row = store_row_number(row);
	r->place = (uint32_t)store_row_number(row);
	r->target = next_target(row);
	r->original = store_row_octets(row);
	r->orcpt_type = store_row_octets(row);
	r->orcpt = store_row_octets(row);
	r->notify = (uint32_t)store_row_number(row);
	r->line = (enum store_line)(store_row_number(row) % STORE_LINES);
	r->due = next_time(row);
	r->attempts = (uint32_t)store_row_number(row);
	r->holder = store_row_number(row);
	r->last_try = next_time(row);
	next_outcome(row, &r->last);
	r->tls_demand = demand_of(store_row_number(row));
}

struct slice store_row_patterns(const struct sts *sts, struct arena *arena)
{
	struct slice *parts =
		arena_array(arena, 2 * sts->patterns.count, sizeof(*parts));
	size_t count = 0;

	for (size_t i = 0; i < sts->patterns.count; i++) {
		if (i > 0)
			parts[count++] = S(" ");
		parts[count++] = sts->patterns.items[i];
	}
	return arena_join(arena, parts, count);
}

static struct slices next_patterns(struct store_row *row)
{
	struct slice *items =
		arena_array(row->arena, STS_PATTERNS_MAX, sizeof(*items));
	struct slice rest = store_row_octets(row);
	size_t count = 0;

	while (rest.n > 0 && count < STS_PATTERNS_MAX)
		(void)slice_cut(rest, ' ', &items[count++], &rest);
	return (struct slices){ items, count };
}

void store_row_read_sts(struct store_row *row, struct store_sts *ret_sts)
{
	struct sts *sts = &ret_sts->sts;
	uint64_t mode, max_age_s;

	ret_sts->domain = store_row_octets(row);
	sts->id = slice_head(store_row_octets(row), STS_ID_OCTETS);
	mode = store_row_number(row);
	max_age_s = store_row_number(row);
	sts->mode = mode <= STS_ENFORCE ? (enum sts_mode)mode : STS_NONE;
	sts->max_age_s = max_age_s <= STS_MAX_AGE_S ? (uint32_t)max_age_s
						    : STS_MAX_AGE_S;
	sts->patterns = next_patterns(row);
	sts->fetched = (uint64_t)next_time(row);
	sts->tried = (uint64_t)next_time(row);
	ret_sts->used = next_time(row);
}
