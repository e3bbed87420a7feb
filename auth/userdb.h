/* Who exists: a client of Dovecot's userdb socket, one kept connection, look-ups
 * pipelined. The answer is never guessed. */
#ifndef AUTH_USERDB_H
#define AUTH_USERDB_H

#include "auth/auth_event.h"
#include "base/slice.h"

#include <event2/event.h>

struct userdb_client;
struct userdb_lookup;

/* All of these as in login.h; a look-up waits 5 s for a connection and 25 s
 * for its answer. */
typedef void userdb_want_socket(void *arg);
struct userdb_client *userdb_client_new(struct event_base *base,
					userdb_want_socket *want, void *arg);
void userdb_client_free(struct userdb_client **client);
void userdb_client_on_event(struct userdb_client *client,
			    auth_on_event *on_event, void *arg);
void userdb_client_set_timeouts(struct userdb_client *client, int connection_ms,
				int answer_ms);
void userdb_client_connected(struct userdb_client *client, int fd, int error);

enum userdb_verdict {
	USERDB_FOUND,
	USERDB_NOT_FOUND,   /* also a uid under 500: a system account, whose
	                       mailbox Dovecot will not open */
	USERDB_UNAVAILABLE, /* FAIL, no connection, time-out: 451 */
};

struct userdb_result {
	enum userdb_verdict verdict;
	struct slice user;   /* canonical name of USERDB_FOUND */
	struct slice reason; /* for the log; of USERDB_UNAVAILABLE, or empty */
};

typedef void userdb_on_result(const struct userdb_result *result, void *arg);

/*
 * Asks for a name ("user@domain", unquoted). service: "lmtp" for recipients,
 * "smtp" for questions about senders. The callback comes once, never at once,
 * after 30 s with USERDB_UNAVAILABLE; the look-up is gone then. The result is
 * valid during the call only. A look-up whose connection is lost is sent again
 * on the next one. An empty name and one that does not fit a line of the
 * protocol are not found.
 */
struct userdb_lookup *userdb_lookup(struct userdb_client *client,
				    struct slice name, const char *service,
				    userdb_on_result *on_result, void *arg);
/* No callback follows. */
void userdb_cancel(struct userdb_lookup **lookup);

#endif
