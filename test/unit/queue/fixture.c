#include "fixture.h"

#include "postgres.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only their addresses matter. */
static char link_places[FIXTURE_LINKS];

static struct link *link_at(int i)
{
	return (struct link *)(void *)&link_places[i];
}

struct link *fixture_receive(void)
{
	return link_at(0);
}

struct link *fixture_other_receive(void)
{
	return link_at(1);
}

struct link *fixture_deliver(void)
{
	return link_at(2);
}

struct link *fixture_control(void)
{
	return link_at(3);
}

/* --- which store -------------------------------------------------------------- */

/* Of the test program; without a URI the queue is in a directory. */
static struct postgres postgres;

struct store_place fixture_place(const char *dir)
{
	return (struct store_place){ .dir = dir, .database = postgres.uri };
}

int fixture_open_store(const char *dir, struct store **ret_store)
{
	const struct store_place place = fixture_place(dir);

	return store_open(&place, ret_store);
}

void fixture_empty_database(void)
{
	if (postgres.uri[0] == '\0' ||
	    postgres_run(&postgres,
			 "SELECT coalesce(to_regclass('culver.version')::oid"
			 "::bigint, 0)") == 0)
		return;
	(void)postgres_run(&postgres, "DELETE FROM culver.recipient;"
				      "DELETE FROM culver.message;"
				      "DELETE FROM culver.secret;"
				      "DELETE FROM culver.domain_tls;"
				      "DELETE FROM culver.sts_policy;"
				      "DELETE FROM culver.tls_count;"
				      "DELETE FROM culver.tls_report;"
				      "DELETE FROM culver.dmarc_count;"
				      "DELETE FROM culver.login_usage;"
				      "DELETE FROM culver.correspondent;"
				      "DELETE FROM culver.node");
}

size_t fixture_content_files(size_t count)
{
	return postgres.uri[0] != '\0' ? 0 : count;
}

int fixture_run_on_both(int (*run)(const char *group))
{
	int failed = run("SQLite");

	if (!postgres_start(&postgres)) {
		(void)fprintf(stderr, "PostgreSQL is not installed\n");
		return failed;
	}
	failed += run("PostgreSQL");
	postgres_stop(&postgres);
	return failed;
}

/* --- directories ------------------------------------------------------------- */

void fixture_make_dir(char dir[64])
{
	(void)snprintf(dir, 64, "/tmp/culver-queue-XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
}

static size_t each_file(const char *dir, bool removes)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	size_t count = 0;

	if (d == NULL)
		return 0;
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (removes)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	(void)closedir(d);
	return count;
}

size_t fixture_spool_files(const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/spool", dir);
	return each_file(path, false);
}

void fixture_remove_dir(const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/spool", dir);
	(void)each_file(path, true);
	(void)rmdir(path);
	(void)each_file(dir, true);
	(void)rmdir(dir);
}

/* --- links --------------------------------------------------------------------- */

static size_t list(void *arg, enum role role,
		   struct link *ret_links[ROLE_INDEX_MAX])
{
	const struct fixture *f = arg;

	if (role == ROLE_DELIVER && f->has_deliver)
		ret_links[0] = fixture_deliver();
	else if (role == ROLE_RECEIVE && f->has_receive)
		ret_links[0] = fixture_receive();
	else
		return 0;
	return 1;
}

static char *text_of(struct slice s)
{
	char *text = mem_new(s.n + 1);

	if (s.n > 0)
		memcpy(text, s.p, s.n);
	return text;
}

static void record_attempt(struct sent *s, const struct msg_attempt *m, int fd)
{
	ssize_t n;

	s->id = m->id;
	s->address = text_of(m->target.address);
	s->via = text_of(m->target.via);
	s->from = text_of(m->reverse_path);
	s->kind = m->target.kind;
	s->number = m->tls_floor;
	s->content_octets = m->content_octets;
	s->content = mem_new(m->content_octets + 1);
	n = pread(fd, s->content, m->content_octets, 0);
	assert(n == (ssize_t)m->content_octets);
	(void)n;
}

