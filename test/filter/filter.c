/*
 * A filter of libmilter that does what a script says, and writes down what it
 * saw: filter SOCKET SCRIPT JOURNAL. The script is read at each connection.
 */
#include "act.h"
#include "journal.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *script_path;
static atomic_uint session_count;

static struct session *session_of(SMFICTX *ctx)
{
	return smfi_getpriv(ctx);
}

static sfsistat on_event(SMFICTX *ctx, enum stage stage, const char *about,
			 const char *const *strings)
{
	const struct event event = { .stage = stage,
				     .about = about,
				     .strings = strings };

	return act(ctx, session_of(ctx), &event);
}

/* --- negotiation: the rules "negotiate" ---------------------------------------- */

static void write_offer(const struct session *session, unsigned long actions,
			unsigned long steps)
{
	struct entry *e = entry_new(session->number, "negotiate");

	entry_number(e, "actions", (long)actions);
	entry_number(e, "steps", (long)steps);
	entry_write(e);
}

static void obey_negotiate(SMFICTX *ctx, const struct rule *rule,
			   unsigned long *actions, unsigned long *steps)
{
	char *const *a = rule->argument;

	if (strcmp(rule->action, "actions") == 0)
		*actions = strtoul(a[0], NULL, 0);
	else if (strcmp(rule->action, "steps") == 0)
		*steps = strtoul(a[0], NULL, 0);
	else if (strcmp(rule->action, "symbols") == 0)
		smfi_setsymlist(ctx, atoi(a[0]), a[1]);
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1,
			     unsigned long f2, unsigned long f3,
			     unsigned long *pf0, unsigned long *pf1,
			     unsigned long *pf2, unsigned long *pf3)
{
	struct session *session = calloc(1, sizeof(*session));
	unsigned long actions = f0 & 0x1ff;
	unsigned long steps = f1 & SMFIP_SKIP;

	(void)f2;
	(void)f3;
	if (session == NULL || !script_read(script_path, &session->script))
		abort();
	session->number = atomic_fetch_add(&session_count, 1);
	smfi_setpriv(ctx, session);
	for (size_t i = 0; i < session->script.count; i++) {
		const struct rule *rule = &session->script.rules[i];

		if (strcmp(rule->stage, "negotiate") != 0)
			continue;
		if (strcmp(rule->action, "quiet") == 0)
			session->is_quiet = true;
		obey_negotiate(ctx, rule, &actions, &steps);
	}
	if (!session->is_quiet)
		write_offer(session, f0, f1);
	*pf0 = actions;
	*pf1 = steps;
	*pf2 = 0;
	*pf3 = 0;
	return SMFIS_CONTINUE;
}

/* --- events --------------------------------------------------------------------- */

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	char text[INET6_ADDRSTRLEN] = "";
	char port[8] = "";
	const char *strings[] = { name, text, port, NULL };

	if (address != NULL && address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		snprintf(port, sizeof(port), "%u", ntohs(in->sin_port));
	} else if (address != NULL && address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
		snprintf(port, sizeof(port), "%u", ntohs(in->sin6_port));
	}
	return on_event(ctx, AT_CONNECT, name, strings);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	const char *strings[] = { name, NULL };

	return on_event(ctx, AT_HELO, name, strings);
}

static sfsistat on_mail(SMFICTX *ctx, char **argv)
{
	struct session *session = session_of(ctx);

	memset(session->calls, 0, sizeof(session->calls));
	snprintf(session->sender, sizeof(session->sender), "%s", argv[0]);
	return on_event(ctx, AT_MAIL, argv[0], (const char *const *)argv);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **argv)
{
	return on_event(ctx, AT_RCPT, argv[0], (const char *const *)argv);
}

static sfsistat on_data(SMFICTX *ctx)
{
	return on_event(ctx, AT_DATA, session_of(ctx)->sender, NULL);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	const char *strings[] = { name, value, NULL };

	return on_event(ctx, AT_HEADER, session_of(ctx)->sender, strings);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	return on_event(ctx, AT_EOH, session_of(ctx)->sender, NULL);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *body, size_t length)
{
	struct session *session = session_of(ctx);
	const struct event event = { .stage = AT_BODY,
				     .about = session->sender,
				     .body = body,
				     .body_length = length };

	return act(ctx, session, &event);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	return on_event(ctx, AT_EOM, session_of(ctx)->sender, NULL);
}

static sfsistat on_abort(SMFICTX *ctx)
{
	return on_event(ctx, AT_ABORT, session_of(ctx)->sender, NULL);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *line)
{
	const char *strings[] = { line, NULL };

	return on_event(ctx, AT_UNKNOWN, line, strings);
}

static sfsistat on_close(SMFICTX *ctx)
{
	struct session *session = session_of(ctx);

	if (session == NULL)
		return SMFIS_CONTINUE;
	on_event(ctx, AT_CLOSE, "", NULL);
	smfi_setpriv(ctx, NULL);
	script_free(&session->script);
	free(session);
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	static char name[] = "scripted";
	struct smfiDesc filter = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = 0x1ff,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_unknown = on_unknown,
		.xxfi_data = on_data,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 4) {
		fprintf(stderr, "usage: filter SOCKET SCRIPT JOURNAL\n");
		return 2;
	}
	script_path = argv[2];
	journal_open(argv[3]);
	if (smfi_register(filter) != MI_SUCCESS ||
	    smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_opensocket(true) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
