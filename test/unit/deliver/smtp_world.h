/* A connection over a socketpair, its owner, and a server that says what the
 * test lets it say, in plain text or TLS. */
#ifndef TEST_SMTP_WORLD_H
#define TEST_SMTP_WORLD_H

#include "deliver/smtp_conn.h"

#include "../net/certificate.h"

enum { SMTP_WORLD_TEXT = 512, SMTP_WORLD_RECIPIENTS = 3 };

struct smtp_world {
	struct event_base *base;
	struct smtp_conn *conn;
	int server;
	SSL *ssl; /* the server's, once it speaks TLS */
	struct evbuffer *got;
	bool is_hung_up; /* by the client */

	struct certificate_pem root, pem; /* of mx.example */
	struct tls_client *client;

	struct smtp_recipient recipients[SMTP_WORLD_RECIPIENTS];
	struct smtp_message message;
	int content;

	/* What the owner was told: "idle done:D250+ ended:1 ". */
	char told[SMTP_WORLD_TEXT];
	bool frees_when_ended, frees_when_done;
	unsigned again; /* messages that are begun as soon as it is idle */
};

/* cmocka's; *state is the world. The test opens the connection. */
int smtp_world_make(void **state);
int smtp_world_end(void **state);
#define SMTP_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, smtp_world_make, smtp_world_end)

void smtp_world_open(struct smtp_world *w, enum smtp_security security,
		     unsigned patience_ms);
void smtp_world_open_to(struct smtp_world *w,
			const struct smtp_conn_config *config);
/* Without a server. */
void smtp_world_open_fd(struct smtp_world *w, int fd,
			const struct smtp_conn_config *config);
/* The message's content; recipients are c@d, e@f, g@h. */
void smtp_world_content(struct smtp_world *w, struct slice content);
/* Both sides, until neither has anything to do. */
void smtp_world_run(struct smtp_world *w);
/* Until the owner is told of the end, five seconds at most. */
void smtp_world_wait_end(struct smtp_world *w);

/* The server says this, and both react. */
void smtp_world_say(struct smtp_world *w, const char *text);
/* The server takes part in a handshake. */
void smtp_world_serve_tls(struct smtp_world *w);
void smtp_world_hang_up(struct smtp_world *w);
/* What the server got since; all of it. */
void smtp_world_expect(struct smtp_world *w, const char *text);
/* What the owner was told since. */
void smtp_world_expect_told(struct smtp_world *w, const char *text);
/* Greeting and EHLO, whose answer is hello. */
void smtp_world_greet(struct smtp_world *w, const char *hello);

#endif
