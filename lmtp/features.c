#include "lmtp/features.h"

static const struct reply bad_address = {
	.code = 501,
	.status = { 5, 1, 3 },
	.text = SLICE("This is no address mail can be delivered to"),
};
static const struct reply no_smtputf8 = {
	.code = 553,
	.status = { 5, 6, 7 },
	.text = SLICE("The mail store takes no addresses in UTF-8"),
};

static void parse_line(struct slice line, struct lmtp_features *f)
{
	const struct {
		struct slice keyword;
		bool *has;
	} known[] = {
		{ SLICE("PIPELINING"), &f->has_pipelining },
		{ SLICE("CHUNKING"), &f->has_chunking },
		{ SLICE("8BITMIME"), &f->has_8bitmime },
		{ SLICE("SMTPUTF8"), &f->has_smtputf8 },
		{ SLICE("SIZE"), &f->has_size },
	};
	struct slice keyword = slice_head(line, slice_find(line, ' '));

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_equal_nocase(keyword, known[i].keyword))
			*known[i].has = true;
}

void lmtp_features_parse(struct slice text, struct lmtp_features *ret_features)
{
	struct lmtp_features f = { .has_pipelining = false };
	struct slice line;
	bool has_more = slice_cut(text, '\n', &line, &text); /* its name */

	while (has_more) {
		has_more = slice_cut(text, '\n', &line, &text);
		parse_line(line, &f);
	}
	*ret_features = f;
}

static bool is_sendable(struct slice address)
{
	return address.n <= LMTP_ADDRESS_OCTETS && !slice_has_control(address);
}

const struct reply *lmtp_features_refuse(const struct lmtp_features *features,
					 const struct lmtp_request *request)
{
	if (!is_sendable(request->reverse_path) ||
	    !is_sendable(request->recipient) || request->recipient.n == 0)
		return &bad_address;
	if (slice_has_high(request->recipient) && !features->has_smtputf8)
		return &no_smtputf8;
	return NULL;
}
