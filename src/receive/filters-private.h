/* Shared by filters.c (who is asked when), filter_reply.c (what the client
 * hears) and filter_macros.c (what filters may know). */
#ifndef RECEIVE_FILTERS_PRIVATE_H
#define RECEIVE_FILTERS_PRIVATE_H

#include "receive/filters.h"
#include "receive/session-private.h"

/* A command as the client wrote it, in the transaction's arena. */
struct filter_words {
	struct slice path; /* "<a@b>", without source route */
	struct slice *params;
	size_t param_count;
};

struct filters {
	struct milter_chain *chain;
	filters_then *then; /* while OP_FILTER */
	bool is_refused;
	struct reply standing; /* then; its text: */
	char *standing_text;
	struct filter_words mail, rcpt;
	size_t edit_count; /* of this message */
};

/* The verdict as a reply; its text is in the scratch arena. */
struct reply filter_reply(const struct session *s,
			  const struct milter_verdict *v);

/* chain.h's get_macro; arg is the session. */
bool filter_macro(enum milter_stage stage, struct slice name,
		  struct arena *arena, struct slice *ret_value, void *arg);

#endif
