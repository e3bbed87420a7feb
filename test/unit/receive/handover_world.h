/* The world around a handover: `queue` and `deliver` are fake_role.h's. */
#ifndef TEST_RECEIVE_HANDOVER_WORLD_H
#define TEST_RECEIVE_HANDOVER_WORLD_H

#include "fake_role.h"
#include "receive/handover.h"

enum { QUEUE_ID = 4711 };

struct world {
	struct role_self self;
	struct spooler *spool;
	struct handovers *handovers;
	struct handover *handover;
	unsigned replies;
	struct reply reply;
	char text[200]; /* of reply */
};

void world_build(struct world *w);
void world_tear_down(struct world *w);

/* A finished one of 25 octets. */
struct content *world_content(struct world *w);
/* Takes content over. */
void world_start(struct world *w, const struct handover_request *request,
		 struct content *content);
/* `deliver` and `queue` answer what they were asked. */
void world_says(struct world *w, unsigned index, const struct outcome *outcome);
void world_queue_answers(struct world *w, unsigned error);

#endif
