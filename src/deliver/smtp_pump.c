#include "deliver/smtp_pump.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_OCTETS = 64 << 10 };

void smtp_pump_start(struct smtp_pump *pump, const struct smtp_message *message,
		     enum smtp_content how)
{
	*pump = (struct smtp_pump){ .fd = message->content_fd,
				    .octets = message->content_octets,
				    .is_dotted = how == SMTP_CONTENT_DOTTED };
}

/* All n octets at offset. */
static bool read_at(int fd, uint64_t offset, char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = pread(fd, p, n, (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
		offset += (uint64_t)r;
	}
	return true;
}

static size_t piece_octets(uint64_t left)
{
	return left < PIECE_OCTETS ? (size_t)left : PIECE_OCTETS;
}

static struct slice dotted(struct smtp_pump *pump, struct slice in)
{
	/* scratch of the one loop */
	static char out[LMTP_DOTS_ROOM(PIECE_OCTETS) + LMTP_DOTS_END_OCTETS];
	size_t n = lmtp_dots_encode(&pump->dots, in, out);

	if (pump->is_dry)
		n += lmtp_dots_end(&pump->dots, out + n);
	return (struct slice){ out, n };
}

bool smtp_pump_next(struct smtp_pump *pump, struct slice *ret_piece)
{
	static char in[PIECE_OCTETS]; /* the same */
	struct slice piece = { in, piece_octets(pump->octets - pump->offset) };

	if (!read_at(pump->fd, pump->offset, in, piece.n))
		return false;
	pump->offset += piece.n;
	pump->is_dry = pump->offset == pump->octets;
	*ret_piece = pump->is_dotted ? dotted(pump, piece) : piece;
	return true;
}

/* Whether an octet of the content is over 127; of its header only, if
 * is_header. */
static bool has_high(const struct smtp_message *message, bool is_header)
{
	static char in[PIECE_OCTETS + 3]; /* the same */
	uint64_t offset = 0;
	size_t kept = 0; /* the header's end may lie between two pieces */

	while (offset < message->content_octets) {
		size_t n = piece_octets(message->content_octets - offset);
		struct slice piece = { in, kept + n };
		size_t end;

		if (!read_at(message->content_fd, offset, in + kept, n))
			return true;
		end = is_header ? slice_find_slice(piece, S("\r\n\r\n"))
				: piece.n;
		if (slice_has_high(slice_head(piece, end)))
			return true;
		if (end < piece.n)
			return false;
		kept = piece.n < 3 ? piece.n : 3;
		memmove(in, in + piece.n - kept, kept);
		offset += n;
	}
	return false;
}

void smtp_pump_look(const struct smtp_features *features,
		    struct smtp_message *message)
{
	if (message->is_8bit && !features->common.has_8bitmime)
		message->is_8bit = has_high(message, false);
	if (message->is_smtputf8 && !features->common.has_smtputf8)
		message->is_smtputf8 = has_high(message, true);
}
