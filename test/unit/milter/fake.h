/*
 * A chain, and the filters that it asks: scripts on the other ends of
 * socketpairs, in the same event loop. A filter answers "c" where nothing is
 * set, and notes what it is told, a packet a line.
 */
#ifndef TEST_MILTER_FAKE_H
#define TEST_MILTER_FAKE_H

#include "milter/chain.h"

#include <event2/buffer.h>

enum { FAKES = 3, SCRIPT = 16, TOLD = 1 << 18, EVENTS = 8192 };

struct fake_line {
	char command;
	const char *answer;
	bool is_used;
};

struct fake {
	struct world *w;
	int fd; /* or -1 */
	struct event *readable, *writable;
	struct evbuffer *out;
	uint32_t version, actions, steps;
	const char *symbols; /* after the options: "2i j" for stage 2 */
	struct fake_line script[SCRIPT];
	size_t script_count;

	int error;        /* what a connection gets instead */
	unsigned dead;    /* so many addresses fail before one works */
	bool has_more;    /* addresses, though this one connects */
	bool is_deaf;     /* connections are not answered */
	bool is_mute;     /* nor is the negotiation */
	bool has_macros;  /* D is noted too */
	unsigned wanted;  /* connections */
	unsigned attempt; /* of the last */
	unsigned reads;   /* it took to read all */
	void *token;      /* of the connection that is wanted, or NULL */
	struct event *connect;

	char in[1 << 18];
	size_t in_n;
	char told[TOLD];
	char body[1 << 21];
	size_t body_n;
};

struct world {
	struct event_base *base;
	struct milter_filter_config configs[FAKES];
	size_t count;
	unsigned message_ms;
	uint64_t body_limit;
	bool is_login_needed;
	bool frees_in_verdict;
	struct milter_set *set;
	struct milter_chain *chain;
	struct fake fakes[FAKES];
	const char *login;      /* {auth_authen}, or NULL */
	const char *queue_id;   /* i */
	unsigned verdict_count; /* that came later */
	struct milter_verdict verdict;
	char text[2048];     /* of it */
	char events[EVENTS]; /* a line each */
	int content;
	struct milter_message *message;
};

/* cmocka's; *state is the world, with one filter "a" that accepts all. */
int make_world(void **state);
int end_world(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

/* A second and third: "b", "c". Before open_chain(). */
struct fake *add_filter(struct world *w);
void open_chain(struct world *w);
/* fake.c's, for the world. */
void fake_init(struct fake *f, struct world *w);
void fake_end(struct fake *f);
void fake_hang_up(struct fake *f);
extern const struct milter_connector fake_connector;

/* What the filter says to its next such command: packets between "|". "c",
 * "y=550 no", "h=Name:value", "i=0:Name:value", "m=1:Name:value", "b=text",
 * "+=<a@b>", "q=why"; "!" hangs up, "" says nothing, "#n" is n octets of body.
 * "*..." for all of them from then on. */
void on(struct fake *f, char command, const char *answer);

/* The event's verdict in words: "go on", "550 5.7.1 no", "drop", "421 x",
 * with "!" before it when it is a failure. Waits for it. */
const char *connect_client(struct world *w);
const char *hello(struct world *w);
const char *mail_from(struct world *w, const char *sender);
const char *rcpt_to(struct world *w, const char *recipient);
const char *data(struct world *w);
const char *unknown(struct world *w, const char *line);
const char *content(struct world *w, const char *octets);
const char *content_of(struct world *w, struct slice octets);
/* CONNECT to DATA, one recipient; each goes on. */
void begin(struct world *w);
void begin_message(struct world *w);
/* Waits for the verdict of what returned v. */
const char *verdict(struct world *w, const struct milter_verdict *v);

/* All that can happen now. */
void turn(struct world *w);
/* What the filter was told since; and what the server was. */
void expect_told(struct fake *f, const char *want);
void expect_events(struct world *w, const char *want);
bool has_event(const struct world *w, const char *want);
void expect_unfiltered(struct world *w, const char *want);
/* The message as it would be written. */
void expect_header(struct world *w, const char *want);

#endif
