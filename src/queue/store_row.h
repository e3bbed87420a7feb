/* A row of an entry as both stores select it, read column by column. Internal
 * to the stores. */
#ifndef QUEUE_STORE_ROW_H
#define QUEUE_STORE_ROW_H

#include "queue/store.h"

/* The first member of a store's own reader. */
struct store_row {
	/* The column, which lives until the next one is asked for. */
	uint64_t (*number)(const struct store_row *row, int column);
	struct slice (*octets)(const struct store_row *row, int column);
	struct arena *arena; /* where octets are copied to */
	int64_t skew_s;      /* the store's clock is ahead of ours by this */
	int column;          /* the next */
};

/* The columns in the order of ENTRY in store_schema.c and store_pg_sql.c. */
void store_row_read(struct store_row *row, struct store_entry *ret_entry);
/* Those of STS in the same files. What is stored was bounded before. */
void store_row_read_sts(struct store_row *row, struct store_sts *ret_sts);
/* The patterns of a policy in one column; in arena. */
struct slice store_row_patterns(const struct sts *sts, struct arena *arena);
/* The next column of each kind. */
uint64_t store_row_number(struct store_row *row);
struct slice store_row_octets(struct store_row *row);

#endif
