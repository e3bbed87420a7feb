/* Policies of MTA-STS that could not be fetched just now, and are left alone
 * for a while: RFC 8461 3.3. */
#ifndef LOOKUP_STS_REST_H
#define LOOKUP_STS_REST_H

#include "base/slice.h"
#include "mail/tlsrpt.h"

struct sts_rest;

struct sts_rest *sts_rest_new(void);
void sts_rest_free(struct sts_rest **rest);

/* From now on; all of it is copied. */
void sts_rest_begin(struct sts_rest *rest, struct slice domain, struct slice id,
		    enum tlsrpt_result failure, struct slice problem);
/* Whether it is left alone, and what it met. *ret_problem lives until the next
 * sts_rest_begin(). */
bool sts_rest_find(struct sts_rest *rest, struct slice domain, struct slice id,
		   enum tlsrpt_result *ret_failure, struct slice *ret_problem);

#endif
