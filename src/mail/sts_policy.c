/* Policies of sts.h: RFC 8461 3.2 and 4.1. */
#include "mail/sts.h"

#include "smtp/name.h"

#include <string.h>

enum { FIELD_NAME_OCTETS = 32 };

struct reader {
	struct arena *arena;
	struct slice *patterns;
	struct sts_policy policy;
	bool has_version, has_mode, has_max_age;
};

static const char *const mode_words[] = {
	[STS_NONE] = "none",
	[STS_TESTING] = "testing",
	[STS_ENFORCE] = "enforce",
};

const char *sts_mode_word(enum sts_mode mode)
{
	return mode_words[mode];
}

/* --- fields: each returns NULL or what is wrong ------------------------------------ */

static const char *take_version(struct reader *r, struct slice value)
{
	if (r->has_version)
		return NULL; /* the first one counts, as of all but mx */
	r->has_version = true;
	return slice_equal(value, S("STSv1")) ? NULL
					      : "its version is not STSv1";
}

static const char *take_mode(struct reader *r, struct slice value)
{
	if (r->has_mode)
		return NULL;
	for (int i = STS_NONE; i <= STS_ENFORCE; i++) {
		if (!slice_equal(value, slice_of(mode_words[i])))
			continue;
		r->policy.mode = (enum sts_mode)i;
		r->has_mode = true;
		return NULL;
	}
	return "its mode is none that there is";
}

/* Digits without an end are a large number, too. */
static const char *take_max_age(struct reader *r, struct slice value)
{
	uint64_t age = STS_MAX_AGE_S;

	if (r->has_max_age)
		return NULL;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return "its max_age is no number";
	if (value.n == 0)
		return "its max_age is no number";
	(void)slice_to_u64(value, STS_MAX_AGE_S, &age);
	r->policy.max_age_s = (uint32_t)age;
	r->has_max_age = true;
	return NULL;
}

static const char *take_mx(struct reader *r, struct slice value)
{
	static const char problem[] = "an mx of it is no host name";
	bool is_wild = slice_starts(value, S("*."));
	struct slice name, parts[2] = { SLICE("*.") };

	if (r->policy.pattern_count == STS_PATTERNS_MAX)
		return "it names too many hosts";
	if (slice_has_high(value) || slice_has_control(value) ||
	    name_domain(slice_tail(value, is_wild ? 2 : 0), r->arena, &name) !=
		    0)
		return problem;
	parts[1] = name;
	r->patterns[r->policy.pattern_count++] =
		is_wild ? arena_join(r->arena, parts, 2) : name;
	return NULL;
}

static bool is_field_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_alnum = (c >= '0' && c <= '9') ||
				(c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z');

		if (!is_alnum && (i == 0 || (c != '_' && c != '-' && c != '.')))
			return false;
	}
	return s.n > 0 && s.n <= FIELD_NAME_OCTETS;
}

static const struct {
	struct slice name;
	const char *(*take)(struct reader *r, struct slice value);
} fields[] = {
	{ SLICE("version"), take_version },
	{ SLICE("mode"), take_mode },
	{ SLICE("max_age"), take_max_age },
	{ SLICE("mx"), take_mx },
};

static const char *take_line(struct reader *r, struct slice line)
{
	struct slice name, value;

	if (!slice_cut(line, ':', &name, &value) || !is_field_name(name))
		return "it has a line that is no field";
	value = slice_trim(value);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (slice_equal(name, fields[i].name))
			return fields[i].take(r, value);
	/* One of a later day: RFC 8461 3.2. */
	return slice_has_control(value) || !slice_is_utf8(value)
		       ? "it has a line that is no text"
		       : NULL;
}

/* --- the whole --------------------------------------------------------------------- */

static const char *judge(const struct reader *r)
{
	if (!r->has_version)
		return "it has no version";
	if (!r->has_mode)
		return "it has no mode";
	if (!r->has_max_age)
		return "it has no max_age";
	if (r->policy.mode != STS_NONE && r->policy.pattern_count == 0)
		return "it names no host";
	return NULL;
}

const char *sts_policy_parse(struct slice text, struct arena *arena,
			     struct sts_policy *ret_policy)
{
	struct reader r = { .arena = arena };
	const char *problem = NULL;

	if (text.n > STS_POLICY_OCTETS)
		return "it is too big";
	r.patterns = arena_array(arena, STS_PATTERNS_MAX, sizeof(*r.patterns));
	while (text.n > 0 && problem == NULL) {
		struct slice line;

		(void)slice_cut(text, '\n', &line, &text);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (slice_trim(line).n > 0)
			problem = take_line(&r, line);
	}
	if (problem == NULL)
		problem = judge(&r);
	if (problem != NULL)
		return problem;
	r.policy.patterns = r.patterns;
	*ret_policy = r.policy;
	return NULL;
}

static bool is_named_by(struct slice pattern, struct slice host)
{
	if (!slice_starts(pattern, S("*.")))
		return slice_equal_nocase(pattern, host);
	host = slice_tail(host, slice_find(host, '.'));
	return slice_equal_nocase(slice_tail(pattern, 1), host);
}

bool sts_policy_names(const struct sts_policy *policy, struct slice host)
{
	for (size_t i = 0; i < policy->pattern_count; i++)
		if (is_named_by(policy->patterns[i], host))
			return true;
	return false;
}
