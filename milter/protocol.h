/*
 * The milter protocol's numbers, as sendmail's libmilter has them
 * (libmilter/mfdef.h). There is no RFC; README.md names what was tried.
 *
 * "Filter" is the program that is asked; "we" are the mail server.
 */
#ifndef MILTER_PROTOCOL_H
#define MILTER_PROTOCOL_H

enum {
	MILTER_VERSION = 6, /* what we offer */
	MILTER_VERSION_MIN = 2,
	/* Of one packet to a filter, after the command's octet: a libmilter
	 * hangs up on more. */
	MILTER_DATA_OCTETS = 65535,
	/* Of one packet from a filter, but for MILTER_REPLBODY. */
	MILTER_REPLY_OCTETS = 1 << 20,
};

/* What we send. */
enum milter_command {
	MILTER_OPTNEG = 'O',
	MILTER_MACRO = 'D',
	MILTER_CONNECT = 'C',
	MILTER_HELO = 'H',
	MILTER_MAIL = 'M',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
	MILTER_HEADER = 'L',
	MILTER_EOH = 'N',
	MILTER_BODY = 'B',
	MILTER_BODYEOB = 'E',
	MILTER_UNKNOWN = 'U',
	MILTER_ABORT = 'A',
	MILTER_QUIT = 'Q',
};

/* What filters answer. */
enum milter_code {
	MILTER_CONTINUE = 'c',
	MILTER_ACCEPT = 'a',
	MILTER_REJECT = 'r',
	MILTER_TEMPFAIL = 't',
	MILTER_DISCARD = 'd',
	MILTER_REPLYCODE = 'y',
	MILTER_SKIP = 's',
	MILTER_SHUTDOWN = '4',
	MILTER_CONN_FAIL = 'f',
	MILTER_PROGRESS = 'p',
	MILTER_QUARANTINE = 'q',
	MILTER_ADDHEADER = 'h',
	MILTER_INSHEADER = 'i',
	MILTER_CHGHEADER = 'm',
	MILTER_REPLBODY = 'b',
	MILTER_ADDRCPT = '+',
	MILTER_ADDRCPT_PAR = '2',
	MILTER_DELRCPT = '-',
	MILTER_CHGFROM = 'e',
};

/* Actions a filter may want to take: SMFIF_*. */
enum {
	MILTER_MAY_ADDHDRS = 0x01, /* add and insert */
	MILTER_MAY_CHGBODY = 0x02,
	MILTER_MAY_ADDRCPT = 0x04,
	MILTER_MAY_DELRCPT = 0x08,
	MILTER_MAY_CHGHDRS = 0x10,
	MILTER_MAY_QUARANTINE = 0x20,
	MILTER_MAY_CHGFROM = 0x40,
	MILTER_MAY_ADDRCPT_PAR = 0x80,
	MILTER_MAY_SETSYMLIST = 0x100,
	MILTER_MAY_ALL = 0x1ff,
};

/* Steps a filter does not want, or does not answer: SMFIP_*. */
enum {
	MILTER_NOCONNECT = 0x01,
	MILTER_NOHELO = 0x02,
	MILTER_NOMAIL = 0x04,
	MILTER_NORCPT = 0x08,
	MILTER_NOBODY = 0x10,
	MILTER_NOHDRS = 0x20,
	MILTER_NOEOH = 0x40,
	MILTER_NR_HDR = 0x80,
	MILTER_NOUNKNOWN = 0x100,
	MILTER_NODATA = 0x200,
	MILTER_CAN_SKIP = 0x400,
	MILTER_RCPT_REJ = 0x800,
	MILTER_NR_CONN = 0x1000,
	MILTER_NR_HELO = 0x2000,
	MILTER_NR_MAIL = 0x4000,
	MILTER_NR_RCPT = 0x8000,
	MILTER_NR_DATA = 0x10000,
	MILTER_NR_UNKN = 0x20000,
	MILTER_NR_EOH = 0x40000,
	MILTER_NR_BODY = 0x80000,
	MILTER_LEADSPC = 0x100000,
	MILTER_STEPS_ALL = 0x1fffff,
};

/* Where macros are set and symbol lists apply; the numbers are the wire's
 * (SMFIM_*). */
enum milter_stage {
	MILTER_AT_CONNECT,
	MILTER_AT_HELO,
	MILTER_AT_MAIL,
	MILTER_AT_RCPT,
	MILTER_AT_DATA,
	MILTER_AT_EOM,
	MILTER_AT_EOH,
	MILTER_STAGES,
};

#endif
