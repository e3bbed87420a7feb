/*
 * A message as a program of this machine hands it to sendmail: its header read
 * for recipients, and made complete. Pure; RFC 5322 3.6, RFC 6409 8.
 *
 * Bcc, Resent-Bcc and Return-Path are removed. Addresses without domain in
 * fields that hold addresses get one. From is added; Date and Message-ID are
 * the server's to add. A first line "From ..." of a mailbox file is passed
 * over. A message may have no header at all.
 */
#ifndef MAIL_SUBMISSION_H
#define MAIL_SUBMISSION_H

#include "base/arena.h"
#include "base/slice.h"
#include "mail/recipients.h"

struct submission_request {
	struct slice message;  /* each line ends with CRLF */
	bool takes_recipients; /* -t: of To, Cc and Bcc; of Resent-To, Resent-Cc
	                          and Resent-Bcc alone if there are such */
	struct slice domain;   /* for addresses without */
	struct slice from;     /* the body of From if there is none */
};

struct submission {
	const struct slice
		*recipients; /* complete, in the order of the fields */
	size_t recipient_count;
	struct slice header; /* whole lines; an empty one is to follow */
	struct slice body;   /* a view of the message */
};

enum {
	SUBMISSION_ADDRESS = 1, /* *ret_field names the field that has it */
	SUBMISSION_TOO_BIG,     /* the header, or too many recipients */
};

enum { SUBMISSION_ARENA_OCTETS = 256 << 20 }; /* enough for any of them */

/* Returns 0 or SUBMISSION_*. What it returns lives in arena. */
int submission_read(const struct submission_request *request,
		    struct arena *arena, struct submission *ret_submission,
		    struct slice *ret_field);

/* text with "@domain" behind it if it is bare. */
struct slice submission_complete(const struct recipient *r, struct slice domain,
				 struct arena *arena);

#endif
