/* What happens to a connection to Dovecot, for whoever wants to log it. The
 * library itself never logs. */
#ifndef AUTH_AUTH_EVENT_H
#define AUTH_AUTH_EVENT_H

enum auth_event {
	AUTH_CONNECTED,    /* the handshake is done */
	AUTH_LOST,         /* a working connection ended; it is made anew */
	AUTH_UNREACHABLE,  /* none can be made; told once for each reason */
	AUTH_WRONG_SOCKET, /* it is a socket of another kind */
	AUTH_RESTRICTED,   /* a userdb socket that tells us nothing */
};

/* text: one sentence without a full stop, for the log. */
typedef void auth_on_event(enum auth_event event, const char *text, void *arg);

#endif
