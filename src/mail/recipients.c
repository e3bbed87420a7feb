#include "mail/recipients.h"

#include "base/blank.h"

#include <string.h>

enum { COMMENT_DEPTH = 100 };

/* A token is one of ",;:<>@", or: */
enum {
	TOKEN_END = 0,
	TOKEN_BAD = 'b',
	TOKEN_WORD = 'w',    /* an atom with its dots, or a quoted string */
	TOKEN_LITERAL = 'l', /* [...] */
};

/* What may be an address when it is over. */
struct spec {
	char *text;
	size_t n;
	size_t end; /* of the local part, in the body */
	bool has_at;
	bool is_after_word;
	bool is_bad;
};

struct parser {
	struct slice in;
	size_t at;
	struct arena *arena;
	struct recipient *items;
	size_t count, room;
	struct spec spec;
	bool is_after_angle; /* only "," or ";" can follow */
	int error;
};

/* --- tokens --------------------------------------------------------------------- */

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

static bool is_atom_octet(char c)
{
	return !is_control(c) && strchr(" ()<>[]:;@\\,\"", c) == NULL;
}

/* At "(": goes behind its end. Returns false if there is none. */
static bool skip_comment(struct parser *p)
{
	unsigned depth = 0;

	for (; p->at < p->in.n; p->at++) {
		char c = p->in.p[p->at];

		if (c == '\\' && p->at + 1 < p->in.n)
			p->at++;
		else if (c == '(' && ++depth > COMMENT_DEPTH)
			return false;
		else if (c == ')' && --depth == 0)
			return p->at++, true;
	}
	return false;
}

static bool skip_blanks(struct parser *p)
{
	while (p->at < p->in.n) {
		if (p->in.p[p->at] == '(') {
			if (!skip_comment(p))
				return false;
		} else if (blank_is(p->in.p[p->at])) {
			p->at++;
		} else {
			break;
		}
	}
	return true;
}

/* From the mark at hand to last, both of it; folding inside of a quoted string
 * that is an address is not taken. */
static int take_enclosed(struct parser *p, char last, int token)
{
	for (p->at++; p->at < p->in.n; p->at++) {
		char c = p->in.p[p->at];

		if (c == '\\' && p->at + 1 < p->in.n)
			p->at++;
		else if (c == last)
			return p->at++, token;
	}
	return TOKEN_BAD;
}

static int take_token(struct parser *p, struct slice *ret_text)
{
	size_t begin;
	int token;

	if (!skip_blanks(p))
		return TOKEN_BAD;
	if (p->at == p->in.n)
		return TOKEN_END;
	begin = p->at;
	if (p->in.p[p->at] == '\0') {
		token = TOKEN_BAD;
	} else if (strchr(",;:<>@", p->in.p[p->at]) != NULL) {
		token = (unsigned char)p->in.p[p->at++];
	} else if (p->in.p[p->at] == '"') {
		token = take_enclosed(p, '"', TOKEN_WORD);
	} else if (p->in.p[p->at] == '[') {
		token = take_enclosed(p, ']', TOKEN_LITERAL);
	} else {
		token = TOKEN_WORD;
		while (p->at < p->in.n && is_atom_octet(p->in.p[p->at]))
			p->at++;
		if (p->at == begin)
			token = TOKEN_BAD;
	}
	*ret_text = slice_head(slice_tail(p->in, begin), p->at - begin);
	return token;
}

/* --- an address that grows -------------------------------------------------------- */

static void append(struct parser *p, struct slice text)
{
	struct spec *s = &p->spec;

	/* All tokens together are no longer than the body. */
	if (s->text == NULL)
		s->text = arena_alloc(p->arena, p->in.n - p->at + text.n + 1);
	memcpy(s->text + s->n, text.p, text.n);
	s->n += text.n;
	if (!s->has_at)
		s->end = p->at;
}

/* "first . last": blanks around dots are of RFC 5322 4.4. */
static bool is_joined(const struct spec *s, struct slice word)
{
	return s->n == 0 || s->text[s->n - 1] == '.' || word.p[0] == '.';
}

