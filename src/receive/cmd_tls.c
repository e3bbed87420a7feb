/* STARTTLS: RFC 3207. */
#include "receive/session-private.h"

#include "base/mem.h"

/* RFC 3207 4.2: what was said without TLS is forgotten. */
static void forget(struct session *s)
{
	session_forget_transaction(s);
	mem_free(&s->hello);
	s->is_esmtp = false;
}

/* RFC 3207 4 has 454 for what is temporary. */
static void refuse_client(struct session *s, const struct reply *standing)
{
	struct reply r = *standing;

	if (reply_is_transient(&r)) {
		r = REPLY_TLS_UNAVAILABLE;
		r.status[1] = 3;
		r.text = standing->text;
	}
	session_refuse(s, &r);
}

void cmd_starttls(struct session *s, struct slice args)
{
	const struct reply *standing = filters_standing(s);

	(void)args;
	if (standing != NULL) {
		refuse_client(s, standing);
	} else if (stream_is_tls(s->stream)) {
		session_refuse(s, &REPLY_TLS_ALREADY);
	} else if (tls_server_count(s->server->tls) == 0) {
		session_refuse(s, &REPLY_TLS_UNAVAILABLE);
	} else if (evbuffer_get_length(stream_input(s->stream)) > 0) {
		/* Whoever put it there wants it executed inside of TLS. */
		session_refuse(s, &REPLY_TLS_FAILED_BUFFERED);
	} else {
		session_reply(s, &REPLY_READY_FOR_TLS);
		forget(s);
		session_enter(s, ST_TLS);
		s->op = OP_TLS;
		stream_start_tls(s->stream, s->server->tls);
	}
}
