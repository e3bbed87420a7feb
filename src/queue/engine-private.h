/* Shared by engine.c (birth, work) and engine_message.c (what others ask). */
#ifndef QUEUE_ENGINE_PRIVATE_H
#define QUEUE_ENGINE_PRIVATE_H

#include "queue/allowance.h"
#include "queue/attempts.h"
#include "queue/dmarc_counts.h"
#include "queue/engine.h"
#include "queue/holders.h"
#include "queue/keyring.h"
#include "queue/room.h"
#include "queue/sts_memory.h"
#include "queue/sweep.h"
#include "queue/tls_memory.h"
#include "queue/tls_reports.h"

struct engine {
	struct store *store;
	struct spool *spool;
	struct sweep *sweep; /* NULL when done */
	struct batch *batch;
	struct attempts *attempts;
	struct room room;
	struct keyring keyring;
	struct tls_memory tls;
	struct tls_reports *tls_reports;
	struct dmarc_counts *dmarc;
	struct sts_memory sts;
	struct allowances *allowances;
	const struct queue_settings *settings;
	const struct peers *peers;
	struct holders *holders;
	uint64_t quiet_until_ms;
	bool wants_run;
	bool is_stopped;
	bool is_failing; /* the last run kept something */
	bool complained; /* about reading the store */
	bool lacks_keys;
};

/* Looks for room on the disk, and tells those who take mail what has changed. */
void engine_look_for_room(struct engine *e);

#endif
