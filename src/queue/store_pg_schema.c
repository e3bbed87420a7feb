#include "queue/store_pg.h"

/*
 * The database, for whoever looks into it with psql(1): schema culver.
 *
 *   message    one row a message. content is NULL when it is in pieces.
 *   piece      of a big content, in the order of n.
 *   recipient  one row a recipient that is not done with, as in SQLite's
 *              store_schema.c; node: who tries it now, or, with a holder,
 *              whose session does. last_node: who tried it last; see
 *              MAY_TAKE.
 *   hold       why a message waits for the operator, and when that ended.
 *   secret     the keys of SRS, the newest of which is in use.
 *   node       each server, and until when what it has stays its own.
 *   domain_tls how well mail for a destination was protected.
 *   sts_policy what domains demand by MTA-STS, as in SQLite.
 *   dmarc_count what reports on DMARC would say.
 *   tls_count, tls_report  what reports on TLS will say, and when.
 *   login_usage, correspondent: what logins have sent, and to whom.
 *   queue      the view for people: SELECT * FROM culver.queue;
 *
 * Texts are octets: a column of text takes no NUL and nothing but UTF-8, and
 * what other servers say may be anything. Numbers are signed 64 bits, times
 * are seconds since 1970 on the database's clock.
 */
const char pg_session[] =
	"SET search_path TO culver;"
	"SET default_transaction_isolation TO 'read committed';"
	"SET statement_timeout TO '15s';"
	"SET lock_timeout TO '5s';"
	"SET idle_in_transaction_session_timeout TO '60s';"
	"SET tcp_keepalives_idle TO 10;"
	"SET tcp_keepalives_interval TO 5;"
	"SET tcp_keepalives_count TO 3;"
	/* Stricter than the default is the admin's choice. */
	"SELECT set_config('synchronous_commit', 'on', false)"
	" WHERE current_setting('synchronous_commit') = 'off';"
	/* Whether all tables are there: those that were added later. */
	"SELECT to_regclass('culver.domain_tls') IS NOT NULL"
	" AND to_regclass('culver.sts_policy') IS NOT NULL"
	" AND to_regclass('culver.tls_report') IS NOT NULL"
	" AND to_regclass('culver.dmarc_count') IS NOT NULL"
	" AND to_regclass('culver.correspondent') IS NOT NULL;";

