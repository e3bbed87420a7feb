/* What a server said it can do (RFC 5321 4.1.1.1), and what follows. */
#ifndef LMTP_FEATURES_H
#define LMTP_FEATURES_H

#include "lmtp/pool.h"

/* RFC 5321 4.5.3.1.3 has 256; UTF-8 and generous servers more. */
enum { LMTP_ADDRESS_OCTETS = 1000 };

struct lmtp_features {
	bool has_pipelining; /* RFC 2920 */
	bool has_chunking;   /* RFC 3030 */
	bool has_8bitmime;   /* RFC 6152 */
	bool has_smtputf8;   /* RFC 6531 */
	bool has_size;       /* RFC 1870 */
};

/* text: of the reply to LHLO, its lines separated by LF. */
void lmtp_features_parse(struct slice text, struct lmtp_features *ret_features);

/* The refusal of a request that such a server cannot be asked: an address in
 * UTF-8 without SMTPUTF8, or what is none at all. NULL if it can. */
const struct reply *lmtp_features_refuse(const struct lmtp_features *features,
					 const struct lmtp_request *request);

#endif
