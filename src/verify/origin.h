/*
 * The check of a complete message: its DKIM signatures, and what DMARC makes
 * of them and of SPF (mail/dkim_verifier.h, mail/dmarc.h). Blocks: it reads,
 * and asks DNS by a function that may wait.
 */
#ifndef VERIFY_ORIGIN_H
#define VERIFY_ORIGIN_H

#include "proc/message.h"
#include "verify/spf.h"

enum { ORIGIN_ARENA_OCTETS = 32 << 20 }; /* what an arena for it must hold */

struct origin_request {
	int fd; /* the content's, read from offset 0 */
	const struct msg_verify *message;
	int64_t now_s; /* wall clock */
	/* By clock_monotonic_ms(), and it may move: a body that is not read by then is no longer
	 * hashed, and its signatures are in doubt. */
	const _Atomic uint64_t *deadline_ms;
};

/* All of *ret_verified but the id; it lives in arena. */
void origin_check(const struct spf_world *world,
		  const struct origin_request *request, struct arena *arena,
		  struct msg_verified *ret_verified);

#endif
