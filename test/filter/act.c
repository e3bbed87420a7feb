#include "act.h"

#include "journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Asked for at each stage; those with a value are written down. */
static const char *const macros[] = {
	"i",
	"j",
	"_",
	"v",
	"{daemon_name}",
	"{daemon_addr}",
	"{daemon_port}",
	"{if_name}",
	"{if_addr}",
	"{client_addr}",
	"{client_port}",
	"{client_name}",
	"{client_ptr}",
	"{client_resolve}",
	"{client_connections}",
	"{tls_version}",
	"{cipher}",
	"{cipher_bits}",
	"{tls_sni}",
	"{verify}",
	"{mail_addr}",
	"{mail_host}",
	"{mail_mailer}",
	"{rcpt_addr}",
	"{rcpt_host}",
	"{rcpt_mailer}",
	"{auth_type}",
	"{auth_authen}",
	"{auth_author}",
	"{auth_ssf}",
	"{msg_id}",
	"{msg_size}",
	"b",
	"r",
	"s",
	"{test_extra}",
};

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
		"negotiate", "connect", "helo",    "mail", "rcpt",
		"data",      "header",  "eoh",     "body", "eom",
		"abort",     "close",   "unknown",
	};

	return names[stage];
}

static void write_event(SMFICTX *ctx, const struct session *session,
			const struct event *event)
{
	struct entry *e = entry_new(session->number, stage_name(event->stage));
	const char *value;

	entry_begin(e, "args");
	for (size_t i = 0; event->strings && event->strings[i]; i++)
		entry_string(e, event->strings[i], strlen(event->strings[i]));
	if (event->body != NULL)
		entry_string(e, (const char *)event->body, event->body_length);
	entry_end(e);
	entry_begin_object(e, "macros");
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		char name[64];

		strncpy(name, macros[i], sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		value = smfi_getsymval(ctx, name);
		if (value != NULL)
			entry_pair(e, macros[i], value);
	}
	entry_end_object(e);
	entry_write(e);
}

/* --- edits ------------------------------------------------------------------- */

/* N octets of lines with 72 'x', in one call or in pieces of `piece`. */
static int replace_long(SMFICTX *ctx, size_t n, size_t piece)
{
	unsigned char *body = malloc(n + 1);
	int result = MI_SUCCESS;

	if (body == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		body[i] = i % 74 == 72 ? '\r' : i % 74 == 73 ? '\n' : 'x';
	for (size_t at = 0; at < n && result == MI_SUCCESS; at += piece) {
		size_t part = n - at < piece ? n - at : piece;

		result = smfi_replacebody(ctx, body + at, (int)part);
	}
	free(body);
	return result;
}

static int edit_header(SMFICTX *ctx, const char *action, char *const *a)
{
	if (strcmp(action, "addheader") == 0)
		return smfi_addheader(ctx, a[0], a[1]);
	if (strcmp(action, "insheader") == 0)
		return smfi_insheader(ctx, atoi(a[0]), a[1], a[2]);
	return smfi_chgheader(ctx, a[1], atoi(a[0]), a[2]);
}

static int edit_envelope(SMFICTX *ctx, const char *action, char *const *a)
{
	if (strcmp(action, "addrcpt") == 0)
		return smfi_addrcpt(ctx, a[0]);
	if (strcmp(action, "addrcptpar") == 0)
		return smfi_addrcpt_par(ctx, a[0], a[1]);
	if (strcmp(action, "delrcpt") == 0)
		return smfi_delrcpt(ctx, a[0]);
	return smfi_chgfrom(ctx, a[0], a[1]);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static const char *const header_edits[] = { "addheader", "insheader",
					    "chgheader", NULL };
static const char *const envelope_edits[] = { "addrcpt", "addrcptpar",
					      "delrcpt", "chgfrom", NULL };

static int set_reply(SMFICTX *ctx, char *const *a)
{
	char *status = *a[1] != '\0' ? a[1] : NULL;

	if (a[2] != NULL && a[3] != NULL)
		return smfi_setmlreply(ctx, a[0], status, a[2], a[3], a[4],
				       a[4] ? a[5] : NULL, NULL);
	return smfi_setreply(ctx, a[0], status, a[2]);
}

/* Does what is no verdict. Returns libmilter's result. */
static int do_rule(SMFICTX *ctx, const struct rule *rule)
{
	char *const *a = rule->argument;
	const char *action = rule->action;

	if (is_one_of(action, header_edits))
		return edit_header(ctx, action, a);
	if (is_one_of(action, envelope_edits))
		return edit_envelope(ctx, action, a);
	if (strcmp(action, "body") == 0)
		return smfi_replacebody(ctx, (unsigned char *)a[0],
					(int)rule->length[0]);
	if (strcmp(action, "longbody") == 0)
		return replace_long(ctx, strtoul(a[0], NULL, 10),
				    strtoul(a[1], NULL, 10));
	if (strcmp(action, "quarantine") == 0)
		return smfi_quarantine(ctx, a[0]);
	if (strcmp(action, "setreply") == 0)
		return set_reply(ctx, a);
	if (strcmp(action, "progress") == 0)
		return smfi_progress(ctx);
	if (strcmp(action, "sleep") == 0)
		return usleep((useconds_t)atoi(a[0]) * 1000);
	if (strcmp(action, "exit") == 0)
		_exit(1);
	abort();
}

/* --- verdicts ------------------------------------------------------------------ */

static bool is_verdict(const char *action, sfsistat *ret_verdict)
{
	static const struct {
		const char *name;
		sfsistat verdict;
	} verdicts[] = {
		{ "continue", SMFIS_CONTINUE }, { "accept", SMFIS_ACCEPT },
		{ "reject", SMFIS_REJECT },     { "tempfail", SMFIS_TEMPFAIL },
		{ "discard", SMFIS_DISCARD },   { "skip", SMFIS_SKIP },
		{ "noreply", SMFIS_NOREPLY },
	};

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		if (strcmp(action, verdicts[i].name) != 0)
			continue;
		*ret_verdict = verdicts[i].verdict;
		return true;
	}
	return false;
}

static void write_result(const struct session *session, const struct rule *rule,
			 int result)
{
	struct entry *e = entry_new(session->number, "did");

	entry_begin(e, "args");
	entry_string(e, rule->action, strlen(rule->action));
	entry_end(e);
	entry_number(e, "result", result);
	entry_write(e);
}

sfsistat act(SMFICTX *ctx, struct session *session, const struct event *event)
{
	unsigned number = ++session->calls[event->stage];
	sfsistat verdict = SMFIS_CONTINUE;

	if (!session->is_quiet)
		write_event(ctx, session, event);
	for (size_t i = 0; i < session->script.count; i++) {
		const struct rule *rule = &session->script.rules[i];
		int result;

		if (!rule_fits(rule, stage_name(event->stage), number,
			       event->about) ||
		    is_verdict(rule->action, &verdict))
			continue;
		result = do_rule(ctx, rule);
		if (!session->is_quiet)
			write_result(session, rule, result);
	}
	return verdict;
}
