/* The header section of a message that is to be signed, from its file. */
#ifndef PROC_DKIM_SIGNER_HEADER_H
#define PROC_DKIM_SIGNER_HEADER_H

#include "mail/fields.h"

#include <stdint.h>

/*
 * Reads no more of the message's octets than the header takes. fields live in
 * arena; *ret_body: where the body begins. Returns NULL, or what is wrong.
 */
const char *dkim_signer_header_read(int fd, uint64_t octets,
				    struct arena *arena,
				    struct fields *ret_fields,
				    uint64_t *ret_body);

#endif
