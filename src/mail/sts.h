/*
 * MTA-STS (RFC 8461): what a domain demands of whoever brings it mail. The
 * record in DNS says that there is a policy, and which; the policy itself is a
 * text that the domain serves by HTTPS. Both are hostile.
 */
#ifndef MAIL_STS_H
#define MAIL_STS_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdbool.h>

enum {
	STS_ID_OCTETS = 32,
	STS_POLICY_OCTETS = 65536, /* RFC 8461 3.3 */
	STS_PATTERNS_MAX = 256,    /* a policy with more is none */
	STS_MAX_AGE_S = 31557600,  /* RFC 8461 3.2; more is taken for this */
	STS_TEXTS_MAX = 100,
};

/* Of _mta-sts.DOMAIN: there is a policy. */
enum {
	STS_RECORD_NONE = 1, /* no record, or more than one */
	STS_RECORD_SYNTAX,   /* one, and not of RFC 8461 3.1 */
};

/*
 * texts: those of the TXT records, count of them. *ret_id: the policy's name,
 * letters and digits; a view of texts. Returns 0 or STS_RECORD_*.
 */
int sts_record_parse(const struct slice *texts, size_t count,
		     struct slice *ret_id);

enum sts_mode {
	STS_NONE,    /* nothing is demanded (any more) */
	STS_TESTING, /* it is to be reported what would fail */
	STS_ENFORCE,
};

/* "none", "testing", "enforce". */
const char *sts_mode_word(enum sts_mode mode);

struct sts_policy {
	enum sts_mode mode;
	uint32_t max_age_s; /* so long it holds once it was fetched */
	/* The hosts that may take the domain's mail: canonical names
	 * (smtp/name.h), "*." before one stands for one label. */
	const struct slice *patterns;
	size_t pattern_count;
};

/*
 * RFC 8461 3.2. Lines end with LF or CRLF. What the policy points to is in
 * arena. Returns NULL, or in words what is wrong with it.
 */
const char *sts_policy_parse(struct slice text, struct arena *arena,
			     struct sts_policy *ret_policy);

/* Whether the host may take the mail: RFC 8461 4.1. host: canonical. */
bool sts_policy_names(const struct sts_policy *policy, struct slice host);

#endif
