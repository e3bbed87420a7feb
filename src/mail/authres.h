/* Results of checks of a message's origin (RFC 8601 2.7). */
#ifndef MAIL_AUTHRES_H
#define MAIL_AUTHRES_H

/* One set for SPF, DKIM and DMARC: each gives some of them. */
enum authres_result {
	AUTHRES_NONE, /* nothing there to check */
	AUTHRES_PASS,
	AUTHRES_FAIL,
	AUTHRES_SOFTFAIL, /* SPF */
	AUTHRES_NEUTRAL,
	AUTHRES_POLICY, /* DKIM: good, but not good enough for us */
	AUTHRES_TEMPERROR,
	AUTHRES_PERMERROR,
	AUTHRES_COUNT,
};

/* "pass"; "?" for what is none. */
const char *authres_word(enum authres_result result);

#endif
