/* Who exists: a client of Dovecot's userdb socket, one kept connection, look-ups
 * pipelined. The answer is never guessed. */
#ifndef AUTH_USERDB_H
#define AUTH_USERDB_H

#include "base/slice.h"

#include <event2/event.h>

struct userdb_client;
struct userdb_lookup;

/* As in login.h. */
typedef void userdb_want_socket(void *arg);
struct userdb_client *userdb_client_new(struct event_base *base,
					userdb_want_socket *want, void *arg);
void userdb_client_free(struct userdb_client **client);
void userdb_client_connected(struct userdb_client *client, int fd, int error);

enum userdb_verdict {
	USERDB_FOUND,
	USERDB_NOT_FOUND,   /* also a uid under 500: no mailbox (3.) */
	USERDB_UNAVAILABLE, /* FAIL, no connection, time-out: 451 */
};

struct userdb_result {
	enum userdb_verdict verdict;
	struct slice user;   /* canonical name of USERDB_FOUND */
	struct slice reason; /* for the log; of USERDB_UNAVAILABLE */
};

typedef void userdb_on_result(const struct userdb_result *result, void *arg);

/*
 * Asks for a name ("user@domain", unquoted). service: "lmtp" for recipients,
 * "smtp" for questions about senders. The callback comes once, never at once;
 * after 30 s it is USERDB_UNAVAILABLE. A name that does not fit a line of the
 * protocol is not found.
 */
struct userdb_lookup *userdb_lookup(struct userdb_client *client,
				    struct slice name, const char *service,
				    userdb_on_result *on_result, void *arg);
void userdb_cancel(struct userdb_lookup **lookup);

#endif
