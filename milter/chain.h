/*
 * The filters of one SMTP session, asked in order as things happen. This is
 * the library's face: an SMTP server makes a chain for each client, tells it
 * of each event, and obeys the verdict.
 *
 * Each event function returns the verdict if it is known at once, and NULL if
 * filters have to be waited for: then on_verdict is called once, later, never
 * from within. One event at a time; milter_chain_abort() and
 * milter_chain_free() may come at any time and take back what runs.
 *
 * The first filter that does not say "go on" ends the event, and those behind
 * it are not asked. What was decided about a message (but for a recipient
 * refused alone) is the answer to all that follows of it, until the next MAIL
 * or milter_chain_abort().
 *
 * A filter that fails at CONNECT or HELO is not spoken of, the verdict is "go
 * on": it is tried again at MAIL, and what is set for failures applies there,
 * to that message. One that failed in a message is tried again at the next.
 * CONNECT and HELO are said to it again first; what it refuses there it refuses
 * at that MAIL and all that follow.
 */
#ifndef MILTER_CHAIN_H
#define MILTER_CHAIN_H

#include "milter/filter.h"
#include "milter/message.h"

enum milter_verdict_kind {
	MILTER_GO_ON,
	/* Say code and text. At connect and hello: to what follows as well. */
	MILTER_REFUSE,
	MILTER_DROP,  /* say that all is well, and deliver nothing */
	MILTER_CLOSE, /* say code (421) and text, and hang up */
};

/* Lives until the next event, abort or free. */
struct milter_verdict {
	enum milter_verdict_kind kind;
	uint16_t code;      /* 4xx or 5xx */
	struct slice text;  /* lines between LF; the first may begin with an
	                       enhanced status code */
	const char *filter; /* whose verdict it is */
	bool is_failure;    /* the filter could not be asked */
};

enum milter_event_kind {
	MILTER_EVENT_FAILED,     /* text: why; stage: at what */
	MILTER_EVENT_PASSED,     /* a message goes on without the filter */
	MILTER_EVENT_IGNORED,    /* an edit or reply that makes no sense */
	MILTER_EVENT_VERDICT,    /* any but "go on"; text */
	MILTER_EVENT_EDIT,       /* applied; with dry_run: not */
	MILTER_EVENT_QUARANTINE, /* text: the reason */
	MILTER_EVENT_RETURNED,   /* it is there again */
};

/* Something to be logged or shown. */
struct milter_event {
	enum milter_event_kind kind;
	const char *filter;
	const char *stage; /* "connect", "mail", "end of message", ... */
	struct slice text;
	uint16_t code;   /* of a verdict, or 0 */
	bool is_dry_run; /* told, not obeyed */
};

/* The server's side. All members are needed. */
struct milter_chain_calls {
	/* The chain may be freed in this one, and asked the next. */
	void (*on_verdict)(const struct milter_verdict *verdict, void *arg);
	/* The value of a macro ("i", "{auth_authen}") now, in arena. Returns
	 * false where it has none: then it is not sent. */
	bool (*get_macro)(enum milter_stage stage, struct slice name,
			  struct arena *arena, struct slice *ret_value,
			  void *arg);
	void (*on_event)(const struct milter_event *event, void *arg);
};

struct milter_chain;

/* Those filters of the set whose `listeners` has a bit of listener. NULL when
 * there are none. is_login_needed: no MAIL comes without a login, so filters
 * with only_unauthenticated are left out, and those with only_authenticated
 * are connected to at MAIL. calls is static. */
struct milter_chain *milter_chain_new(struct milter_set *set, uint32_t listener,
				      bool is_login_needed,
				      const struct milter_chain_calls *calls,
				      void *arg);
void milter_chain_free(struct milter_chain **chain);

/* Who is there. */
struct milter_client {
	struct slice hostname; /* verified, or "[192.0.2.1]" */
	char family;           /* '4', '6', 'L', 'U' */
	uint16_t port;
	struct slice address; /* "192.0.2.1", "2001:db8::1" */
};

const struct milter_verdict *milter_chain_connect(
	struct milter_chain *chain, const struct milter_client *client);
const struct milter_verdict *milter_chain_hello(struct milter_chain *chain,
						struct slice name);
/* Instead of both, in the middle of a session: nothing is asked, and a refusal
 * of either comes at MAIL. */
void milter_chain_resume(struct milter_chain *chain,
			 const struct milter_client *client,
			 struct slice hello);
/* sender: "<a@b>" or "<>" as the client wrote it, without source route;
 * params: "SIZE=100" and so on. Ends whatever message there was. */
const struct milter_verdict *milter_chain_mail(struct milter_chain *chain,
					       struct slice sender,
					       const struct slice *params,
					       size_t param_count,
					       bool is_authenticated);
/* The same for a recipient that is good as far as we know. MILTER_REFUSE: this
 * recipient only. */
const struct milter_verdict *milter_chain_rcpt(struct milter_chain *chain,
					       struct slice recipient,
					       const struct slice *params,
					       size_t param_count);
/* A recipient we refuse ourselves, for the filters that want to know; the
 * verdict is always MILTER_GO_ON. While this runs get_macro is to say "error"
 * for {rcpt_mailer}, and so on. */
const struct milter_verdict *milter_chain_rcpt_refused(
	struct milter_chain *chain, struct slice recipient,
	const struct slice *params, size_t param_count);
/* DATA, or the first BDAT. There is a recipient that was not refused. */
const struct milter_verdict *milter_chain_data(struct milter_chain *chain);
/* A command that is unknown or not there: the whole line. MILTER_REFUSE comes
 * with a 4xx; for "go on" the server says its own 500. */
const struct milter_verdict *milter_chain_unknown(struct milter_chain *chain,
						  struct slice line);
/* The whole content, in message; filters change it. It stays the caller's and
 * lives until the verdict; unless that is "go on", it is of no use any more. */
const struct milter_verdict *milter_chain_content(
	struct milter_chain *chain, struct milter_message *message);
/* The message ends here for another reason: RSET, EHLO, our own refusal. */
void milter_chain_abort(struct milter_chain *chain);
/* Whether MAIL's, RCPT's or DATA's verdict was MILTER_DROP: no filter is asked
 * about this message any more. */
bool milter_chain_is_dropped(const struct milter_chain *chain);
/* Names of filters that this message passed without, between blanks; until the
 * next MAIL. */
struct slice milter_chain_unfiltered(const struct milter_chain *chain,
				     struct arena *arena);

#endif
