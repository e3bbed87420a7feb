#include "milter/parse.h"

#include <string.h>

enum {
	LINES = 32,        /* of a REPLYCODE; libmilter's limit */
	LINE_OCTETS = 512, /* of each, what is longer is cut */
	CODE_OCTETS = 3,
};

/* --- octets ------------------------------------------------------------------ */

struct slice milter_parse_string(struct slice *data)
{
	struct slice s;

	(void)slice_cut(*data, '\0', &s, data);
	return s;
}

bool milter_parse_u32(struct slice *data, uint32_t *ret_value)
{
	const unsigned char *p = (const unsigned char *)data->p;

	if (data->n < 4)
		return false;
	*ret_value = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		     (uint32_t)p[2] << 8 | p[3];
	*data = slice_tail(*data, 4);
	return true;
}

/* --- codes ------------------------------------------------------------------- */

bool milter_code_is_known(unsigned char code)
{
	return code != '\0' && strchr("cartdys4fpqhimb+2-e", code) != NULL;
}

bool milter_code_is_verdict(enum milter_code code)
{
	switch (code) {
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_REPLYCODE:
	case MILTER_SKIP:
	case MILTER_SHUTDOWN:
	case MILTER_CONN_FAIL:
		return true;
	case MILTER_PROGRESS:
	case MILTER_QUARANTINE:
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
	case MILTER_REPLBODY:
	case MILTER_ADDRCPT:
	case MILTER_ADDRCPT_PAR:
	case MILTER_DELRCPT:
	case MILTER_CHGFROM:
		break;
	}
	return false;
}

/* --- REPLYCODE --------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "550-" or "550 ", at the start of each line. */
static bool parse_code(struct slice line, uint16_t *ret_code, bool *ret_is_last)
{
	if (line.n <= CODE_OCTETS || (line.p[0] != '4' && line.p[0] != '5') ||
	    !is_digit(line.p[1]) || !is_digit(line.p[2]) ||
	    (line.p[3] != ' ' && line.p[3] != '-'))
		return false;
	*ret_code = (uint16_t)((line.p[0] - '0') * 100 +
			       (line.p[1] - '0') * 10 + (line.p[2] - '0'));
	*ret_is_last = line.p[3] == ' ';
	return true;
}

static size_t count_digits(struct slice s)
{
	size_t n = 0;

	while (n < s.n && is_digit(s.p[n]))
		n++;
	return n;
}

/* The octets of an enhanced status code (RFC 3463 2) at the start of text, or
 * 0 when there is none. */
static size_t status_octets(struct slice text)
{
	size_t at = 0;

	for (int part = 0; part < 3; part++) {
		size_t n = count_digits(slice_tail(text, at));

		if (n == 0 || n > 3 || (part == 0 && n != 1))
			return 0;
		at += n;
		if (part < 2 && (at == text.n || text.p[at++] != '.'))
			return 0;
	}
	return at == text.n || text.p[at] == ' ' ? at : 0;
}

/* A line as it is sent: at most LINE_OCTETS, and no character cut in two. */
static struct slice clip(struct slice s)
{
	size_t n = LINE_OCTETS;

	if (s.n <= n)
		return s;
	while (n > LINE_OCTETS - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(s, n);
}

static struct slice clean(struct slice text, struct arena *arena)
{
	char *out;
	size_t n = 0;

	text = slice_head(text, 2 * LINE_OCTETS); /* each may be a "%%" */
	out = arena_alloc(arena, text.n + 1);
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%' && i + 1 < text.n && text.p[i + 1] == '%')
			i++;
		if (c == '\t')
			c = ' ';
		else if (slice_has_control((struct slice){ &c, 1 }))
			c = '?';
		out[n++] = c;
	}
	return clip((struct slice){ out, n });
}

/* The code of the first line, and its status. */
struct head {
	uint16_t code;
	struct slice status;
};

static bool parse_line(struct slice line, struct head *head, bool *ret_is_last,
		       struct slice *ret_text, struct slice *ret_problem)
{
	struct slice text = slice_tail(line, CODE_OCTETS + 1);
	struct slice status = slice_head(text, status_octets(text));
	uint16_t code;

