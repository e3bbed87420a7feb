/* What is to be published of a DKIM key: its record in DNS (RFC 6376 3.6). */
#ifndef CTL_DKIM_PRINT_H
#define CTL_DKIM_PRINT_H

#include "ctl/dkim_files.h"

#include <jansson.h>

enum { DKIM_STRING_OCTETS = 255 }; /* of a string in TXT: RFC 1035 3.3.14 */

/* "v=DKIM1; k=rsa; p=...", in arena; empty if there is no key. */
struct slice dkim_record_of(const struct dkim_file *f, struct arena *arena);
/* "RSA, 2048 bits" */
const char *dkim_kind_of(const struct dkim_file *f, struct arena *arena);

/* The same as JSON; with its record if with_record. */
json_t *dkim_json(const struct dkim_file *f, bool with_record);

/* For a zone file, and for a form of a DNS provider. */
void dkim_print_record(const struct dkim_file *f);

#endif