/* One node makes it, the others wait for the lock. */
const char pg_schema[] =
	"BEGIN;"
	"SELECT pg_advisory_xact_lock(4835703278458516837);"
	"CREATE SCHEMA IF NOT EXISTS culver;"
	"CREATE TABLE IF NOT EXISTS culver.message ("
	" queue_id bigint PRIMARY KEY,"
	" trace bytea NOT NULL,"
	" reverse_path bytea NOT NULL,"
	" envid bytea NOT NULL,"
	" login bytea NOT NULL,"
	" ret bigint NOT NULL,"
	" is_8bit bigint NOT NULL,"
	" is_smtputf8 bigint NOT NULL,"
	" arrived bigint NOT NULL,"
	" content_octets bigint NOT NULL,"
	" content bytea);"
	"CREATE TABLE IF NOT EXISTS culver.piece ("
	" queue_id bigint REFERENCES culver.message ON DELETE CASCADE,"
	" n bigint,"
	" octets bytea NOT NULL,"
	" PRIMARY KEY (queue_id, n));"
	/* Mail hardly shrinks. */
	"ALTER TABLE culver.message ALTER content SET STORAGE EXTERNAL;"
	"ALTER TABLE culver.piece ALTER octets SET STORAGE EXTERNAL;"
	"CREATE TABLE IF NOT EXISTS culver.recipient ("
	" id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	" queue_id bigint NOT NULL REFERENCES culver.message,"
	" place bigint NOT NULL,"
	" kind bigint NOT NULL,"
	" address bytea NOT NULL,"
	" via bytea NOT NULL,"
	" is_forwarded bigint NOT NULL,"
	" original bytea NOT NULL,"
	" orcpt_type bytea NOT NULL,"
	" orcpt bytea NOT NULL,"
	" notify bigint NOT NULL,"
	" line bigint NOT NULL,"
	" due bigint NOT NULL,"
	" attempts bigint NOT NULL,"
	" node bigint,"
	" holder bigint,"
	" last_node bigint,"
	" last_try bigint NOT NULL,"
	" last_kind bigint NOT NULL,"
	" last_code bigint NOT NULL,"
	" last_status bigint NOT NULL,"
	" last_text bytea NOT NULL);"
	"ALTER TABLE culver.recipient"
	" ADD COLUMN IF NOT EXISTS tls_demand bigint NOT NULL DEFAULT 0;"
	"CREATE INDEX IF NOT EXISTS recipient_due"
	" ON culver.recipient (line, due);"
	"CREATE UNIQUE INDEX IF NOT EXISTS recipient_place"
	" ON culver.recipient (queue_id, place);"
	"CREATE INDEX IF NOT EXISTS recipient_node ON culver.recipient (node)"
	" WHERE node IS NOT NULL;"
	"CREATE TABLE IF NOT EXISTS culver.hold ("
	" queue_id bigint PRIMARY KEY"
	"  REFERENCES culver.message ON DELETE CASCADE,"
	" reason bytea NOT NULL,"
	" released bigint);"
	"CREATE TABLE IF NOT EXISTS culver.secret ("
	" name bytea NOT NULL,"
	" made bigint NOT NULL,"
	" key bytea NOT NULL);"
	"CREATE TABLE IF NOT EXISTS culver.domain_tls ("
	" destination bytea PRIMARY KEY,"
	" level bigint NOT NULL,"
	" seen bigint NOT NULL,"
	" reason bytea NOT NULL);"
	"CREATE TABLE IF NOT EXISTS culver.sts_policy("
	" domain bytea PRIMARY KEY,"
	" id bytea NOT NULL,"
	" mode bigint NOT NULL,"
	" max_age bigint NOT NULL,"
	" patterns bytea NOT NULL,"
	" fetched bigint NOT NULL,"
	" tried bigint NOT NULL,"
	" used bigint NOT NULL);"
	"CREATE TABLE IF NOT EXISTS culver.tls_count("
	"day bigint,domain bytea,fact bytea,sessions bigint NOT NULL,"
	"PRIMARY KEY(day,domain,fact));"
	"CREATE TABLE IF NOT EXISTS culver.dmarc_count("
	"day bigint,domain bytea,fact bytea,messages bigint NOT NULL,"
	"PRIMARY KEY(day,domain,fact));"
	"CREATE TABLE IF NOT EXISTS culver.tls_report("
	"day bigint,domain bytea,due bigint NOT NULL,"
	"tries bigint NOT NULL,PRIMARY KEY(day,domain));"
	"CREATE INDEX IF NOT EXISTS tls_report_due"
	" ON culver.tls_report (due);"
	"CREATE TABLE IF NOT EXISTS culver.login_usage ("
	" login bytea NOT NULL,"
	" day bigint NOT NULL,"
	" messages bigint NOT NULL,"
	" message_limit bigint NOT NULL,"
	" recipients bigint NOT NULL,"
	" recipient_limit bigint NOT NULL,"
	" is_told bigint NOT NULL,"
	" PRIMARY KEY (day, login));"
	"CREATE TABLE IF NOT EXISTS culver.correspondent ("
	" login bytea NOT NULL,"
	" hash bigint NOT NULL,"
	" day bigint NOT NULL,"
	" PRIMARY KEY (login, hash));"
	"CREATE TABLE IF NOT EXISTS culver.node ("
	" id bigint PRIMARY KEY,"
	" until timestamptz NOT NULL);"
	"CREATE OR REPLACE VIEW culver.queue AS SELECT"
	" lpad(to_hex(queue_id), 16, '0') AS id,"
	" encode(trace, 'escape') AS trace,"
	" encode(reverse_path, 'escape') AS reverse_path,"
	" CASE kind WHEN 0 THEN 'mailbox' WHEN 1 THEN 'command'"
	"  ELSE 'remote' END AS kind,"
	" encode(address, 'escape') AS address, content_octets AS octets,"
	" to_timestamp(arrived) AS arrived,"
	" CASE line WHEN 0 THEN 'new' WHEN 1 THEN 'deferred'"
	"  WHEN 2 THEN 'report' ELSE 'held' END AS line,"
	" to_timestamp(due) AS due, attempts,"
	" encode(CASE line WHEN 3 THEN reason ELSE last_text END, 'escape')"
	"  AS reason, to_hex(node) AS node"
	" FROM culver.recipient JOIN culver.message USING (queue_id)"
	" LEFT JOIN culver.hold USING (queue_id);"
	"CREATE TABLE IF NOT EXISTS culver.version (number bigint NOT NULL);"
	"INSERT INTO culver.version SELECT 1"
	" WHERE NOT EXISTS (SELECT FROM culver.version);"
	"COMMIT;";

