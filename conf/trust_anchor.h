/* The trust anchor of DNSSEC (RFC 4033): the file that `trust_anchor` names. */
#ifndef CONF_TRUST_ANCHOR_H
#define CONF_TRUST_ANCHOR_H

#include "conf/conf.h"

enum { TRUST_ANCHOR_OCTETS = 64 << 10 };

/* Its path; lives as long as conf. */
const char *trust_anchor_path(const struct conf *conf);

/*
 * The file's text, in arena: DS or DNSKEY records, one a line. When the setting
 * is empty and the default's file is not there, a warning and empty text; other
 * troubles are errors.
 */
struct slice trust_anchor_read(const struct conf *conf, struct arena *arena,
			       struct conf_errors *errors);

#endif
