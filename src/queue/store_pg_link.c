#include "queue/store_pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { NAME_OCTETS = 16 };

/* --- failures ----------------------------------------------------------------------- */

static void note_problem(struct pg *s, const char *text)
{
	size_t n;

	(void)snprintf(s->problem, sizeof(s->problem), "%s", text);
	n = strlen(s->problem);
	while (n > 0 && s->problem[n - 1] == '\n')
		s->problem[--n] = '\0';
}

void pg_close(struct pg *s)
{
	if (s->conn != NULL)
		PQfinish(s->conn);
	s->conn = NULL;
	s->posted = 0;
}

static int lose(struct pg *s, const char *text)
{
	note_problem(s, text != NULL ? text : PQerrorMessage(s->conn));
	pg_close(s);
	if (!s->was_lost)
		LOG(LOG_WARNING, NULL, "lost the queue's database",
		    log_string("database", s->problem));
	s->was_lost = true;
	return -ENOTCONN;
}

/* By the class of SQLSTATE, or the whole of it: appendix A of the manual. */
static int errno_of(const char *state)
{
	static const struct {
		const char *state;
		int error;
	} known[] = {
		{ "53", -ENOSPC },     { "40", -EAGAIN },
		{ "55P03", -EAGAIN },  { "23505", -EEXIST },
		{ "25006", -EROFS },   { "42501", -EACCES },
		{ "XX001", -EUCLEAN }, { "XX002", -EUCLEAN },
	};

	for (size_t i = 0; state != NULL && i < sizeof(known) / sizeof(*known);
	     i++)
		if (strncmp(state, known[i].state, strlen(known[i].state)) == 0)
			return known[i].error;
	return -EIO;
}

static int check(struct pg *s, const PGresult *result)
{
	switch ((int)PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_PIPELINE_SYNC:
		return 0;
	case PGRES_PIPELINE_ABORTED:
		return -EIO; /* what failed came before */
	default:
		note_problem(s, PQresultErrorMessage(result));
		return errno_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
	}
}

/* --- waiting ------------------------------------------------------------------------- */

/* Returns 0, or -ETIMEDOUT. */
static int wait_for(PGconn *conn, short what, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = PQsocket(conn), .events = what };
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms >= deadline_ms)
		return -ETIMEDOUT;
	(void)poll(&p, 1, (int)(deadline_ms - now_ms));
	return 0;
}

static const char too_slow[] = "the database does not answer in time";

/* A turn of waiting with what is to be sent. is_done: nothing is. */
static int pump(struct pg *s, bool *ret_is_done)
{
	int unsent = PQflush(s->conn);

	if (unsent < 0)
		return lose(s, NULL);
	*ret_is_done = unsent == 0;
	return 0;
}

static int wait_pumping(struct pg *s, uint64_t deadline_ms, bool is_done)
{
	short what = is_done ? POLLIN : POLLIN | POLLOUT;

	if (wait_for(s->conn, what, deadline_ms) < 0)
		return lose(s, too_slow);
	return PQconsumeInput(s->conn) == 1 ? 0 : lose(s, NULL);
}

static int next_result(struct pg *s, uint64_t deadline_ms,
		       PGresult **ret_result)
{
	for (;;) {
		bool is_done;
		int r = pump(s, &is_done);

		if (r == 0 && !PQisBusy(s->conn))
			break;
		if (r == 0)
			r = wait_pumping(s, deadline_ms, is_done);
		if (r < 0)
			return r;
	}
	*ret_result = PQgetResult(s->conn);
	return 0;
}

/* --- statements ------------------------------------------------------------------------ */

static void name_of(enum pg_statement which, char ret_name[NAME_OCTETS])
{
	(void)snprintf(ret_name, NAME_OCTETS, "s%d", (int)which);
}

/* Results come as they were asked for, each with a NULL behind it. */
static int read_posted(struct pg *s, uint64_t deadline_ms, int error,
		       PGresult **ret_last)
{
	while (s->posted > 0) {
		PGresult *result = NULL, *end = NULL;
		int r = next_result(s, deadline_ms, &result);

		if (r == 0)
			r = check(s, result);
		if (error == 0)
			error = r;
		if (s->conn != NULL && PQstatus(s->conn) == CONNECTION_BAD)
			error = lose(s, NULL);
		if (s->conn == NULL || next_result(s, deadline_ms, &end) < 0) {
			PQclear(result);
			return -ENOTCONN;
		}
		PQclear(end);
		s->posted--;
		if (s->posted > 0)
			PQclear(result);
		else
			*ret_last = result;
	}
	return error;
}

/* Ends the pipeline's segment. */
static int collect(struct pg *s, PGresult **ret_last)
{
	uint64_t deadline_ms = clock_monotonic_ms() + PG_ANSWER_MS;
	PGresult *sync = NULL, *last = NULL;
	int r;

	if (PQpipelineSync(s->conn) != 1)
		return lose(s, NULL);
	r = read_posted(s, deadline_ms, 0, &last);
	if (s->conn != NULL && next_result(s, deadline_ms, &sync) < 0)
		r = -ENOTCONN;
	PQclear(sync);
	if (r == 0 && ret_last != NULL)
		*ret_last = last;
	else
		PQclear(last);
	return r;
}

