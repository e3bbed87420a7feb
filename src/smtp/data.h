/*
 * The octets of a message as they arrive by DATA or BDAT, RFC 5321 4.1.1.4,
 * 4.5.2 and RFC 3030. A state machine over any split of the input.
 *
 * Only CRLF.CRLF ends DATA. A bare CR, a bare LF, a NUL and an overlong line
 * are remembered as the message's fault and what follows is still read to the
 * true end, so that the client is answered once and in step. A line break of
 * the wrong sort next to a lone dot (what SMTP smuggling sends) is a fault of
 * its own, on which the session hangs up at once. BDAT obeys the same rules of
 * lines.
 */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/slice.h"

#include <stdint.h>

enum { DATA_LINE_OCTETS = 65536 }; /* with CRLF; RFC 5322 asks for 1000 */

enum data_fault {
	DATA_FAULT_NONE,
	DATA_FAULT_SMUGGLING, /* hang up now */
	DATA_FAULT_BARE_NEWLINE,
	DATA_FAULT_NUL,
	DATA_FAULT_LINE_TOO_LONG,
	DATA_FAULT_TOO_BIG,
};

struct data_reader {
	/* read these: */
	enum data_fault fault; /* the first, except that smuggling wins */
	uint64_t octets;       /* content so far, unstuffed, faults or not */
	bool is_open_line;     /* data_reader_finish_chunks(): the content does
	                          not end with CRLF */
	/* the machine's own: */
	uint64_t limit_octets;
	uint64_t chunk_left;
	uint32_t line_octets;
	uint8_t state;
	bool is_chunked;
};

/* Begins a message of at most limit_octets of content. */
void data_reader_init_dot(struct data_reader *r, uint64_t limit_octets);
void data_reader_init_chunked(struct data_reader *r, uint64_t limit_octets);
/* The next BDAT command's size; the chunk before is used up. */
void data_reader_begin_chunk(struct data_reader *r, uint64_t octets);

/* Takes a run of content, unstuffed, no copy; it views the input of
 * data_reader_feed(). Not called once there is a fault. */
typedef void data_sink(struct slice run, void *arg);

enum data_progress {
	DATA_MORE, /* all of the input was consumed */
	DATA_END,  /* the final dot, or the chunk's last octet, was consumed */
};

/*
 * Consumes in, up to the end at most; *ret_consumed says how much. After
 * DATA_FAULT_SMUGGLING the rest need not be fed.
 */
enum data_progress data_reader_feed(struct data_reader *r, struct slice in,
				    data_sink *sink, void *arg,
				    size_t *ret_consumed);

/*
 * For BDAT LAST: a CR as last octet is a bare one. A message whose last line
 * has no CRLF is good (RFC 5322 3.5) and marked by is_open_line; whoever hands
 * it on by DATA ends the line first.
 */
void data_reader_finish_chunks(struct data_reader *r);

#endif