static void record(struct sent *s, const struct message *m, int fd)
{
	switch ((int)m->type) {
	case MESSAGE_SPOOL:
		s->id = m->spool.id;
		s->number = m->spool.error;
		s->row = m->spool.spool_id;
		s->fd = fd >= 0 ? dup(fd) : -1;
		break;
	case MESSAGE_ENQUEUED:
		s->id = m->enqueued.id;
		s->number = m->enqueued.error;
		s->queue_id = m->enqueued.queue_id;
		break;
	case MESSAGE_ROOM:
		s->has_room = m->room.has_room;
		break;
	case MESSAGE_SRS_KEYS:
		s->via = text_of(m->srs_keys.current);
		s->number = m->srs_keys.current.n;
		break;
	case MESSAGE_RESOLVE:
		s->id = m->resolve.id;
		s->address = text_of(m->resolve.address);
		break;
	case MESSAGE_ATTEMPT:
		record_attempt(s, &m->attempt, fd);
		break;
	case MESSAGE_QUEUE_ENTRY:
		s->queue_id = m->queue_entry.queue_id;
		s->number = m->queue_entry.attempts;
		s->next_try = m->queue_entry.next_try;
		s->address = text_of(m->queue_entry.target.address);
		s->kind = m->queue_entry.target.kind;
		s->hold = text_of(m->queue_entry.hold);
		s->content = text_of(m->queue_entry.reason);
		break;
	case MESSAGE_QUEUE_LIST_END:
		s->number = m->queue_list_end.total;
		s->row = m->queue_list_end.after;
		break;
	case MESSAGE_DOMAIN_TLS_ENTRY:
		s->number = m->domain_tls_entry.level;
		s->address = text_of(m->domain_tls_entry.destination);
		s->content = text_of(m->domain_tls_entry.reason);
		break;
	case MESSAGE_DOMAIN_TLS_END:
		s->number = m->domain_tls_end.error;
		s->has_room = !m->domain_tls_end.is_last;
		s->address = text_of(m->domain_tls_end.after);
		break;
	case MESSAGE_TLS_REPORT_ENTRY:
		s->address = text_of(m->tls_report_entry.domain);
		s->content = text_of(m->tls_report_entry.report);
		break;
	case MESSAGE_TLS_REPORT_END:
		s->number = m->tls_report_end.error;
		s->has_room = !m->tls_report_end.is_last;
		break;
	case MESSAGE_TLSRPT_WANTED:
		s->id = m->tlsrpt_wanted.id;
		s->address = text_of(m->tlsrpt_wanted.domain);
		break;
	case MESSAGE_HTTPS_POST:
		s->id = m->https_post.id;
		s->address = text_of(m->https_post.url);
		break;
	case MESSAGE_DOMAIN_TLS_FORGOTTEN:
		s->number = m->domain_tls_forgotten.count;
		break;
	case MESSAGE_SENDER_TLS:
		s->number = m->sender_tls.level;
		break;
	case MESSAGE_SPENT:
		s->number = m->spent.exceeded;
		s->queue_id = m->spent.error;
		s->next_try = m->spent.resets;
		break;
	case MESSAGE_USAGE_ENTRY:
		s->number = m->usage_entry.messages;
		s->row = m->usage_entry.recipients;
		s->has_room = !m->usage_entry.is_blocked;
		s->address = text_of(m->usage_entry.login);
		break;
	case MESSAGE_USAGE_END:
		s->number = m->usage_end.error;
		s->has_room = !m->usage_end.is_last;
		s->address = text_of(m->usage_end.after);
		break;
	case MESSAGE_USAGE_FORGOTTEN:
		s->number = m->usage_forgotten.count;
		break;
	case MESSAGE_QUEUE_CHANGED:
		s->number = m->queue_changed.count;
		break;
	default:
		abort();
	}
}

static void send_it(void *arg, struct link *to, const struct message *m, int fd)
{
	struct fixture *f = arg;
	struct sent *s = &f->sent[f->sent_count++];

	assert(f->sent_count < FIXTURE_SENT);
	*s = (struct sent){ .to = to, .type = m->type, .fd = -1 };
	record(s, m, fd);
}

void fixture_clear(struct fixture *f)
{
	for (size_t i = 0; i < f->sent_count; i++) {
		mem_free(&f->sent[i].address);
		mem_free(&f->sent[i].via);
		mem_free(&f->sent[i].from);
		mem_free(&f->sent[i].hold);
		mem_free(&f->sent[i].content);
		fd_close(&f->sent[i].fd);
	}
	f->sent_count = 0;
}

struct sent *fixture_find(struct fixture *f, enum message_type type, size_t nth)
{
	for (size_t i = 0; i < f->sent_count; i++)
		if (f->sent[i].type == type && nth-- == 0)
			return &f->sent[i];
	return NULL;
}

size_t fixture_count(const struct fixture *f, enum message_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < f->sent_count; i++)
		count += f->sent[i].type == type;
	return count;
}

/* --- the engine ------------------------------------------------------------------ */

static void open_engine(struct fixture *f)
{
	const struct store_place place = fixture_place(f->dir);

	if (engine_open(&place, &f->settings, &f->peers, &f->engine) < 0)
		abort();
}

struct fixture *fixture_new(void)
{
	struct fixture *f = mem_new(sizeof(*f));

