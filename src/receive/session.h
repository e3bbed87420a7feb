/* One client: an SMTP session from greeting to the end, RFC 5321. */
#ifndef RECEIVE_SESSION_H
#define RECEIVE_SESSION_H

struct session;

#endif
