#include "deliver/smtp_features.h"

enum { RCPT_MAX = 100 }; /* RFC 5321 4.5.3.1.10: what each server takes */

void smtp_features_init(struct smtp_features *ret_features)
{
	*ret_features = (struct smtp_features){ .rcpt_max = RCPT_MAX };
}

/* "RCPTMAX=20 MAILMAX=5", RFC 9422 3. What is none is as if not there. */
static void parse_limits(struct slice text, struct smtp_features *f)
{
	bool has_more = true;

	while (has_more) {
		struct slice name, value;
		uint64_t n;

		has_more = slice_cut(text, ' ', &name, &text);
		(void)slice_cut(name, '=', &name, &value);
		if (!slice_to_u64(value, 999999, &n) || n == 0)
			continue;
		if (slice_equal_nocase(name, S("RCPTMAX")))
			f->rcpt_max = n < RCPT_MAX ? (unsigned)n : RCPT_MAX;
		else if (slice_equal_nocase(name, S("MAILMAX")))
			f->mail_max = (unsigned)n;
	}
}

static void parse_line(struct slice line, struct smtp_features *f)
{
	struct slice keyword, value;

	(void)slice_cut(line, ' ', &keyword, &value);
	if (slice_equal_nocase(keyword, S("STARTTLS")))
		f->has_starttls = true;
	else if (slice_equal_nocase(keyword, S("DSN")))
		f->has_dsn = true;
	else if (slice_equal_nocase(keyword, S("REQUIRETLS")))
		f->has_requiretls = true;
	else if (slice_equal_nocase(keyword, S("SIZE")))
		(void)slice_to_u64(slice_trim(value), UINT64_MAX, &f->size_max);
	else if (slice_equal_nocase(keyword, S("LIMITS")))
		parse_limits(value, f);
}

void smtp_features_parse(struct slice text, struct smtp_features *ret_features)
{
	struct smtp_features f;
	struct slice line;
	bool has_more;

	smtp_features_init(&f);
	lmtp_features_parse(text, &f.common);
	has_more = slice_cut(text, '\n', &line, &text); /* its name */
	while (has_more) {
		has_more = slice_cut(text, '\n', &line, &text);
		parse_line(line, &f);
	}
	*ret_features = f;
}
