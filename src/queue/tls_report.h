/* A day's report on TLS with a domain: what the store has counted, as what
 * RFC 8460 wants. */
#ifndef QUEUE_TLS_REPORT_H
#define QUEUE_TLS_REPORT_H

#include "mail/tlsrpt.h"
#include "queue/turn.h"

enum { TLS_REPORT_OCTETS = 8 << 20 }; /* of an arena for all of one */

/* From whom it comes; in arena. */
struct slice tls_report_contact(const struct queue_settings *settings,
				struct arena *arena);

/* All of it lives in arena, or as long as settings. Returns 0, -ENOENT if
 * nothing was counted, or another -errno. */
int tls_report_load(struct store *store, const struct queue_settings *settings,
		    const struct store_tls_report *of, struct arena *arena,
		    struct tlsrpt_report *ret_report);

/*
 * Puts it into the queue as mail to each of these, and ends it, in one
 * transaction. gzip: the report. Returns 0; -ENOENT if another node has done
 * that; or another -errno.
 */
int tls_report_mail(struct store *store, const struct queue_settings *settings,
		    const struct tlsrpt_report *report, struct slice gzip,
		    struct slices to);

#endif
