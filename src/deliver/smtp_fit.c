#include "deliver/smtp_fit.h"

#include "base/mem.h"
#include "smtp/name.h"

enum { NAME_ARENA_OCTETS = 16 << 10 };

static const struct outcome bad_address = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 1, 3 },
	.text = SLICE("this is no address mail can be sent to"),
};
static const struct outcome too_big = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 3, 4 },
	.text = SLICE("the message is larger than the server takes"),
};
static const struct outcome no_8bit = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 6, 3 },
	.text = SLICE("the server takes no messages of 8 bits, "
		      "and this one is not changed on its way"),
};
static const struct outcome no_utf8_address = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 6, 7 },
	.text = SLICE("the server takes no addresses in UTF-8"),
};
static const struct outcome no_utf8_header = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 6, 9 },
	.text = SLICE("the server takes no messages with a header in UTF-8"),
};

static const struct outcome no_requiretls = {
	.kind = OUTCOME_REFUSED,
	.status = { 5, 7, 30 },
	.text = SLICE("the sender wants REQUIRETLS, and the server does not "
		      "offer it"),
};

static bool is_sendable(struct slice address)
{
	return address.n <= LMTP_ADDRESS_OCTETS && !slice_has_control(address);
}

static const struct outcome *fit_utf8(const struct smtp_features *features,
				      struct slice address)
{
	return smtp_fit_needs_utf8(address) && !features->common.has_smtputf8
		       ? &no_utf8_address
		       : NULL;
}

static const struct outcome *fit_message(const struct smtp_features *features,
					 const struct smtp_message *message)
{
	if (!is_sendable(message->reverse_path))
		return &bad_address;
	if (features->size_max > 0 &&
	    message->content_octets > features->size_max)
		return &too_big;
	if (message->is_8bit && !features->common.has_8bitmime)
		return &no_8bit;
	if (message->is_smtputf8 && !features->common.has_smtputf8)
		return &no_utf8_header;
	/* RFC 8689 5: a report goes on without. */
	if (message->requires_tls && !features->has_requiretls &&
	    message->reverse_path.n > 0)
		return &no_requiretls;
	return fit_utf8(features, message->reverse_path);
}

static const struct outcome *fit_recipient(const struct smtp_features *features,
					   const struct smtp_recipient *to)
{
	if (!is_sendable(to->address) || to->address.n == 0)
		return &bad_address;
	return fit_utf8(features, to->address);
}

void smtp_fit_refuse(const struct smtp_features *features,
		     const struct smtp_message *message,
		     struct smtp_recipients *recipients)
{
	const struct outcome *o = fit_message(features, message);

	if (o != NULL) {
		const struct smtp_result all = { .outcome = *o };

		smtp_recipients_decide_all(recipients, SMTP_OPEN, SMTP_OPEN,
					   &all);
		return;
	}
	for (size_t i = 0; i < message->recipient_count; i++) {
		o = fit_recipient(features, &message->recipients[i]);
		if (o != NULL) {
			const struct smtp_result one = { .outcome = *o };

			smtp_recipients_decide(recipients, i, &one);
		}
	}
}

void smtp_fit_use_up(struct smtp_recipients *recipients)
{
	static const struct smtp_result used_up = {
		.outcome = { .kind = OUTCOME_DEFERRED,
			     .status = { 4, 5, 3 },
			     .text = SLICE("the server takes no more mail on "
					   "this connection") },
		.is_untouched = true,
	};

	smtp_recipients_decide_all(recipients, SMTP_OPEN, SMTP_OPEN, &used_up);
}

struct slice smtp_fit_address(struct slice address, struct arena *arena)
{
	size_t at = slice_find_last(address, '@');
	struct slice local = slice_head(address, at);
	struct slice parts[] = { local, S("@"), slice_tail(address, at + 1) };

	if (!slice_has_high(address) || slice_has_high(local) ||
	    name_domain(parts[2], arena, &parts[2]) != 0)
		return address;
	return arena_join(arena, parts, 3);
}

bool smtp_fit_needs_utf8(struct slice address)
{
	AUTO(arena_free) struct arena *arena = NULL;

	if (!slice_has_high(address))
		return false;
	arena = arena_new(NAME_ARENA_OCTETS);
	return slice_has_high(smtp_fit_address(address, arena));
}
