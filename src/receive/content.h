/*
 * The content of one message on its way: a memfd up to 1 MiB, sealed when it
 * is complete; above that a spool file which `queue` opens for us. What is
 * written is gathered and goes out in runs of 64 KiB, so that a message costs
 * few system calls and little memory.
 */
#ifndef RECEIVE_CONTENT_H
#define RECEIVE_CONTENT_H

#include "base/slice.h"
#include "proc/role.h"

#include <stdint.h>

enum { CONTENT_MEMFD_OCTETS = 1 << 20 };

struct content;

enum content_state {
	CONTENT_OPEN,
	CONTENT_WAITING, /* for the spool file: write nothing until on_ready */
	CONTENT_NO_ROOM, /* disk full: 452; takes and forgets what comes */
	CONTENT_BROKEN,  /* other trouble: 451; the same */
};

/* spool: who hands out spool files in this process; see spooler_new(); it
 * outlives its contents. on_ready is called once after each time
 * content_state() became CONTENT_WAITING, never from within these functions;
 * it may free the content. */
struct spooler;
struct content *content_new(struct spooler *spool, void (*on_ready)(void *arg),
			    void *arg);
/* An unfinished or not handed-over spool file is dropped. */
void content_free(struct content **content);

void content_write(struct content *content, struct slice octets);
enum content_state content_state(const struct content *content);
/* All has been written: flushes and seals. Returns the state; anything but
 * CONTENT_OPEN refuses the message, but CONTENT_WAITING, which changed
 * nothing: call it again after on_ready. */
enum content_state content_finish(struct content *content);

/* After content_finish(): the descriptor (still content's own), the octets,
 * and the spool file's id, 0 for a memfd. */
int content_fd(const struct content *content);
uint64_t content_octets(const struct content *content);
/* A part of it. Returns 0 or negative errno. */
int content_read(const struct content *content, char *p, size_t octets,
		 uint64_t at);
uint64_t content_spool_id(const struct content *content);
/* ENQUEUE named the spool file: it is `queue`'s now. */
void content_hand_over(struct content *content);
/* The `queue` that knew the spool file is gone: the content can still be
 * delivered, but not queued. */
bool content_is_orphan(const struct content *content);

/* Asks `queue` for spool files and passes its answers on. */
struct spooler *spooler_new(struct role_self *self);
void spooler_free(struct spooler **spooler);
/* The role's on_message and on_peer_gone pass these on: m is SPOOL. */
void spooler_on_spool(struct spooler *spooler, struct message *m);
void spooler_on_queue_gone(struct spooler *spooler);

#endif
