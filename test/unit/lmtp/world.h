/* A pool, and the servers that it talks to: what the tests of it share. */
#ifndef TEST_LMTP_WORLD_H
#define TEST_LMTP_WORLD_H

#include "lmtp/pool.h"

enum { SERVERS = 8, RESULTS = 16, TEXT = 64 };

struct result {
	enum lmtp_end end;
	unsigned code;
	char text[TEXT];
	const char *who;
};

/* A pool, and the servers' ends of its connections. */
struct world {
	struct event_base *base;
	struct lmtp_pool *pool;
	struct lmtp_pool_config config;
	int servers[SERVERS];
	unsigned wanted, connected;
	int error; /* what a wanted socket gets instead */
	unsigned told_features;
	bool has_smtputf8;
	struct result results[RESULTS];
	unsigned result_count;
	unsigned again; /* deliveries that the next results ask for */
	int content;
};

/* cmocka's; *state is the world. The pool is opened by the test. */
int make_world(void **state);
int end_world(void **state);
void open_pool(struct world *w);

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

/* who is the recipient, and the name of the result. */
struct lmtp_delivery *deliver(struct world *w, const char *who, bool urgent);
struct lmtp_delivery *deliver_octets(struct world *w, const char *who,
				     bool urgent, uint64_t octets);

/* All that can happen now. */
void turn(struct world *w);
/* Waits for one timer of a few milliseconds and what follows. */
void wait_timer(struct world *w);

/* Lets server i say this, and the pool react. */
void say(struct world *w, unsigned i, const char *text);
/* What server i has been told since. */
void expect(struct world *w, unsigned i, const char *want);
/* Greets and answers LHLO, with PIPELINING and CHUNKING. */
void greet(struct world *w, unsigned i);
bool is_hung_up(const struct world *w, unsigned i);
void hang_up(struct world *w, unsigned i);

void expect_result(const struct world *w, unsigned i, const char *who,
		   enum lmtp_end end, unsigned code, const char *text);

#endif