static void add_word(struct parser *p, struct slice word)
{
	struct spec *s = &p->spec;

	if ((s->is_after_word && !is_joined(s, word)) ||
	    slice_has_control(word))
		s->is_bad = true;
	s->is_after_word = true;
	append(p, word);
}

static void add_at(struct parser *p)
{
	struct spec *s = &p->spec;

	if (s->has_at || s->n == 0)
		s->is_bad = true;
	s->has_at = true;
	s->is_after_word = false;
	append(p, S("@"));
}

static void add_literal(struct parser *p, struct slice text)
{
	struct spec *s = &p->spec;

	if (!s->has_at || s->is_after_word || slice_has_control(text))
		s->is_bad = true;
	s->is_after_word = true;
	append(p, text);
}

static void forget(struct parser *p)
{
	/* The room goes back with the arena: a body has few phrases. */
	p->spec.n = 0;
	p->spec.has_at = p->spec.is_after_word = p->spec.is_bad = false;
}

static void add_item(struct parser *p, const struct recipient *item)
{
	if (p->count == RECIPIENTS_MAX) {
		p->error = RECIPIENTS_TOO_MANY;
		return;
	}
	if (p->count == p->room) {
		struct recipient *items;

		p->room = p->room * 2 + 8;
		items = arena_array(p->arena, p->room, sizeof(*items));
		if (p->count > 0)
			memcpy(items, p->items, p->count * sizeof(*items));
		p->items = items;
	}
	p->items[p->count++] = *item;
}

/* Nothing between two commas is no address. */
static void finish(struct parser *p)
{
	struct spec *s = &p->spec;
	struct slice text = { s->text, s->n };

	if (s->n > 0 && (s->is_bad || !s->is_after_word))
		p->error = RECIPIENTS_SYNTAX;
	else if (s->n > 0)
		add_item(p, &(struct recipient){
				    .text = arena_copy(p->arena, text),
				    .is_bare = !s->has_at,
				    .end = s->end });
	forget(p);
}

/* --- the list ---------------------------------------------------------------------- */

/* "<@a,@b:user@c>": what precedes the colon is passed over. */
static int skip_route(struct parser *p, int token, struct slice *text)
{
	if (token != '@')
		return token;
	while (token != ':') {
		if (token != '@' && token != ',' && token != TOKEN_WORD)
			return TOKEN_BAD;
		token = take_token(p, text);
	}
	return take_token(p, text);
}

static void take_part(struct parser *p, int token, struct slice text)
{
	if (token == TOKEN_WORD)
		add_word(p, text);
	else if (token == '@')
		add_at(p);
	else if (token == TOKEN_LITERAL)
		add_literal(p, text);
	else
		p->error = RECIPIENTS_SYNTAX;
}

/* Behind "<". */
static void take_angle(struct parser *p)
{
	struct slice text = { .n = 0 };
	int token;

	forget(p); /* the phrase */
	token = skip_route(p, take_token(p, &text), &text);
	for (; token != '>' && p->error == 0; token = take_token(p, &text))
		take_part(p, token, text);
	if (p->spec.n == 0)
		p->error = RECIPIENTS_SYNTAX;
	if (p->error == 0)
		finish(p);
	p->is_after_angle = true;
}

static void take(struct parser *p, int token, struct slice text)
{
	if (token == ',' || token == ';' || token == TOKEN_END) {
		finish(p);
		p->is_after_angle = false;
	} else if (p->is_after_angle) {
		p->error = RECIPIENTS_SYNTAX;
	} else if (token == '<') {
		take_angle(p);
	} else if (token == ':' && p->spec.n > 0 && !p->spec.has_at) {
		forget(p); /* the name of a group */
	} else {
		take_part(p, token, text);
	}
}

int recipients_parse(struct slice body, struct arena *arena,
		     const struct recipient **ret_items, size_t *ret_count)
{
	struct parser p = { .in = body, .arena = arena };
	struct slice text = { .n = 0 };
	int token;

	do {
		token = take_token(&p, &text);
		take(&p, token, text);
	} while (token != TOKEN_END && p.error == 0);
	if (p.error != 0)
		return p.error;
	*ret_items = p.items;
	*ret_count = p.count;
	return 0;
}
