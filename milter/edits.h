/*
 * What one filter wants changed, gathered while it answers the end of the
 * message, and applied only when it accepts: a filter that dies or refuses
 * leaves no trace.
 */
#ifndef MILTER_EDITS_H
#define MILTER_EDITS_H

#include "milter/message.h"
#include "milter/wire.h"

enum {
	MILTER_EDIT_COUNT = 1000,
	MILTER_EDIT_OCTETS = 1 << 20, /* of headers and addresses, in all */
	MILTER_REASON_OCTETS = 100,   /* of a quarantine's reason */
};

struct milter_edits;

struct milter_edits_config {
	uint64_t body_limit; /* octets; a longer body is MILTER_EDIT_TOO_BIG */
	bool is_original_index; /* deleted fields count until the filter is done:
	                           sendmail's way; else they do not, Postfix' */
	bool has_leading_space; /* MILTER_LEADSPC: values bring their blank */
};

struct milter_edits *milter_edits_new(const struct milter_edits_config *config);
void milter_edits_free(struct milter_edits **edits);

enum milter_edit_result {
	MILTER_EDIT_TAKEN,
	MILTER_EDIT_IGNORED,  /* it makes no sense: *ret_problem for the log */
	MILTER_EDIT_TOO_MANY, /* over a limit: the filter has failed */
	MILTER_EDIT_TOO_BIG,  /* the body: 552 */
	MILTER_EDIT_NO_ROOM, /* no memory for the body: the filter has failed */
};

/* Copies the edit; of REPLBODY each piece. reply is one of the edits or
 * QUARANTINE. problem is a literal or lives as long as the edits. */
enum milter_edit_result milter_edits_take(struct milter_edits *edits,
					  const struct milter_reply *reply,
					  struct slice *ret_problem);
size_t milter_edits_count(const struct milter_edits *edits);
/* Edit number i in words for the log and for people: "insert header 1:
 * X-Spam: yes", "replace body (5120 octets)". In arena. */
struct slice milter_edits_describe(const struct milter_edits *edits, size_t i,
				   struct arena *arena);

/* Does all of it to m, in order; the message keeps copies. */
void milter_edits_apply(struct milter_edits *edits, struct milter_message *m);

#endif
