/* Replies of the userdb protocol: USER, PASS, NOTFOUND and FAIL lines. Pure.
 * Private to this folder. */
#ifndef AUTH_USERDB_REPLY_H
#define AUTH_USERDB_REPLY_H

#include "auth/userdb.h"

struct userdb_reply {
	uint32_t id;
	struct userdb_result result; /* points into the line */
};

/* Reads a line, which is changed. False when it is not a reply: another
 * command or no usable id. */
bool userdb_reply_parse(char *line, size_t octets,
			struct userdb_reply *ret_reply);

#endif