	log_set_level(LOG_PANIC);
	fixture_make_dir(f->dir);
	fixture_empty_database();
	f->settings = (struct queue_settings){
		.schedule = { .first_s = 60,
			      .longest_s = 1800,
			      .lifetime_s = 432000 },
		.report_lifetime_s = 86400,
		.tls_memory_s = 86400,
		.hostname = S("mail.example.com"),
	};
	f->peers = (struct peers){ .list = list, .send = send_it, .arg = f };
	f->has_deliver = f->has_receive = true;
	f->sent = mem_array(FIXTURE_SENT, sizeof(*f->sent));
	open_engine(f);
	return f;
}

void fixture_free(struct fixture **f)
{
	fixture_clear(*f);
	engine_free(&(*f)->engine);
	fixture_remove_dir((*f)->dir);
	mem_free(&(*f)->sent);
	mem_free(f);
}

void fixture_restart(struct fixture *f)
{
	engine_free(&f->engine);
	fixture_clear(f);
	open_engine(f);
}

void fixture_run(struct fixture *f)
{
	while (engine_wants_run(f->engine))
		engine_run(f->engine);
}

int fixture_memfd(const char *text, size_t octets)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, text, octets) != (ssize_t)octets ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		abort();
	return fd;
}

struct message fixture_enqueue(struct recipient *recipient, const char *to)
{
	static uint64_t last_id;
	struct message m = { .type = MESSAGE_ENQUEUE, .fd = -1 };

	*recipient = (struct recipient){ .target.address = slice_of(to),
					 .original = slice_of(to) };
	m.enqueue = (struct msg_enqueue){
		.id = ++last_id,
		.trace = S("0123456789abcdef"),
		.reverse_path = S("alice@example.com"),
		.recipients = { recipient, 1 },
	};
	return m;
}

void fixture_send(struct fixture *f, struct message *m, const char *text,
		  size_t octets)
{
	m->fd = fixture_memfd(text, octets);
	m->enqueue.content_octets = octets;
	engine_on_message(f->engine, fixture_receive(), m);
	fd_close(&m->fd);
}

void fixture_result(struct fixture *f, uint64_t id, enum outcome_kind kind,
		    uint16_t code, const char *text)
{
	struct message m = { .type = MESSAGE_ATTEMPT_RESULT, .fd = -1 };

	m.attempt_result = (struct msg_attempt_result){
		.id = id,
		.outcome = { .kind = kind,
			     .code = code,
			     .status = { (uint8_t)(code / 100), 2, 2 },
			     .text = slice_of(text) },
	};
	engine_on_message(f->engine, fixture_deliver(), &m);
	fixture_run(f);
}

void fixture_resolved(struct fixture *f, uint64_t id,
		      enum resolve_result result, const char *mailbox)
{
	struct message m = { .type = MESSAGE_RESOLVED, .fd = -1 };
	const struct target to = { .kind = TARGET_MAILBOX,
				   .address = slice_of(mailbox) };

	m.resolved = (struct msg_resolved){
		.id = id,
		.result = result,
		.targets = { &to, mailbox != NULL },
	};
	engine_on_message(f->engine, fixture_receive(), &m);
	fixture_run(f);
}

uint64_t fixture_change_selected(struct fixture *f, enum queue_change change,
				 struct selector selector, bool is_all)
{
	struct message m = { .type = MESSAGE_QUEUE_CHANGE, .fd = -1 };
	size_t before = fixture_count(f, MESSAGE_QUEUE_CHANGED);
	const struct sent *s;

	m.queue_change = (struct msg_queue_change){ .change = change,
						    .selector = selector,
						    .is_all = is_all,
						    .reason = S("look first") };
	engine_on_message(f->engine, fixture_control(), &m);
	fixture_run(f);
	s = fixture_find(f, MESSAGE_QUEUE_CHANGED, before);
	assert(s != NULL);
	return s != NULL ? s->number : 0;
}

uint64_t fixture_change(struct fixture *f, enum queue_change change,
			uint64_t queue_id, const char *trace)
{
	return fixture_change_selected(
		f, change,
		(struct selector){ .queue_id = queue_id,
				   .trace = slice_of(trace) },
		queue_id == 0 && trace[0] == '\0');
}

void fixture_hurry(struct fixture *f)
{
	(void)fixture_change(f, QUEUE_CHANGE_RETRY, 0, "");
}

uint64_t fixture_total(struct fixture *f)
{
	struct message m = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };
	struct sent *end;
	uint64_t total;

	m.queue_list.limit = 0;
	engine_on_message(f->engine, fixture_control(), &m);
	end = &f->sent[f->sent_count - 1];
	assert(end->type == MESSAGE_QUEUE_LIST_END);
	total = end->number;
	f->sent_count--;
	return total;
}
