#include "receive/signing.h"

#include "proc/dkim_signer.h"
#include "receive/session-private.h"

static void on_signed(enum dkim_sign_result result, struct slice header,
		      struct slice problem, void *arg)
{
	struct session *s = arg;
	struct transaction *t = s->tx;

	t->signing = NULL;
	session_op_done(s);
	switch (result) {
	case DKIM_SIGN_DONE:
		t->put_signatures(s, header);
		break;
	case DKIM_SIGN_NOT_WANTED:
		break;
	case DKIM_SIGN_FAILED:
		LOG(LOG_ERROR, &t->log, "not signed",
		    log_text("problem", problem));
		t->refuse(s, &REPLY_NOT_SIGNED);
		break;
	}
	session_run(s);
}

void signing_start(struct session *s, signing_put *put, outgoing_refuse *refuse)
{
	struct transaction *t = s->tx;
	struct dkim_signer *signer = s->server->dkim;

	if (!session_may_relay(s) || signer == NULL ||
	    !dkim_signer_has_keys(signer))
		return;
	t->put_signatures = put;
	t->refuse = refuse;
	s->op = OP_SIGN;
	t->signing = dkim_sign(signer, content_fd(t->content),
			       content_octets(t->content), on_signed, s);
}
