#include "queue/store_sqlite.h"

/*
 * The database, for whoever looks into it with sqlite3(1):
 *
 *   message    one row a message. content is NULL when it is in a file,
 *              spool/printf('%016x', queue_id).
 *   recipient  one row a recipient that is not done with. Times are seconds
 *              since 1970. line: 0 new, 1 deferred, 2 a report's, 3 held. holder: the
 *              session that delivers it now; due is then when we stop to
 *              believe in it. last_kind: enum outcome_kind of proc/wire.h,
 *              kind: enum target_kind, tls_demand: enum tls_demand.
 *   hold       why a message waits for the operator, and when that ended:
 *              a row for those few that were ever held. (In message it would
 *              stand behind the content, and cost reading that.)
 *   secret     the keys of SRS, the newest of which is in use.
 *   queue      the view for people: SELECT * FROM queue;
 *
 * Beside the mail (store_tables: made at each start where they are missing,
 * without a new version):
 *
 *   domain_tls how well mail for a destination was protected: level 0 not, 1
 *              TLS, 2 with a proof; seen: last at that level.
 *   sts_policy what domains demand by MTA-STS. mode: enum sts_mode; patterns
 *              have spaces between them.
 *   tls_count  how many sessions with a domain's servers met what, for reports
 *              on TLS; tls_report: those still to be made, and when. day:
 *              of UTC, since 1970; fact: mail/tlsrpt.h.
 *   dmarc_count  what DMARC made of how many messages, for reports to the
 *              domains of their authors. fact: mail/dmarc_fact.h.
 *   login_usage    what each login has sent on a day since 1970, UTC.
 *   correspondent  to whom (a hash of both) it has written, and when last.
 *
 * Rows leave when they are done with: nothing here says what was delivered.
 */
/* New columns are the last ones, as after a migration. */
#define VIEW                                                                   \
	"CREATE VIEW queue AS SELECT"                                          \
	" printf('%016x', queue_id) AS id, trace, reverse_path,"               \
	" CASE kind WHEN 0 THEN 'mailbox' WHEN 1 THEN 'command'"               \
	"  ELSE 'remote' END AS kind,"                                         \
	" address, content_octets AS octets,"                                  \
	" datetime(arrived, 'unixepoch') AS arrived,"                          \
	" CASE line WHEN 0 THEN 'new' WHEN 1 THEN 'deferred'"                  \
	"  WHEN 2 THEN 'report' ELSE 'held' END AS line,"                      \
	" datetime(due, 'unixepoch') AS due, attempts,"                        \
	" CASE line WHEN 3 THEN hold.reason ELSE last_text END AS reason"      \
	" FROM recipient JOIN message USING (queue_id)"                        \
	" LEFT JOIN hold USING (queue_id);"
#define SECRET                                                                 \
	"CREATE TABLE secret (name TEXT NOT NULL, made INTEGER NOT NULL,"      \
	" key BLOB NOT NULL);"
#define HOLD                                                                   \
	"CREATE TABLE hold (queue_id INTEGER PRIMARY KEY REFERENCES message,"  \
	" reason TEXT NOT NULL, released INTEGER);"

