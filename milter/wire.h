/*
 * The octets of the milter protocol: commands are written, replies are read
 * into typed values. Pure: no socket, no clock, no state but the reader's.
 */
#ifndef MILTER_WIRE_H
#define MILTER_WIRE_H

#include "base/arena.h"
#include "base/slice.h"
#include "milter/protocol.h"

#include <stdint.h>

/* --- to the filter ---------------------------------------------------------- */

/* Packets one after the other, to be sent as they lie there. */
struct milter_writer {
	char *p; /* mem_free() it */
	size_t n;
	size_t room;
};

struct milter_macro {
	struct slice name; /* "i", "{auth_authen}": as on the wire */
	struct slice value;
};

/* What is negotiated: offered by us, answered by the filter. */
struct milter_options {
	uint32_t version;
	uint32_t actions; /* MILTER_MAY_* */
	uint32_t steps;   /* MILTER_NO*, MILTER_NR_*, ... */
	/* The filter's symbol lists: names between blanks or commas; valid
	 * where the bit 1 << stage is set. An empty list means no macros. */
	uint32_t has_symbols;
	struct slice symbols[MILTER_STAGES];
};

void milter_write_options(struct milter_writer *w,
			  const struct milter_options *offer);
/* What to offer for a highest version of 2, 3, 4 or 6. */
struct milter_options milter_offer(uint32_t version);
/* command: the one these macros belong to. Those that do not fit into one
 * packet are left out; strings end at a NUL. Nothing is written for none. */
void milter_write_macros(struct milter_writer *w, enum milter_command command,
			 const struct milter_macro *macros, size_t count);
/* family: '4', '6', 'L', or 'U' (then port and address are not sent). */
void milter_write_connect(struct milter_writer *w, struct slice hostname,
			  char family, uint16_t port, struct slice address);
/* HELO, MAIL, RCPT, HEADER, UNKNOWN: strings, each gets its NUL. Returns 0, or
 * -EMSGSIZE (nothing is written) when they are too long for a packet, or
 * -EINVAL when one holds a NUL. */
int milter_write_strings(struct milter_writer *w, enum milter_command command,
			 const struct slice *strings, size_t count);
/* DATA, EOH, BODYEOB, ABORT, QUIT. */
void milter_write_bare(struct milter_writer *w, enum milter_command command);
/* The five octets before n octets of body, 1 <= n <= MILTER_DATA_OCTETS; the
 * caller sends those behind it. */
void milter_write_body_head(struct milter_writer *w, size_t n);
void milter_write_octets(struct milter_writer *w, struct slice octets);

/* --- from the filter --------------------------------------------------------- */

/* One reply; slices are views of the packet, or the reader's. */
struct milter_reply {
	enum milter_code code;
	uint16_t smtp_code; /* REPLYCODE: 400..599 */
	/* REPLYCODE: at most 32 lines between LF, without the codes before
	 * them; the enhanced status code, if the filter gave one, is in the
	 * first line only and of the code's class; "%%" is "%"; no control
	 * octets; each line at most 512 octets. QUARANTINE: the reason, any
	 * octets but NUL. */
	struct slice text;
	uint32_t index; /* INSHEADER, CHGHEADER */
	struct slice name;
	struct slice value; /* may be empty: CHGHEADER deletes */
	struct slice
		address; /* recipients and CHGFROM, as the filter wrote it */
	struct slice params; /* of those; empty if none */
	struct slice body;   /* REPLBODY: the next piece of it */
	bool is_body_begin;  /* REPLBODY: the first piece of its packet */
};

/* Whether it is the one answer a command takes: c a r t d y s 4 f. */
bool milter_code_is_verdict(enum milter_code code);

enum milter_read {
	MILTER_READ_MORE,    /* all of the input was taken, there is no reply */
	MILTER_READ_REPLY,   /* *ret_reply */
	MILTER_READ_OPTIONS, /* *ret_options: OPTNEG's answer */
	MILTER_READ_BROKEN,  /* milter_reader_problem() says how */
};

struct milter_reader;

struct milter_reader *milter_reader_new(void);
void milter_reader_free(struct milter_reader **reader);
/*
 * Takes octets from *in, which is moved on, until there is a reply. Replies
 * and symbol lists live until the next call, pieces of a body as long as the
 * input. A packet is taken in any split; the data of REPLBODY is given in
 * pieces as it comes, whatever its length, of others 1 MiB at most. Once
 * broken it stays so.
 */
enum milter_read milter_reader_next(struct milter_reader *reader,
				    struct slice *in,
				    struct milter_reply *ret_reply,
				    struct milter_options *ret_options);
/* Why it is broken, in words: "this is no milter: it said \"UNKN\"". */
struct slice milter_reader_problem(const struct milter_reader *reader);
/* Whether a packet has begun and is not complete. */
bool milter_reader_is_inside(const struct milter_reader *reader);

/* Checks the answer to offer: version and actions are within it; steps unknown
 * or not of that version are cleared, or set where that keeps an event from
 * being sent. What a filter says it does not answer (NR) stays. Returns true,
 * or false and the reason in *ret_problem (a literal). */
bool milter_options_settle(struct milter_options *answer,
			   const struct milter_options *offer,
			   struct slice *ret_problem);

#endif