/* Big parameters are sent at once, so that they do not gather. */
static int send_all(struct pg *s)
{
	uint64_t deadline_ms = clock_monotonic_ms() + PG_ANSWER_MS;
	bool is_done = false;

	for (;;) {
		int r = pump(s, &is_done);

		if (r < 0 || is_done)
			return r;
		r = wait_pumping(s, deadline_ms, is_done);
		if (r < 0)
			return r;
	}
}

int pg_post(struct pg *s, enum pg_statement which, const struct pg_params *p)
{
	static const struct pg_params none;
	char name[NAME_OCTETS];

	if (s->conn == NULL)
		return -ENOTCONN;
	if (p == NULL)
		p = &none;
	name_of(which, name);
	if (PQsendQueryPrepared(s->conn, name, p->count, p->values, p->lengths,
				p->formats, 1) != 1)
		return lose(s, NULL);
	s->posted++;
	return send_all(s);
}

int pg_ask(struct pg *s, enum pg_statement which, const struct pg_params *p,
	   PGresult **ret_result)
{
	int r = pg_post(s, which, p);

	return r < 0 ? r : collect(s, ret_result);
}

int pg_settle(struct pg *s)
{
	return s->conn == NULL ? -ENOTCONN : collect(s, NULL);
}

/* --- a new connection -------------------------------------------------------------------- */

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static int connect_now(struct pg *s, uint64_t deadline_ms)
{
	/* Later ones win. Kerberos would want files. */
	static const char *const names[] = { "gssencmode", "sslmode", "dbname",
					     "fallback_application_name",
					     NULL };
	const char *sslmode = s->is_remote ? "verify-full" : NULL;
	const char *const values[] = { "disable", sslmode, s->uri, "culver",
				       NULL };
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	s->conn = PQconnectStartParams(names, values, 1);
	if (s->conn == NULL)
		return -ENOMEM;
	(void)PQsetNoticeReceiver(s->conn, ignore_notice, NULL);
	if (PQstatus(s->conn) == CONNECTION_BAD)
		return lose(s, NULL);
	while (state != PGRES_POLLING_OK) {
		short what = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (wait_for(s->conn, what, deadline_ms) < 0)
			return lose(s, too_slow);
		state = PQconnectPoll(s->conn);
		if (state == PGRES_POLLING_FAILED)
			return lose(s, NULL);
	}
	return PQsetnonblocking(s->conn, 1) == 0 ? 0 : lose(s, NULL);
}

/* Several statements in one text, without a pipeline; their last result. */
static int run_text(struct pg *s, const char *text, uint64_t deadline_ms,
		    PGresult **ret_last)
{
	PGresult *result = NULL;
	int error = 0;

	if (PQsendQuery(s->conn, text) != 1)
		return lose(s, NULL);
	for (;;) {
		int r = next_result(s, deadline_ms, &result);

		if (r == 0 && result != NULL)
			r = check(s, result);
		if (error == 0)
			error = r;
		if (s->conn == NULL || result == NULL)
			return error;
		PQclear(*ret_last);
		*ret_last = result;
		result = NULL;
	}
}

static int make_schema(struct pg *s, uint64_t deadline_ms)
{
	PGresult *last = NULL;
	int r = run_text(s, pg_session, deadline_ms, &last);
	bool is_there = r == 0 && PQntuples(last) == 1 &&
			PQgetvalue(last, 0, 0)[0] == 't';

	if (r == 0 && !is_there)
		r = run_text(s, pg_schema, deadline_ms, &last);
	PQclear(last);
	return r;
}

static int prepare(struct pg *s)
{
	if (PQenterPipelineMode(s->conn) != 1)
		return lose(s, NULL);
	for (int i = 0; i < PG_STATEMENTS; i++) {
		char name[NAME_OCTETS];

		name_of((enum pg_statement)i, name);
		if (PQsendPrepare(s->conn, name, pg_sql[i], 0, NULL) != 1)
			return lose(s, NULL);
		s->posted++;
	}
	return collect(s, NULL);
}

static int begin_session(struct pg *s)
{
	uint64_t deadline_ms = clock_monotonic_ms() + PG_CONNECT_MS;
	int r = connect_now(s, deadline_ms);

	if (r == 0)
		r = make_schema(s, deadline_ms);
	if (r == 0)
		r = prepare(s);
	if (r == 0)
		r = pg_greet(s);
	if (r < 0)
		pg_close(s);
	return r;
}

int pg_ready(struct pg *s)
{
	uint64_t now_ms = clock_monotonic_ms();
	int r;

	if (s->conn != NULL)
		return 0;
	if (s->in_transaction || now_ms < s->retry_ms)
		return -ENOTCONN;
	r = begin_session(s);
	if (r == 0) {
		if (s->was_lost)
			log_plain(LOG_INFO, NULL,
				  "the queue's database is back");
		s->was_lost = false;
		s->wait_ms = 0;
		return 0;
	}
	s->wait_ms = s->wait_ms * 2 + 250;
	if (s->wait_ms > PG_LONGEST_WAIT_MS)
		s->wait_ms = PG_LONGEST_WAIT_MS;
	s->retry_ms = clock_monotonic_ms() + s->wait_ms;
	return r;
}