const char store_tables[] =
	"CREATE TABLE IF NOT EXISTS domain_tls (destination TEXT PRIMARY KEY,"
	" level INTEGER NOT NULL, seen INTEGER NOT NULL,"
	" reason TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS sts_policy (domain TEXT PRIMARY KEY,"
	" id TEXT NOT NULL, mode INTEGER NOT NULL, max_age INTEGER NOT NULL,"
	" patterns TEXT NOT NULL, fetched INTEGER NOT NULL,"
	" tried INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS tls_count (day INTEGER NOT NULL,"
	" domain TEXT NOT NULL, fact TEXT NOT NULL, sessions INTEGER NOT NULL,"
	" PRIMARY KEY (day, domain, fact)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS tls_report (day INTEGER NOT NULL,"
	" domain TEXT NOT NULL, due INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" PRIMARY KEY (day, domain)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS tls_report_due ON tls_report (due);"
	"CREATE TABLE IF NOT EXISTS dmarc_count (day INTEGER NOT NULL,"
	" domain TEXT NOT NULL, fact TEXT NOT NULL, messages INTEGER NOT NULL,"
	" PRIMARY KEY (day, domain, fact)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS login_usage (login TEXT NOT NULL,"
	" day INTEGER NOT NULL, messages INTEGER NOT NULL,"
	" message_limit INTEGER NOT NULL, recipients INTEGER NOT NULL,"
	" recipient_limit INTEGER NOT NULL, is_told INTEGER NOT NULL,"
	" PRIMARY KEY (day, login)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS correspondent (login TEXT NOT NULL,"
	" hash INTEGER NOT NULL, day INTEGER NOT NULL,"
	" PRIMARY KEY (login, hash)) WITHOUT ROWID;";

/* A property of the message, here for its few octets: in message it would
 * stand behind the content. */
#define TLS_DEMAND " tls_demand INTEGER NOT NULL DEFAULT 0"

const char store_schema[] =
	"CREATE TABLE IF NOT EXISTS message ("
	" queue_id INTEGER PRIMARY KEY,"
	" trace TEXT NOT NULL,"
	" reverse_path TEXT NOT NULL,"
	" envid TEXT NOT NULL,"
	" login TEXT NOT NULL,"
	" ret INTEGER NOT NULL,"
	" is_8bit INTEGER NOT NULL,"
	" is_smtputf8 INTEGER NOT NULL,"
	" arrived INTEGER NOT NULL,"
	" content_octets INTEGER NOT NULL,"
	" content BLOB);"
	"CREATE TABLE IF NOT EXISTS recipient ("
	" row INTEGER PRIMARY KEY,"
	" queue_id INTEGER NOT NULL REFERENCES message,"
	" place INTEGER NOT NULL,"
	" address TEXT NOT NULL,"
	" original TEXT NOT NULL,"
	" orcpt_type TEXT NOT NULL,"
	" orcpt TEXT NOT NULL,"
	" notify INTEGER NOT NULL,"
	" line INTEGER NOT NULL,"
	" due INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL,"
	" holder INTEGER,"
	" last_try INTEGER NOT NULL,"
	" last_kind INTEGER NOT NULL,"
	" last_code INTEGER NOT NULL,"
	" last_status INTEGER NOT NULL,"
	" last_text TEXT NOT NULL,"
	" kind INTEGER NOT NULL DEFAULT 0,"
	" via TEXT NOT NULL DEFAULT '',"
	" is_forwarded INTEGER NOT NULL DEFAULT 0," TLS_DEMAND ");"
	"CREATE INDEX IF NOT EXISTS recipient_due ON recipient (line, due);"
	"CREATE UNIQUE INDEX IF NOT EXISTS recipient_place"
	" ON recipient (queue_id, place);"
	"CREATE INDEX IF NOT EXISTS recipient_holder ON recipient (holder)"
	" WHERE holder IS NOT NULL;" HOLD SECRET VIEW
	"PRAGMA user_version = 4;";

const char *const store_migrations[SCHEMA_VERSION] = {
	[1] = "ALTER TABLE recipient ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE recipient ADD COLUMN via TEXT NOT NULL DEFAULT '';"
	      "ALTER TABLE recipient"
	      " ADD COLUMN is_forwarded INTEGER NOT NULL DEFAULT 0;"
	      "DROP VIEW IF EXISTS queue;" HOLD SECRET VIEW
	      "PRAGMA user_version = 2;",
	[2] = "PRAGMA user_version = 3;",
	[3] = "ALTER TABLE recipient ADD COLUMN" TLS_DEMAND ";"
	      "PRAGMA user_version = 4;",
};

