#include "queue/store_pg.h"

#include "base/mem.h"

#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add(struct pg_params *p, const void *value, size_t octets)
{
	assert(p->count < PG_PARAMETERS);
	p->values[p->count] = value;
	p->lengths[p->count] = (int)octets;
	p->formats[p->count] = 1; /* binary */
	p->count++;
}

void pg_number(struct pg_params *p, uint64_t value)
{
	p->numbers[p->count] = htobe64(value);
	add(p, &p->numbers[p->count], sizeof(value));
}

void pg_null(struct pg_params *p)
{
	add(p, NULL, 0);
}

void pg_text(struct pg_params *p, const char *text)
{
	add(p, text, 0);
	p->formats[p->count - 1] = 0;
}

void pg_bytes(struct pg_params *p, struct slice octets)
{
	add(p, octets.n > 0 ? octets.p : "", octets.n);
}

void pg_time(struct pg_params *p, const struct pg *s, int64_t time)
{
	pg_number(p, (uint64_t)(time + s->skew_s));
}

uint64_t pg_get_number(const PGresult *result, int row, int column)
{
	uint64_t value;

	if (PQgetisnull(result, row, column) ||
	    PQgetlength(result, row, column) != (int)sizeof(value))
		return 0;
	memcpy(&value, PQgetvalue(result, row, column), sizeof(value));
	return be64toh(value);
}

struct slice pg_get_bytes(const PGresult *result, int row, int column)
{
	return (struct slice){ PQgetvalue(result, row, column),
			       (size_t)PQgetlength(result, row, column) };
}

uint64_t pg_changed(PGresult *result)
{
	const char *digits = PQcmdTuples(result);
	uint64_t count = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++)
		count = count * 10 + (uint64_t)(*digits - '0');
	return count;
}

char *pg_id_list(const struct id_set *set)
{
	size_t size = 3 + set->count * 21, n = 1;
	char *list = mem_array(size, 1);

	list[0] = '{';
	for (size_t i = 0; i < set->count; i++)
		n += (size_t)snprintf(list + n, size - n, "%s%" PRIu64,
				      i > 0 ? "," : "", set->ids[i]);
	list[n] = '}';
	return list;
}
