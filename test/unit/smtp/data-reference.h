/*
 * What data.c must do, said as slowly and plainly as possible: one octet at a
 * time over the whole input, looking back at it freely. Used to compare.
 */
#ifndef TEST_DATA_REFERENCE_H
#define TEST_DATA_REFERENCE_H

#include "smtp/data.h"

struct reference {
	enum data_fault fault;
	bool ended;
	size_t consumed;
	char *content; /* room for as many octets as the input has */
	size_t octets;
};

/* The octet at i, with CRLF before the beginning; 256 after the end. */
static inline int reference_at(struct slice in, long i)
{
	if (i == -1)
		return '\n';
	if (i < -1)
		return '\r';
	return (size_t)i < in.n ? (unsigned char)in.p[i] : 256;
}

/* Octets of the line end at i: 2 for CRLF, 1 for a bare one, 0 for none.
 * Whether a CR at the very end is bare is not known yet: 0. */
static inline int reference_line_end(struct slice in, long i)
{
	int c = reference_at(in, i), next = reference_at(in, i + 1);

	if (c == '\r')
		return next == '\n' ? 2 : next == 256 ? 0 : 1;
	return c == '\n' ? 1 : 0;
}

/* The same for the line end that ends before i. */
static inline int reference_line_end_before(struct slice in, long i)
{
	int c = reference_at(in, i - 1);

	if (c == '\n')
		return reference_at(in, i - 2) == '\r' ? 2 : 1;
	return c == '\r' ? 1 : 0;
}

static inline void reference_note(struct reference *ref, enum data_fault f)
{
	if (ref->fault == DATA_FAULT_NONE || f == DATA_FAULT_SMUGGLING)
		ref->fault = f;
}

static inline bool reference_is_smuggling(struct slice in, long i)
{
	int before = reference_line_end_before(in, i);
	int c = reference_at(in, i + 1);

	/* after a bare end any CR or LF will do; after CRLF it must be bare */
	if (reference_at(in, i) != '.' || before == 0)
		return false;
	if (before == 1)
		return c == '\r' || c == '\n';
	return reference_line_end(in, i + 1) == 1;
}

/* Plain octets: the faults are found in the order of the octets. */
static inline void reference_run(struct slice in, bool is_chunked,
				 uint64_t limit, struct reference *ref)
{
	size_t line = 0;

	for (long i = 0; (size_t)i < in.n && !ref->ended; i++) {
		int c = reference_at(in, i);
		bool is_first = reference_line_end_before(in, i) == 2;
		bool is_dropped = !is_chunked && is_first && c == '.';
		bool is_of_end = !is_chunked && c == '\r' && i > 0 &&
				 reference_at(in, i - 1) == '.' &&
				 reference_line_end_before(in, i - 1) == 2;

		if (is_dropped && reference_at(in, i + 1) == '\r' &&
		    reference_at(in, i + 2) == '\n') {
			ref->ended = true;
			ref->consumed = (size_t)i + 3;
			return;
		}
		ref->consumed = (size_t)i + 1;
		if (!is_dropped && !is_of_end) {
			ref->content[ref->octets++] = (char)c;
			line++;
			if (c == '\0')
				reference_note(ref, DATA_FAULT_NUL);
			else if (line > DATA_LINE_OCTETS)
				reference_note(ref, DATA_FAULT_LINE_TOO_LONG);
			else if (ref->octets > limit)
				reference_note(ref, DATA_FAULT_TOO_BIG);
		}
		if (reference_is_smuggling(in, i))
			reference_note(ref, DATA_FAULT_SMUGGLING);
		if (c == '\n' && reference_at(in, i - 1) != '\r')
			reference_note(ref, DATA_FAULT_BARE_NEWLINE);
		if (c == '\r' && reference_line_end(in, i) == 1)
			reference_note(ref, DATA_FAULT_BARE_NEWLINE);
		if (reference_line_end(in, i) == 1)
			line = 0;
	}
}

#endif
