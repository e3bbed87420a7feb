/*
 * What programs say, as values. Pure: what comes in is hostile, what goes out
 * can stand in a header, in a reply and in the log.
 */
#ifndef HOOK_OUTPUT_H
#define HOOK_OUTPUT_H

#include "base/arena.h"
#include "proc/message.h"

enum {
	OUTPUT_TEXT_OCTETS = 400,        /* a line for people */
	OUTPUT_HEADER_LINE_OCTETS = 998, /* RFC 5322 2.1.1 */
	OUTPUT_REJECT_STATUS = 20,       /* chasquid's contract */
	OUTPUT_DEFER_STATUS = 75,        /* EX_TEMPFAIL of sysexits.h */
};

/*
 * The result of hooks/post-data that exited with status; id is untouched,
 * slices live in arena. Output that is no header is dropped, as chasquid does,
 * and is a problem for the log.
 */
void output_judge_post_data(int status, struct slice output,
			    struct arena *arena,
			    struct msg_post_data_result *ret_result);

/*
 * The output as header lines with CRLF. Each is a field, its name as in RFC
 * 5322 3.6.8, or goes on with a blank; control octets and what is not UTF-8
 * become "?", lines of blanks alone are left out. Returns false when it is no
 * header; nothing at all is one.
 */
bool output_header(struct slice output, struct arena *arena,
		   struct slice *ret_header);

/* The last line that says something, without what does not print and at most
 * OUTPUT_TEXT_OCTETS long. */
struct slice output_last_line(struct slice output, struct arena *arena);

/* What hooks/alias-resolve said, without the blanks and line ends around. */
struct slice output_targets(struct slice output);

#endif
