#include "hook/output.h"

#include <string.h>

/* --- clean text --------------------------------------------------------------- */

/* The length of the character at the beginning of s; 0 when it is none. */
static size_t character(struct slice s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (slice_is_utf8(slice_head(s, n)))
			return n;
	return 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

/* Writes a clean copy, of the same length, to out. */
static void clean(struct slice in, char *out)
{
	while (in.n > 0) {
		size_t n = character(in);

		memcpy(out, in.p, n > 0 ? n : 1);
		if (n == 0 || (is_control(*in.p) && *in.p != '\t'))
			*out = '?';
		n = n > 0 ? n : 1;
		out += n;
		in = slice_tail(in, n);
	}
}

/* Cuts between characters. */
static struct slice cut(struct slice s, size_t max)
{
	s = slice_head(s, max);
	while (s.n > 0 && !slice_is_utf8(s))
		s.n--;
	return s;
}

static struct slice without_cr(struct slice line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

struct slice output_last_line(struct slice output, struct arena *arena)
{
	struct slice last = { .n = 0 }, line;
	char *text;

	while (output.n > 0) {
		(void)slice_cut(output, '\n', &line, &output);
		line = slice_trim(without_cr(line));
		if (line.n > 0)
			last = line;
	}
	text = arena_alloc(arena, last.n + 1);
	clean(last, text);
	for (size_t i = 0; i < last.n; i++)
		if (text[i] == '\t')
			text[i] = ' ';
	return cut((struct slice){ text, last.n }, OUTPUT_TEXT_OCTETS);
}

/* --- header lines --------------------------------------------------------------- */

/* RFC 5322 2.2: printable ASCII but for the colon; a blank before the colon
 * is of 4.5.8. */
static bool is_field(struct slice line)
{
	struct slice name, value;

	if (!slice_cut(line, ':', &name, &value))
		return false;
	name = slice_trim(name);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
			return false;
	return name.n > 0;
}

static bool goes_on(struct slice line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
}

static bool is_header_line(struct slice line, bool is_first)
{
	if (line.n == 0 || line.n > OUTPUT_HEADER_LINE_OCTETS)
		return false;
	return goes_on(line) ? !is_first : is_field(line);
}

static size_t put_line(struct slice line, char *out)
{
	if (slice_trim(line).n == 0)
		return 0;
	clean(line, out);
	out[line.n] = '\r';
	out[line.n + 1] = '\n';
	return line.n + 2;
}

bool output_header(struct slice output, struct arena *arena,
		   struct slice *ret_header)
{
	/* Each line has an octet at least, and gets one more. */
	char *text = arena_alloc(arena, 2 * output.n + 1);
	struct slice line;
	size_t n = 0;

	if (output.n > 0 && output.p[output.n - 1] != '\n')
		return false; /* it was cut off */
	while (output.n > 0) {
		(void)slice_cut(output, '\n', &line, &output);
		line = without_cr(line);
		if (!is_header_line(line, n == 0))
			return false;
		n += put_line(line, text + n);
	}
	*ret_header = (struct slice){ text, n };
	return true;
}

/* --- verdicts ---------------------------------------------------------------------- */

void output_judge_post_data(int status, struct slice output,
			    struct arena *arena,
			    struct msg_post_data_result *ret_result)
{
	struct msg_post_data_result *r = ret_result;

	r->header = r->text = r->problem = S("");
	if (status != 0) {
		r->result = status == OUTPUT_REJECT_STATUS ? HOOK_REJECT
							   : HOOK_TRY_LATER;
		r->text = output_last_line(output, arena);
		return;
	}
	r->result = HOOK_ACCEPT;
	if (!output_header(output, arena, &r->header))
		r->problem = S("what it says is no header, and is dropped");
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice output_targets(struct slice output)
{
	while (output.n > 0 && is_blank(output.p[output.n - 1]))
		output.n--;
	while (output.n > 0 && is_blank(*output.p))
		output = slice_tail(output, 1);
	return output;
}
