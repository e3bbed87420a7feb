/* What the queue's tests share: a directory, an engine with settings that do
 * not wait, links that record what is sent over them. */
#ifndef TEST_QUEUE_FIXTURE_H
#define TEST_QUEUE_FIXTURE_H

#include "queue/engine.h"
#include "queue/store.h"

#include <sys/types.h>

enum { FIXTURE_LINKS = 4, FIXTURE_SENT = 20000 };

/* One message a link was sent; texts and content are copies. */
struct sent {
	struct link *to;
	enum message_type type;
	/* number: error, total, count; TLS's level or floor */
	uint64_t id, queue_id, row, number;
	bool has_room;     /* of DOMAIN_TLS_END: more follows */
	uint64_t next_try; /* of QUEUE_ENTRY */
	char *address;
	enum target_kind kind; /* of ATTEMPT and QUEUE_ENTRY */
	char *via;             /* of ATTEMPT; of SRS_KEYS: the current one */
	char *from;            /* of ATTEMPT: the reverse path */
	char *hold;            /* of QUEUE_ENTRY */
	char *content;         /* of ATTEMPT; NUL-terminated */
	size_t content_octets;
	int fd; /* of SPOOL */
};

struct fixture {
	char dir[64];
	struct queue_settings settings;
	struct peers peers;
	struct engine *engine;
	bool has_deliver, has_receive;
	struct sent *sent;
	size_t sent_count;
};

/* Links stand for two receives, deliver, control. */
struct link *fixture_receive(void);
struct link *fixture_other_receive(void);
struct link *fixture_deliver(void);
struct link *fixture_control(void);

/*
 * Runs the tests with the queue in a directory, and then in PostgreSQL where
 * that is installed; run gets the name of the group. Returns what main() does.
 */
int fixture_run_on_both(int (*run)(const char *group));
/* Where the queue of this node is, and an empty one before each test. */
struct store_place fixture_place(const char *dir);
void fixture_empty_database(void);
int fixture_open_store(const char *dir, struct store **ret_store);
/* The number of files that count contents are kept in. */
size_t fixture_content_files(size_t count);

void fixture_make_dir(char dir[64]);
void fixture_remove_dir(const char *dir);
/* How many files are in dir/spool. */
size_t fixture_spool_files(const char *dir);

struct fixture *fixture_new(void);
void fixture_free(struct fixture **f);
/* As kill -9 and a new start. */
void fixture_restart(struct fixture *f);
/* Runs the engine until it wants no more. */
void fixture_run(struct fixture *f);

/* A sealed memfd with that text. */
int fixture_memfd(const char *text, size_t octets);

/* An ENQUEUE to one recipient; change it and send it. */
struct message fixture_enqueue(struct recipient *recipient, const char *to);
/* Sends it with the content. */
void fixture_send(struct fixture *f, struct message *m, const char *text,
		  size_t octets);
/* deliver answers the attempt with that id. */
void fixture_result(struct fixture *f, uint64_t id, enum outcome_kind kind,
		    uint16_t code, const char *text);
/* receive answers the look-up with that id. */
void fixture_resolved(struct fixture *f, uint64_t id,
		      enum resolve_result result, const char *mailbox);
/* control wants a change; 0 and "" for all. Returns how many recipients. */
uint64_t fixture_change(struct fixture *f, enum queue_change change,
			uint64_t queue_id, const char *trace);
/* The same, with any selector; a hold's reason is "look first". */
uint64_t fixture_change_selected(struct fixture *f, enum queue_change change,
				 struct selector selector, bool is_all);
/* control wants all to be tried now. */
void fixture_hurry(struct fixture *f);
/* Recipients in the queue, asked over its messages. */
uint64_t fixture_total(struct fixture *f);

/* The number nth (from 0) message of that type, or NULL. */
struct sent *fixture_find(struct fixture *f, enum message_type type,
			  size_t nth);
size_t fixture_count(const struct fixture *f, enum message_type type);
/* Forgets what was sent. */
void fixture_clear(struct fixture *f);

#endif
