/* The arguments of an AUTH line. Pure. Private to this folder. */
#ifndef AUTH_LOGIN_REQUEST_H
#define AUTH_LOGIN_REQUEST_H

#include "auth/auth_line.h"
#include "auth/login.h"

/* What stands in front of the arguments: "AUTH", an id, a mechanism. */
enum { LOGIN_REQUEST_HEAD_OCTETS = 64 };

/* Writes what follows the mechanism's name. False when the initial response is
 * not base64, or the line would be too long. */
bool login_request_write(struct auth_writer *writer,
			 const struct login_params *params);

#endif
