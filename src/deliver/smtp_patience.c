#include "deliver/smtp_patience.h"

unsigned smtp_patience_ms(enum smtp_wait wait)
{
	static const unsigned times_ms[] = {
		[SMTP_WAIT_NOTHING] = 0,
		[SMTP_WAIT_CONNECT] = SMTP_CONNECT_MS,
		[SMTP_WAIT_GREETING] = SMTP_GREETING_MS,
		[SMTP_WAIT_HELLO] = SMTP_GREETING_MS,
		[SMTP_WAIT_TLS] = SMTP_TLS_MS,
		[SMTP_WAIT_MAIL] = SMTP_MAIL_MS,
		[SMTP_WAIT_RCPT] = SMTP_RCPT_MS,
		[SMTP_WAIT_DATA] = SMTP_DATA_MS,
		[SMTP_WAIT_BLOCK] = SMTP_BLOCK_MS,
		[SMTP_WAIT_FINAL] = SMTP_FINAL_MS,
		[SMTP_WAIT_RESET] = SMTP_RESET_MS,
		[SMTP_WAIT_QUIT] = SMTP_QUIT_MS,
	};

	return times_ms[wait];
}

enum smtp_end smtp_patience_end(enum smtp_wait wait, const char **ret_why)
{
	switch (wait) {
	case SMTP_WAIT_CONNECT:
		*ret_why = "no connection in time";
		return SMTP_END_NO_CONNECTION;
	case SMTP_WAIT_QUIT:
		*ret_why = "we said QUIT";
		return SMTP_END_QUIT;
	case SMTP_WAIT_BLOCK:
		*ret_why = "the server takes no more of the content";
		return SMTP_END_TIMEOUT;
	case SMTP_WAIT_NOTHING:
	case SMTP_WAIT_GREETING:
	case SMTP_WAIT_HELLO:
	case SMTP_WAIT_TLS:
	case SMTP_WAIT_MAIL:
	case SMTP_WAIT_RCPT:
	case SMTP_WAIT_DATA:
	case SMTP_WAIT_FINAL:
	case SMTP_WAIT_RESET:
		break;
	}
	*ret_why = "no answer in time";
	return SMTP_END_TIMEOUT;
}