	if (!parse_code(line, &code, ret_is_last)) {
		*ret_problem = S("its reply does not begin with 4xx or 5xx");
		return false;
	}
	if (head->code != 0 && head->code != code) {
		*ret_problem = S("its reply has two codes");
		return false;
	}
	if (status.n > 0 && status.p[0] != line.p[0]) {
		*ret_problem = S("its reply has a status of another class");
		return false;
	}
	if (head->code == 0)
		head->status = status;
	else if (status.n > 0 && slice_equal(status, head->status))
		text = slice_trim(slice_tail(text, status.n));
	head->code = code;
	*ret_text = text;
	return true;
}

/* Cuts a line at its CRLF; the last may have none. Returns false at a CR or LF alone. */
static bool cut_line(struct slice *text, struct slice *ret_line)
{
	size_t n = slice_find_slice(*text, S("\r\n"));

	*ret_line = slice_head(*text, n);
	*text = slice_tail(*text, n + 2);
	return slice_find(*ret_line, '\r') == ret_line->n &&
	       slice_find(*ret_line, '\n') == ret_line->n;
}

static bool parse_replycode(struct slice data, struct arena *arena,
			    struct milter_reply *reply,
			    struct slice *ret_problem)
{
	struct slice lines[2 * LINES]; /* a LF before each */
	struct slice text, line;
	struct head head = { .code = 0 };
	bool is_last = false;
	size_t n = 0;

	if (data.n > 0 && data.p[data.n - 1] == '\0')
		data = slice_head(data, data.n - 1);
	if (slice_find(data, '\0') < data.n) {
		*ret_problem = S("its reply has a NUL");
		return false;
	}
	while (!is_last) {
		if (!cut_line(&data, &line)) {
			*ret_problem = S("its reply has a CR or LF alone");
			return false;
		}
		if (!parse_line(line, &head, &is_last, &text, ret_problem))
			return false;
		if (n == 2 * LINES)
			continue; /* more is not passed on */
		lines[n] = S("\n");
		lines[n + 1] = clean(text, arena);
		n += 2;
	}
	if (data.n > 0) {
		*ret_problem = S("its reply goes on after its last line");
		return false;
	}
	reply->smtp_code = head.code;
	reply->text = arena_join(arena, lines + 1, n - 1);
	return true;
}

/* --- the others -------------------------------------------------------------- */

static bool parse_header(struct slice *data, struct milter_reply *reply)
{
	/* A missing NUL after the value is harmless, after the name it is the
	 * value that is missing. */
	if (slice_find(*data, '\0') == data->n)
		return false;
	reply->name = milter_parse_string(data);
	reply->value = milter_parse_string(data);
	return true;
}

static bool parse_address(struct slice *data, bool has_params,
			  struct milter_reply *reply)
{
	if (data->n == 0)
		return false;
	reply->address = milter_parse_string(data);
	if (has_params)
		reply->params = milter_parse_string(data);
	return true;
}

/* Returns false if something is missing; what is left in *data is too much. */
static bool parse_edit(struct slice *data, struct milter_reply *reply)
{
	switch (reply->code) {
	case MILTER_QUARANTINE:
		reply->text = milter_parse_string(data);
		return true;
	case MILTER_ADDHEADER:
		return parse_header(data, reply);
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
		return milter_parse_u32(data, &reply->index) &&
		       parse_header(data, reply);
	case MILTER_ADDRCPT:
	case MILTER_DELRCPT:
		return parse_address(data, false, reply);
	case MILTER_ADDRCPT_PAR:
	case MILTER_CHGFROM:
		return parse_address(data, true, reply);
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_REPLYCODE:
	case MILTER_SKIP:
	case MILTER_SHUTDOWN:
	case MILTER_CONN_FAIL:
	case MILTER_PROGRESS:
	case MILTER_REPLBODY:
		break;
	}
	return true;
}

bool milter_reply_parse(enum milter_code code, struct slice data,
			struct arena *arena, struct milter_reply *ret_reply,
			struct slice *ret_problem)
{
	struct milter_reply reply = { .code = code };

	if (code == MILTER_REPLYCODE) {
		if (!parse_replycode(data, arena, &reply, ret_problem))
			return false;
	} else if (!parse_edit(&data, &reply)) {
		*ret_problem = S("a reply is cut short");
		return false;
	} else if (data.n > 0) {
		*ret_problem = S("a reply has octets after its end");
		return false;
	}
	*ret_reply = reply;
	return true;
}
