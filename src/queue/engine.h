/*
 * The queue without its process: what messages from the other roles do to the
 * store, and what goes back to them. The owner runs it from an event loop, or
 * a test by hand.
 */
#ifndef QUEUE_ENGINE_H
#define QUEUE_ENGINE_H

#include "queue/peers.h"
#include "queue/turn.h"

struct engine;

/*
 * Opens the queue. settings and peers outlive the engine; settings may
 * change between calls. Returns 0 or -errno: -EUCLEAN when the database is
 * damaged.
 */
int engine_open(const struct store_place *place,
		const struct queue_settings *settings,
		const struct peers *peers, struct engine **ret_engine);
void engine_free(struct engine **engine);

void engine_on_message(struct engine *e, struct link *from, struct message *m);
void engine_on_peer(struct engine *e, enum role role, struct link *peer);
void engine_on_peer_gone(struct engine *e, struct link *peer);

/* True: call engine_run() when this turn of the loop is over. */
bool engine_wants_run(const struct engine *e);
/* Commits what has gathered, answers, and begins what is due. */
void engine_run(struct engine *e);
/* Once a second: the disk, what is due, time-outs, left-over files. */
void engine_tick(struct engine *e);

/* Begins nothing any more; new messages are still taken. */
void engine_stop(struct engine *e);
/* Nothing is under way, all is stored. */
bool engine_is_idle(const struct engine *e);

#endif
