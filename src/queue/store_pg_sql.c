/* What PostgreSQL is asked, prepared on each connection. */
#include "queue/store_pg.h"

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
