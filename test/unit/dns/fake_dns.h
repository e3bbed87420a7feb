/* dns.h without DNS: questions wait until their answers are asked for, and
 * these come from the test. */
#ifndef TEST_UNIT_DNS_FAKE_DNS_H
#define TEST_UNIT_DNS_FAKE_DNS_H

#include "dns/dns.h"

/* The answer to a question; it lives until the next call. */
typedef const struct dns_answer *fake_dns_find(struct slice name,
					       enum dns_type type, void *arg);

struct dns *fake_dns_new(fake_dns_find *find, void *arg);
/* Answers the oldest open question; false: there is none. */
bool fake_dns_answer_one(struct dns *dns);
size_t fake_dns_open(const struct dns *dns);
/* Asked since its birth. */
size_t fake_dns_asked(const struct dns *dns);
void fake_dns_free(struct dns **dns);

#endif