/* The columns of store_pg_read.c's read_entry(), in its order. */
#define ENTRY_OF(rows)                                                         \
	"SELECT m.queue_id, trace, reverse_path, envid, login, ret, is_8bit,"  \
	" is_smtputf8, arrived, coalesce(h.released, arrived),"                \
	" coalesce(h.reason, ''), content_octets, id, place, kind, address,"   \
	" via, is_forwarded,"                                                  \
	" original, orcpt_type, orcpt, notify, line, due, attempts, holder,"   \
	" last_try, last_kind, last_code, last_status, last_text, tls_demand"  \
	" FROM " rows " r JOIN message m ON m.queue_id = r.queue_id"           \
	" LEFT JOIN hold h ON h.queue_id = r.queue_id "
#define ENTRY ENTRY_OF("recipient")

#define TLS "SELECT destination, level, seen, reason FROM domain_tls "
#define STS                                                                    \
	"SELECT domain, id, mode, max_age, patterns, fetched, tried, used"     \
	" FROM sts_policy "

/* What others do to a row just now need not be waited for. */
#define HURRY(which)                                                           \
	"UPDATE recipient SET due = $1, last_node = NULL"                      \
	" WHERE id IN (SELECT id FROM recipient"                               \
	" WHERE holder IS NULL AND line <> 3 AND due > $1" which               \
	" FOR UPDATE SKIP LOCKED)"

/* After a start of the database each node has a whole lease to come back. */
#define IS_DEAD                                                                \
	"until <= now() AND pg_postmaster_start_time() <="                     \
	" now() - interval '30 s'"

/*
 * Free, or in a session of ours that has had its time. Who tried it last in vain
 * lets the others go first for five seconds: else a node that cannot deliver
 * and looks a little earlier each time would have it for ever.
 */
#define MAY_TAKE                                                               \
	"(node IS NULL OR node = $3 AND holder IS NOT NULL)"                   \
	" AND (last_node IS DISTINCT FROM $3 OR due <= $2 - 5 OR NOT EXISTS"   \
	"  (SELECT FROM node n WHERE n.id <> $3 AND n.until > now()))"

/* The columns of store_pg_usage.c's read_row(). */
#define USAGE                                                                  \
	"SELECT login, day, messages, message_limit, recipients,"              \
	" recipient_limit, is_told FROM login_usage WHERE "

