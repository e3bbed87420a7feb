/* One DMARC record: RFC 9989 4.7, 4.8. */
#ifndef MAIL_DMARC_RECORD_H
#define MAIL_DMARC_RECORD_H

#include "base/slice.h"

enum {
	DMARC_RECORD_OCTETS = 4096,
	DMARC_URIS_OCTETS = 1024, /* longer rua and ruf are left out */
};

enum dmarc_policy { DMARC_NONE, DMARC_QUARANTINE, DMARC_REJECT };

/* "reject"; "?" for what is none. */
const char *dmarc_policy_word(enum dmarc_policy policy);

enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

enum dmarc_fo {                    /* bits */
		DMARC_FO_ALL = 1,  /* "0" */
		DMARC_FO_ANY = 2,  /* "1" */
		DMARC_FO_DKIM = 4, /* "d" */
		DMARC_FO_SPF = 8,  /* "s" */
};

struct dmarc_record {
	enum dmarc_policy p, sp, np; /* defaults are filled in */
	bool has_np;
	bool is_dkim_strict, is_spf_strict; /* adkim=s, aspf=s */
	bool is_test;                       /* t=y */
	enum dmarc_psd psd;
	unsigned fo;
	struct slice rua, ruf; /* printable ASCII, views of the text */
	bool is_7489;
};

enum {
	DMARC_OTHER = 1, /* no DMARC record: it does not begin with v=DMARC1 */
	DMARC_UNUSABLE,  /* p, sp or np is not valid, and there is no rua */
};

/*
 * Reads one TXT record, its strings joined. What is not valid is as if it was
 * not there (RFC 9989 4.8); an invalid p, sp or np makes it "p=none" where
 * reports are asked for. Returns 0 or DMARC_*; of an UNUSABLE one psd is of
 * use still.
 */
int dmarc_parse(struct slice text, struct dmarc_record *ret_record);

#endif
