/* Replies of the auth client protocol: CONT, OK and FAIL lines, read into what
 * the caller of login.h gets to see. Pure. Private to this folder. */
#ifndef AUTH_LOGIN_REPLY_H
#define AUTH_LOGIN_REPLY_H

#include "auth/login.h"

enum {
	LOGIN_REPLY_FIELDS = 256, /* more are left out */
	LOGIN_REPLY_TEXT_OCTETS = 400,
};

struct login_reply {
	uint32_t id;
	struct login_result result; /* points into the line and into this */
	struct login_field fields[LOGIN_REPLY_FIELDS];
	char text[LOGIN_REPLY_TEXT_OCTETS];
};

/*
 * Reads a line, which is changed. False, with nothing promised about the
 * reply, when it is not one: another command or no usable id. A CONT whose
 * data is not base64 comes as LOGIN_UNAVAILABLE.
 */
bool login_reply_parse(char *line, size_t octets,
		       struct login_reply *ret_reply);

#endif
