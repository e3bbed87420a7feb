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
}
