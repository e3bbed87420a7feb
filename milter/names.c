#include "milter/names.h"

const struct milter_bit_name milter_action_names[] = {
	{ MILTER_MAY_ADDHDRS, "add headers" },
	{ MILTER_MAY_CHGHDRS, "change headers" },
	{ MILTER_MAY_CHGBODY, "change body" },
	{ MILTER_MAY_ADDRCPT, "add recipients" },
	{ MILTER_MAY_ADDRCPT_PAR, "add recipients with parameters" },
	{ MILTER_MAY_DELRCPT, "delete recipients" },
	{ MILTER_MAY_CHGFROM, "change sender" },
	{ MILTER_MAY_QUARANTINE, "quarantine" },
	{ MILTER_MAY_SETSYMLIST, "choose macros" },
};

const struct milter_bit_name milter_habit_names[] = {
	{ MILTER_CAN_SKIP, "may skip the rest of a body" },
	{ MILTER_RCPT_REJ, "is told of refused recipients" },
	{ MILTER_LEADSPC, "sees the blank after a header's colon" },
};

const struct milter_step_name milter_step_names[] = {
	{ "connect", MILTER_NOCONNECT, MILTER_NR_CONN },
	{ "hello", MILTER_NOHELO, MILTER_NR_HELO },
	{ "mail", MILTER_NOMAIL, MILTER_NR_MAIL },
	{ "rcpt", MILTER_NORCPT, MILTER_NR_RCPT },
	{ "data", MILTER_NODATA, MILTER_NR_DATA },
	{ "header", MILTER_NOHDRS, MILTER_NR_HDR },
	{ "end of header", MILTER_NOEOH, MILTER_NR_EOH },
	{ "body", MILTER_NOBODY, MILTER_NR_BODY },
	{ "unknown command", MILTER_NOUNKNOWN, MILTER_NR_UNKN },
};

const char *const milter_stage_names[] = {
	[MILTER_AT_CONNECT] = "connect",   [MILTER_AT_HELO] = "hello",
	[MILTER_AT_MAIL] = "mail",         [MILTER_AT_RCPT] = "rcpt",
	[MILTER_AT_DATA] = "data",         [MILTER_AT_EOM] = "end of message",
	[MILTER_AT_EOH] = "end of header",
};
