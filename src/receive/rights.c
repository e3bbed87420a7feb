#include "receive/rights.h"

#include "base/mem.h"
#include "smtp/name.h"

enum { SCRATCH_OCTETS = 1 << 20 }; /* for one word */

struct limit {
	bool is_given;
	uint64_t count;
};

struct rights {
	char *senders; /* or NULL */
	struct limit messages;
	struct limit recipients;
};

static void take_limit(struct limit *limit, const struct login_field *field,
		       const struct log_ctx *log)
{
	limit->is_given = slice_to_u64(field->value, UINT32_MAX, &limit->count);
	if (!limit->is_given)
		LOG(LOG_WARNING, log, "Dovecot's extra field is no number",
		    log_text("field", field->name),
		    log_text("value", field->value));
}

static void take_senders(struct rights *rights, struct slice value)
{
	AUTO(arena_free) struct arena *a = arena_new(value.n + 4096);

	mem_free(&rights->senders);
	rights->senders = mem_string(arena_string(a, value));
}

struct rights *rights_new(const struct login_result *result,
			  const struct log_ctx *log)
{
	struct rights *rights = mem_new(sizeof(*rights));

	for (size_t i = 0; i < result->field_count; i++) {
		const struct login_field *field = &result->fields[i];

		if (slice_equal(field->name, S("smtp_senders")))
			take_senders(rights, field->value);
		else if (slice_equal(field->name, S("smtp_limit")))
			take_limit(&rights->messages, field, log);
		else if (slice_equal(field->name, S("smtp_recipient_limit")))
			take_limit(&rights->recipients, field, log);
	}
	return rights;
}

void rights_free(struct rights **rights)
{
	if (*rights == NULL)
		return;
	mem_free(&(*rights)->senders);
	mem_free(rights);
}

/* --- senders --------------------------------------------------------------------- */

static bool is_same(const struct address *a, const struct address *b,
		    struct arena *scratch)
{
	struct slice one, other;

	if (!slice_equal(a->domain, b->domain))
		return false;
	if (name_user(a->local, scratch, &one) != 0 ||
	    name_user(b->local, scratch, &other) != 0)
		return slice_equal(a->local, b->local);
	return slice_equal(one, other);
}

static bool is_address(struct slice text, const struct address *sender,
		       struct arena *scratch)
{
	struct address address;

	return address_parse(text, scratch, &address) == 0 &&
	       is_same(&address, sender, scratch);
}

/* One of smtp_senders. A login called "*" is no wildcard. */
static bool fits(struct slice word, const struct address *sender,
		 struct arena *scratch)
{
	struct slice domain;

	if (slice_equal(word, S("*")))
		return true;
	if (slice_starts(word, S("@")))
		return name_domain(slice_tail(word, 1), scratch, &domain) ==
			       0 &&
		       slice_equal(domain, sender->domain);
	return is_address(word, sender, scratch);
}

static bool is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t';
}

static struct slice next_word(struct slice *rest)
{
	size_t begin = 0, end;

	while (begin < rest->n && is_separator(rest->p[begin]))
		begin++;
	end = begin;
	while (end < rest->n && !is_separator(rest->p[end]))
		end++;
	*rest = slice_tail(*rest, begin);
	struct slice word = slice_head(*rest, end - begin);
	*rest = slice_tail(*rest, end - begin);
	return word;
}

struct slice rights_senders(const struct rights *rights)
{
	return slice_of(rights->senders);
}

/* A long list, and From with many addresses, are much to read: room is needed
 * for one word at a time. */
bool rights_have_sender(const struct rights *rights, struct slice login,
			const struct address *sender)
{
	AUTO(arena_free) struct arena *scratch = arena_new(SCRATCH_OCTETS);
	struct slice rest = rights_senders(rights), word;
	bool has = is_address(login, sender, scratch);

	while (!has && (word = next_word(&rest)).n > 0) {
		arena_clear(scratch);
		has = fits(word, sender, scratch);
	}
	return has;
}

/* --- limits ------------------------------------------------------------------------ */

uint64_t rights_messages(const struct rights *rights, const struct conf *conf)
{
	return rights->messages.is_given ? rights->messages.count
					 : conf->login_message_limit;
}

uint64_t rights_recipients(const struct rights *rights, const struct conf *conf)
{
	return rights->recipients.is_given ? rights->recipients.count
					   : conf->login_recipient_limit;
}