const char *const pg_sql[PG_STATEMENTS] = {
	[PG_BEGIN] = "BEGIN",
	[PG_COMMIT] = "COMMIT",
	[PG_ROLLBACK] = "ROLLBACK",
	[PG_IDENTIFY] = "SELECT pg_try_advisory_lock($1)::int::bigint,"
			" extract(epoch FROM clock_timestamp())::bigint,"
			" (SELECT max(number) FROM version)",
	[PG_RENEW] = "INSERT INTO node VALUES ($1, now() + interval '30 s')"
		     " ON CONFLICT (id) DO UPDATE SET until = excluded.until",
	[PG_EXPIRE] = "UPDATE node SET until = now() WHERE id = $1",
	[PG_RELEASE_OTHERS] =
		"UPDATE recipient SET node = NULL"
		" WHERE node = $1 AND holder IS NULL AND id <> ALL($2::bigint[])",
	[PG_BURY] = "DELETE FROM node WHERE id IN (SELECT id FROM node"
		    " WHERE " IS_DEAD " FOR UPDATE SKIP LOCKED)",
	[PG_TAKE_OVER] =
		"UPDATE recipient SET node = NULL, holder = NULL,"
		" due = CASE WHEN holder IS NULL THEN due"
		"  ELSE least(due, extract(epoch FROM now())::bigint) END"
		" WHERE id IN (SELECT id FROM recipient r WHERE node IS NOT NULL"
		"  AND NOT EXISTS (SELECT FROM node n WHERE n.id = r.node)"
		"  FOR UPDATE SKIP LOCKED)",
	[PG_ADD_MESSAGE] = "INSERT INTO message VALUES"
			   " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
			   " ON CONFLICT (queue_id) DO NOTHING",
	[PG_ADD_PIECE] = "INSERT INTO piece VALUES ($1, $2, $3)",
	[PG_ADD_HOLD] = "INSERT INTO hold VALUES ($1, $2, NULL)",
	[PG_ADD_RECIPIENT] =
		"INSERT INTO recipient (queue_id, place, kind, address, via,"
		" is_forwarded, original, orcpt_type, orcpt, notify, line, due,"
		" attempts, node, holder, last_try, last_kind, last_code,"
		" last_status, last_text, tls_demand) VALUES ($1, $2, $3, $4,"
		" $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
		" $18, $19, $20, $21)",
	[PG_REMOVE_RECIPIENT] = "DELETE FROM recipient WHERE id = $1",
	[PG_LOCK_MESSAGE] =
		"SELECT 1 FROM message WHERE queue_id = $1 FOR UPDATE",
	[PG_REMOVE_EMPTY] =
		"DELETE FROM message WHERE queue_id = $1 AND NOT EXISTS"
		" (SELECT FROM recipient WHERE queue_id = $1)",
	[PG_DROP] = "DELETE FROM recipient WHERE queue_id = $1",
	[PG_DEFER] = "UPDATE recipient SET line = greatest(line, 1), due = $1,"
		     " attempts = attempts + 1, holder = NULL, last_node = $2,"
		     " node = nullif(node, $2), last_try = $3, last_kind = $4,"
		     " last_code = $5, last_status = $6, last_text = $7"
		     " WHERE id = $8",
	[PG_POSTPONE] = "UPDATE recipient SET due = $1, holder = NULL,"
			" node = nullif(node, $2) WHERE id = $3",
	[PG_HASTEN] = "UPDATE recipient SET due = $1 WHERE id = $2"
		      " AND due > $1 AND holder IS NULL AND line < 2",
	[PG_END_HOLDS] = "UPDATE recipient SET due = $1, holder = NULL,"
			 " node = NULL WHERE node = $2 AND holder = $3",
	[PG_END_ALL_HOLDS] =
		"UPDATE recipient SET due = $1, holder = NULL, node = NULL"
		" WHERE node = $2 AND holder IS NOT NULL",
	[PG_HURRY] = HURRY(" AND queue_id = $2"),
	[PG_HURRY_ALL] = HURRY(""),
	[PG_HOLD] = "UPDATE recipient SET line = 3 WHERE queue_id = $1"
		    " AND holder IS NULL AND line < 2",
	[PG_KEEP_REASON] = "INSERT INTO hold VALUES ($1, $2, NULL)"
			   " ON CONFLICT (queue_id) DO UPDATE SET"
			   " reason = excluded.reason, released = NULL",
	[PG_RELEASE] = "UPDATE recipient SET line = 0, due = $1"
		       " WHERE line = 3 AND queue_id = $2",
	[PG_RELEASE_ALL] =
		"UPDATE recipient SET line = 0, due = $1 WHERE line = 3",
	[PG_END_HOLD] = "UPDATE hold SET reason = '', released = $1"
			" WHERE released IS NULL AND queue_id = $2",
	[PG_END_EVERY_HOLD] = "UPDATE hold SET reason = '', released = $1"
			      " WHERE released IS NULL",
	[PG_ADD_KEY] = "INSERT INTO secret VALUES ($1, $2, $3)",
	[PG_LOAD_KEYS] = "SELECT key, made FROM secret WHERE name = $1"
			 " ORDER BY made DESC, key LIMIT $2",
	[PG_KEEP_TLS] =
		"INSERT INTO domain_tls AS d VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (destination) DO UPDATE SET"
		" level = excluded.level, seen = excluded.seen,"
		" reason = excluded.reason WHERE excluded.level > d.level"
		" OR d.seen <= $5"
		" OR excluded.level = d.level"
		"  AND excluded.seen >= d.seen + 3600",
	[PG_FORGET_TLS] = "DELETE FROM domain_tls WHERE destination = $1",
	[PG_EXPIRE_TLS] = "DELETE FROM domain_tls WHERE seen <= $1",
	[PG_LOAD_TLS] = TLS "WHERE destination = $1",
	[PG_LIST_TLS] = TLS "WHERE destination > $1"
			    " ORDER BY destination LIMIT $2",
	[PG_KEEP_STS] =
		"INSERT INTO sts_policy AS p VALUES"
		" ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (domain) DO UPDATE SET id = excluded.id,"
		" mode = excluded.mode, max_age = excluded.max_age,"
		" patterns = excluded.patterns, fetched = excluded.fetched,"
		" tried = excluded.tried WHERE excluded.fetched >= p.fetched"
		" OR p.fetched > $8",
	[PG_USE_STS] = "UPDATE sts_policy SET used = $2 WHERE domain = $1",
	[PG_EXPIRE_STS] =
		"DELETE FROM sts_policy WHERE fetched + max_age <= $1",
	[PG_LOAD_STS] = STS "WHERE domain = $1",
	[PG_LIST_STS] =
		STS "WHERE tried + greatest(3600, least(86400, max_age / 2))"
		    " <= $1 AND used > $2 ORDER BY tried LIMIT $3",
	[PG_COUNT_DMARC] =
		"INSERT INTO dmarc_count AS c SELECT $1::bigint, $2::bytea,"
		" CASE WHEN EXISTS (SELECT FROM dmarc_count"
		"  WHERE day = $1 AND domain = $2 AND fact = $3)"
		" OR (SELECT count(*) FROM dmarc_count"
		"  WHERE day = $1 AND domain = $2) < $6"
		" THEN $3::bytea ELSE $4::bytea END, $5::bigint"
		" WHERE (SELECT count(*) FROM dmarc_count WHERE day = $1) < $7"
		" ON CONFLICT (day, domain, fact) DO UPDATE SET"
		" messages = c.messages + excluded.messages",
	[PG_EXPIRE_DMARC] = "DELETE FROM dmarc_count WHERE day < $1",
	[PG_LIST_DMARC] =
		"SELECT fact, messages FROM dmarc_count WHERE day = $1"
		" AND domain = $2 ORDER BY fact LIMIT $3",
	[PG_COUNT_TLS] =
		"INSERT INTO tls_count AS c SELECT $1::bigint, $2::bytea,"
		" CASE WHEN EXISTS (SELECT FROM tls_count"
		"  WHERE day = $1 AND domain = $2 AND fact = $3)"
		" OR (SELECT count(*) FROM tls_count"
		"  WHERE day = $1 AND domain = $2) < $6"
		" THEN $3::bytea ELSE $4::bytea END, $5::bigint"
		" ON CONFLICT (day, domain, fact) DO UPDATE SET"
		" sessions = c.sessions + excluded.sessions",
	[PG_ADD_TLS_REPORT] = "INSERT INTO tls_report VALUES ($1, $2, $3, 0)"
			      " ON CONFLICT (day, domain) DO NOTHING",
	[PG_TAKE_TLS_REPORT] =
		"WITH next AS MATERIALIZED (SELECT day, domain FROM tls_report"
		"  WHERE due <= $1 ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)"
		"UPDATE tls_report SET due = $2, tries = tries + 1"
		" WHERE (day, domain) IN (SELECT day, domain FROM next)"
		" RETURNING day, domain, due, tries",
	[PG_END_TLS_REPORT] =
		"DELETE FROM tls_report WHERE day = $1 AND domain = $2",
	[PG_FORGET_TLS_COUNTS] =
		"DELETE FROM tls_count WHERE day = $1 AND domain = $2",
	[PG_LIST_TLS_COUNTS] =
		"SELECT day, domain, sessions, fact FROM tls_count"
		" WHERE day = $1 AND domain = $2 ORDER BY fact LIMIT $3",
	[PG_LIST_TLS_REPORTS] = "SELECT day, domain, due, tries FROM tls_report"
				" WHERE (day, domain) > ($1, $2)"
				" ORDER BY day, domain LIMIT $3",
	[PG_ADD_USAGE] =
		"INSERT INTO login_usage AS u VALUES ($1, $2, $3, $4, $5, $6, $7)"
		" ON CONFLICT (day, login) DO UPDATE SET"
		" messages = u.messages + excluded.messages,"
		" message_limit = excluded.message_limit,"
		" recipients = u.recipients + excluded.recipients,"
		" recipient_limit = excluded.recipient_limit,"
		" is_told = greatest(u.is_told, excluded.is_told)",
	[PG_FORGET_USAGE] =
		"DELETE FROM login_usage WHERE day = $1 AND login = $2",
	[PG_EXPIRE_USAGE] = "DELETE FROM login_usage WHERE day < $1",
	[PG_EXPIRE_CORRESPONDENTS] = "DELETE FROM correspondent WHERE day < $1",
	[PG_KEEP_CORRESPONDENT] =
		"INSERT INTO correspondent VALUES ($1, $2, $3)"
		" ON CONFLICT (login, hash) DO UPDATE SET day = excluded.day",
	[PG_LOAD_USAGE] = USAGE "day = $1 AND login = $2",
	[PG_LIST_USAGE] = USAGE "day = $1 AND login > $2"
				" ORDER BY login LIMIT $3",
	[PG_LOAD_CORRESPONDENT] =
		"SELECT day FROM correspondent WHERE login = $1 AND hash = $2",
	[PG_GIVE_BACK] =
		"UPDATE recipient SET node = NULL"
		" WHERE node = $1 AND holder IS NULL AND id = ANY($2::bigint[])",
	[PG_TAKE_DUE] =
		"WITH due AS MATERIALIZED (SELECT id FROM recipient"
		"  WHERE line = $1 AND due <= $2 AND " MAY_TAKE
		"  ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED),"
		" taken AS (UPDATE recipient SET node = $3, holder = NULL"
		"  WHERE id IN (SELECT id FROM due) RETURNING *) " ENTRY_OF(
			"taken") "ORDER BY due, id",
	[PG_LOAD] = ENTRY "WHERE id = $1",
	[PG_LOAD_PLACE] = ENTRY "WHERE r.queue_id = $1 AND place = $2",
	[PG_LIST] = ENTRY "WHERE id > $1 ORDER BY id LIMIT $2",
	[PG_LIST_OF] = ENTRY "WHERE id > $1 AND r.queue_id = $3"
			     " ORDER BY id LIMIT $2",
	[PG_COUNT] = "SELECT count(*) FROM recipient",
	[PG_HAS_MESSAGE] = "SELECT 1 FROM message WHERE queue_id = $1",
	[PG_CONTENT] = "SELECT content_octets,"
		       " substring(content FROM 1 FOR $2::bigint::int)"
		       " FROM message WHERE queue_id = $1",
	[PG_PIECE] = "SELECT substring(octets FROM 1 FOR $3::bigint::int)"
		     " FROM piece WHERE queue_id = $1 AND n = $2",
};
