/*
 * The sender of mail that an alias sends outside, by the Sender Rewriting
 * Scheme: it gets a domain of ours, so that SPF (RFC 7208) there asks us, and
 * reports find their way back through us.
 *
 *   SRS0=HASH=DAY=domain=local@ours    for local@domain
 *   SRS1=HASH=first==...=@ours         for SRS0=...@first: reports go there
 *
 * No RFC describes it. HASH is HMAC-SHA256 of what follows it, the first 40
 * bits in base32 (RFC 4648 6), and reads the same in either case, since some
 * fold local parts. DAY is the day modulo 1024. What we did not write, or wrote
 * over SRS_DAYS days ago, leads nowhere: nobody can use us to send mail to
 * whom he likes. SRS1 has no day of ours; the first host looks at its own.
 */
#ifndef MAIL_SRS_H
#define MAIL_SRS_H

#include "smtp/address.h"

#include <stdint.h>

enum {
	SRS_DAYS = 21,
	SRS_KEY_OCTETS = 32,
	SRS_PATH_OCTETS = 254, /* RFC 5321 4.5.3.1.3, less the brackets */
};

/* Both may be read, the newer one is written with. */
struct srs_keys {
	struct slice current;  /* empty: there are none */
	struct slice previous; /* empty: there is one only */
};

/* Keys and their octets: it cannot be copied. */
struct srs_keyring {
	struct srs_keys keys;
	char octets[2][SRS_KEY_OCTETS];
};

/* Copies them; what is not SRS_KEY_OCTETS long is none. Returns whether they
 * are others than before. */
bool srs_keyring_set(struct srs_keyring *k, struct slice current,
		     struct slice previous);

/*
 * The local part that sender gets in a domain of ours, in arena. sender is not
 * null, and has a domain that is no literal. now: wall-clock seconds. It may be
 * too long for a path (SRS_PATH_OCTETS): then the sender should stay.
 */
struct slice srs_forward(const struct srs_keys *keys,
			 const struct address *sender, int64_t now,
			 struct arena *arena);

enum srs_result {
	SRS_OK,
	SRS_NONE,    /* it does not look like one */
	SRS_FORGED,  /* it does, but none of our keys made it */
	SRS_EXPIRED, /* we did, too long ago, or in the future */
};

/* The way back from a local part at a domain of ours: *ret_address lives in
 * arena, and is set for SRS_OK only. */
enum srs_result srs_reverse(const struct srs_keys *keys, struct slice local,
			    int64_t now, struct arena *arena,
			    struct address *ret_address);

#endif
