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

/*
 * How a filter's text is taken:
 *
 * - A header name is one or more octets of printable ASCII without colon, else
 *   the edit is ignored.
 * - A header value's lines end at LF, a CR before that goes. Lines behind the
 *   first become folds: without a blank in front they get a TAB, and those of
 *   nothing but blanks are left out, as is the line end at the end. A control
 *   octet other than TAB becomes "?". Octets over 127 stay. A field that could
 *   not be told to the next filter is ignored.
 * - A body's LF, CR and CRLF all become CRLF, in any split; its last line gets
 *   one. Any number of packets makes one body; one without data an empty one.
 * - Addresses and parameters with control octets are ignored.
 *
 * Where fields are: MILTER_INSHEADER counts all of them from 0, our own hidden
 * ones too, as they are at that moment; an index beyond the end appends.
 * MILTER_CHGHEADER counts the visible ones of that name from 1, 0 is 1 as well;
 * one that is not there is appended, or not deleted. With is_original_index a
 * deleted field is still counted, and comes back when it is changed.
 */
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
/* A new body is one edit, whatever its pieces; QUARANTINE is none. */
size_t milter_edits_count(const struct milter_edits *edits);
/* Edit number i in words for the log and for people: "insert header 1:
 * X-Spam: yes", "replace body (5120 octets)"; after milter_edits_apply() also
 * "delete header 2: Subject (not done: there is none)". In arena. */
struct slice milter_edits_describe(const struct milter_edits *edits, size_t i,
				   struct arena *arena);
/* The reason of the first QUARANTINE; empty if there was none. */
struct slice milter_edits_quarantine(const struct milter_edits *edits);

/* Does all of it to m, in order; the message keeps copies. Returns how many
 * edits were not done because the header (384 KiB, 11,100 fields) or the list
 * of envelope edits would be too big. Call it once. */
size_t milter_edits_apply(struct milter_edits *edits, struct milter_message *m);

#endif