#define STS                                                                    \
	"SELECT domain, id, mode, max_age, patterns, fetched, tried, used"     \
	" FROM sts_policy "

/* The columns of store_read.c's read_entry(), in its order. */
#define ENTRY                                                                  \
	"SELECT m.queue_id, trace, reverse_path, envid, login, ret, is_8bit,"  \
	" is_smtputf8, arrived, coalesce(h.released, arrived),"                \
	" coalesce(h.reason, ''), content_octets, row, place, kind, address,"  \
	" via, is_forwarded,"                                                  \
	" original, orcpt_type, orcpt, notify, line, due, attempts, holder,"   \
	" last_try, last_kind, last_code, last_status, last_text, tls_demand"  \
	" FROM recipient r JOIN message m ON m.queue_id = r.queue_id"          \
	" LEFT JOIN hold h ON h.queue_id = r.queue_id "

/* The columns of store_usage.c's read_row(). */
#define USAGE                                                                  \
	"SELECT login, day, messages, message_limit, recipients,"              \
	" recipient_limit, is_told FROM login_usage WHERE "

const char *const store_sql[STATEMENT_COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_ADD_MESSAGE] =
		"INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ST_ADD_HOLD] = "INSERT INTO hold VALUES (?, ?, NULL)",
	[ST_ADD_RECIPIENT] =
		"INSERT INTO recipient VALUES (?20, ?1, ?2, ?3, ?4, ?5, ?6,"
		" ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
		" ?19, ?21)",
	[ST_REMOVE_RECIPIENT] = "DELETE FROM recipient WHERE row = ?",
	[ST_HAS_RECIPIENT] = "SELECT 1 FROM recipient WHERE queue_id = ?",
	[ST_IS_IN_FILE] = "SELECT content IS NULL, content_octets FROM message"
			  " WHERE queue_id = ?",
	[ST_REMOVE_MESSAGE] = "DELETE FROM message WHERE queue_id = ?",
	[ST_REMOVE_HOLD] = "DELETE FROM hold WHERE queue_id = ?",
	[ST_DROP] = "DELETE FROM recipient WHERE queue_id = ?",
	[ST_DEFER] = "UPDATE recipient SET line = max(line, 1), due = ?,"
		     " attempts = attempts + 1, holder = NULL, last_try = ?,"
		     " last_kind = ?, last_code = ?, last_status = ?,"
		     " last_text = ? WHERE row = ?",
	[ST_POSTPONE] = "UPDATE recipient SET due = ?, holder = NULL"
			" WHERE row = ?",
	[ST_HASTEN] = "UPDATE recipient SET due = ?1 WHERE row = ?2"
		      " AND due > ?1 AND holder IS NULL AND line < 2",
	[ST_END_HOLDS] = "UPDATE recipient SET due = ?, holder = NULL"
			 " WHERE holder = ?",
	[ST_END_ALL_HOLDS] = "UPDATE recipient SET due = ?, holder = NULL"
			     " WHERE holder IS NOT NULL",
	[ST_HURRY] = "UPDATE recipient SET due = ?1 WHERE queue_id = ?2"
		     " AND holder IS NULL AND line <> 3 AND due > ?1",
	[ST_HURRY_ALL] = "UPDATE recipient SET due = ?1"
			 " WHERE holder IS NULL AND line <> 3 AND due > ?1",
	[ST_HOLD] = "UPDATE recipient SET line = 3 WHERE queue_id = ?"
		    " AND holder IS NULL AND line < 2",
	[ST_KEEP_REASON] = "INSERT INTO hold VALUES (?, ?, NULL)"
			   " ON CONFLICT (queue_id) DO UPDATE SET"
			   " reason = excluded.reason, released = NULL",
	[ST_RELEASE] = "UPDATE recipient SET line = 0, due = ?1"
		       " WHERE line = 3 AND queue_id = ?2",
	[ST_RELEASE_ALL] =
		"UPDATE recipient SET line = 0, due = ?1 WHERE line = 3",
	[ST_FORGET_REASON] = "UPDATE hold SET reason = '', released = ?1"
			     " WHERE released IS NULL AND queue_id = ?2",
	[ST_FORGET_ALL_REASONS] = "UPDATE hold SET reason = '', released = ?1"
				  " WHERE released IS NULL",
	[ST_ADD_KEY] = "INSERT INTO secret VALUES (?, ?, ?)",
	[ST_LOAD_KEYS] = "SELECT key, made FROM secret WHERE name = ?"
			 " ORDER BY made DESC, key LIMIT ?",
	[ST_KEEP_TLS] =
		"INSERT INTO domain_tls VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (destination) DO UPDATE SET"
		" level = excluded.level, seen = excluded.seen,"
		" reason = excluded.reason WHERE excluded.level > level"
		" OR seen <= ?5"
		" OR excluded.level = level AND excluded.seen >= seen + 3600",
	[ST_FORGET_TLS] = "DELETE FROM domain_tls WHERE destination = ?",
	[ST_EXPIRE_TLS] = "DELETE FROM domain_tls WHERE seen <= ?",
	[ST_LOAD_TLS] = "SELECT destination, level, seen, reason"
			" FROM domain_tls WHERE destination = ?",
	[ST_LIST_TLS] = "SELECT destination, level, seen, reason"
			" FROM domain_tls WHERE destination > ?"
			" ORDER BY destination LIMIT ?",
	[ST_KEEP_STS] =
		"INSERT INTO sts_policy VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT (domain) DO UPDATE SET id = excluded.id,"
		" mode = excluded.mode, max_age = excluded.max_age,"
		" patterns = excluded.patterns, fetched = excluded.fetched,"
		" tried = excluded.tried WHERE excluded.fetched >= fetched"
		" OR fetched > ?8", /* the clock was wrong then */
	[ST_USE_STS] = "UPDATE sts_policy SET used = ?2 WHERE domain = ?1",
	[ST_EXPIRE_STS] = "DELETE FROM sts_policy WHERE fetched + max_age <= ?",
	[ST_LOAD_STS] = STS "WHERE domain = ?",
	[ST_LIST_STS] =
		STS "WHERE tried + max(3600, min(86400, max_age / 2)) <= ?"
		    " AND used > ? ORDER BY tried LIMIT ?",
	[ST_COUNT_DMARC] =
		"INSERT INTO dmarc_count SELECT ?1, ?2, CASE WHEN"
		" EXISTS (SELECT 1 FROM dmarc_count"
		"  WHERE day = ?1 AND domain = ?2 AND fact = ?3)"
		" OR (SELECT count(*) FROM dmarc_count"
		"  WHERE day = ?1 AND domain = ?2) < ?6"
		" THEN ?3 ELSE ?4 END, ?5"
		" WHERE (SELECT count(*) FROM dmarc_count WHERE day = ?1) < ?7"
		" ON CONFLICT (day, domain, fact) DO UPDATE SET"
		" messages = messages + excluded.messages",
	[ST_EXPIRE_DMARC] = "DELETE FROM dmarc_count WHERE day < ?",
	[ST_LIST_DMARC] = "SELECT fact, messages FROM dmarc_count"
			  " WHERE day = ? AND domain = ? ORDER BY fact LIMIT ?",
	/* What is known has its place, the first others have one, too. */
	[ST_COUNT_TLS] = "INSERT INTO tls_count SELECT ?1, ?2, CASE WHEN"
			 " EXISTS (SELECT 1 FROM tls_count"
			 "  WHERE day = ?1 AND domain = ?2 AND fact = ?3)"
			 " OR (SELECT count(*) FROM tls_count"
			 "  WHERE day = ?1 AND domain = ?2) < ?6"
			 " THEN ?3 ELSE ?4 END, ?5 WHERE true"
			 " ON CONFLICT (day, domain, fact) DO UPDATE SET"
			 " sessions = sessions + excluded.sessions",
	[ST_ADD_TLS_REPORT] = "INSERT INTO tls_report VALUES (?, ?, ?, 0)"
			      " ON CONFLICT (day, domain) DO NOTHING",
	[ST_TAKE_TLS_REPORT] =
		"UPDATE tls_report SET due = ?2, tries = tries + 1"
		" WHERE (day, domain) IN (SELECT day, domain FROM tls_report"
		"  WHERE due <= ?1 ORDER BY due LIMIT 1)"
		" RETURNING day, domain, due, tries",
	[ST_END_TLS_REPORT] =
		"DELETE FROM tls_report WHERE day = ? AND domain = ?",
	[ST_FORGET_TLS_COUNTS] =
		"DELETE FROM tls_count WHERE day = ? AND domain = ?",
	[ST_LIST_TLS_COUNTS] =
		"SELECT day, domain, sessions, fact FROM tls_count"
		" WHERE day = ? AND domain = ? ORDER BY fact LIMIT ?",
	[ST_LIST_TLS_REPORTS] = "SELECT day, domain, due, tries FROM tls_report"
				" WHERE (day, domain) > (?, ?)"
				" ORDER BY day, domain LIMIT ?",
	[ST_ADD_USAGE] =
		"INSERT INTO login_usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		" ON CONFLICT (day, login) DO UPDATE SET"
		" messages = messages + excluded.messages,"
		" message_limit = excluded.message_limit,"
		" recipients = recipients + excluded.recipients,"
		" recipient_limit = excluded.recipient_limit,"
		" is_told = max(is_told, excluded.is_told)",
	[ST_FORGET_USAGE] =
		"DELETE FROM login_usage WHERE day = ?1 AND login = ?2",
	[ST_EXPIRE_USAGE] = "DELETE FROM login_usage WHERE day < ?1",
	[ST_EXPIRE_CORRESPONDENTS] = "DELETE FROM correspondent WHERE day < ?1",
	[ST_KEEP_CORRESPONDENT] =
		"INSERT INTO correspondent VALUES (?1, ?2, ?3)"
		" ON CONFLICT (login, hash) DO UPDATE SET day = excluded.day",
	[ST_LOAD_USAGE] = USAGE "day = ?1 AND login = ?2",
	[ST_LIST_USAGE] = USAGE "day = ?1 AND login > ?2"
				" ORDER BY login LIMIT ?3",
	[ST_LOAD_CORRESPONDENT] =
		"SELECT day FROM correspondent WHERE login = ?1 AND hash = ?2",
	[ST_TAKE_DUE] = ENTRY "WHERE line = ? AND due <= ?"
			      " ORDER BY due LIMIT ?",
	[ST_LOAD] = ENTRY "WHERE row = ?",
	[ST_LOAD_PLACE] = ENTRY "WHERE r.queue_id = ? AND place = ?",
	[ST_LIST] = ENTRY "WHERE row > ? ORDER BY row LIMIT ?",
	[ST_LIST_OF] = ENTRY "WHERE row > ?1 AND r.queue_id = ?3"
			     " ORDER BY row LIMIT ?2",
	[ST_LAST_ROW] = "SELECT coalesce(max(row), 0) FROM recipient",
	[ST_COUNT] = "SELECT count(*) FROM recipient",
	[ST_HAS_MESSAGE] = "SELECT 1 FROM message WHERE queue_id = ?",
	[ST_CONTENT] = "SELECT content FROM message WHERE queue_id = ?",
	[ST_USED_OCTETS] = "SELECT (page_count - freelist_count) * page_size"
			   " FROM pragma_page_count, pragma_freelist_count,"
			   " pragma_page_size",
	[ST_FREE_PAGES] = "PRAGMA freelist_count",
	[ST_SHRINK] = "PRAGMA incremental_vacuum(512)",
};
