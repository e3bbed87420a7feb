#include "receive/resolve-private.h"

#include "base/clock.h"
#include "smtp/name.h"

enum {
	RESOLVE_DEPTH = 10,
	RESOLVE_TARGET_COUNT = 1000,
	RESOLVE_ADDRESS_COUNT = 4000, /* looked at on the way to them */
	RESOLVE_STEP_COUNT = 2000,
	RESOLVE_TARGETS_SHOWN = 10,
};

/* --- words ---------------------------------------------------------------- */

#define JOIN(r, ...)                                                           \
	arena_join((r)->arena, (const struct slice[]){ __VA_ARGS__ },          \
		   sizeof((const struct slice[]){ __VA_ARGS__ }) /             \
			   sizeof(struct slice))
#define STEP(r, ...)                                                           \
	do {                                                                   \
		if ((r)->with_steps)                                           \
			add_step((r), JOIN((r), __VA_ARGS__));                 \
	} while (0)

static void add_step(struct resolution *r, struct slice words)
{
	if (r->steps == NULL)
		r->steps = arena_array(r->arena, RESOLVE_STEP_COUNT,
				       sizeof(*r->steps));
	if (r->step_count < RESOLVE_STEP_COUNT)
		r->steps[r->step_count++] = words;
}

static void finish(struct resolution *r, enum resolve_result result,
		   struct slice problem)
{
	r->is_done = true;
	r->answer.result = result;
	r->answer.problem = problem;
	r->answer.targets = target_set_all(&r->targets);
	if (problem.n > 0)
		STEP(r, problem);
	r->answer.steps = (struct slices){ r->steps, r->step_count };
}

/* "name@domain" as Dovecot knows it: not quoted. */
static struct slice plain_address(struct resolution *r, struct slice local,
				  struct slice domain)
{
	return JOIN(r, local, S("@"), domain);
}

static struct slice target_words(struct resolution *r,
				 const struct alias_target *target)
{
	if (target->is_same_user)
		return JOIN(r, S("*@"), target->address.domain);
	return address_format(&target->address, r->arena);
}

static void explain_alias(struct resolution *r, const struct place *place,
			  const struct alias *alias)
{
	struct slice words;
	size_t shown = 0;

	if (!r->with_steps)
		return;
	words = JOIN(r, S("alias "), alias->user, S(" of "),
		     place->address.domain,
		     arena_format(r->arena, " (aliases:%u) -> ", alias->line));
	for (; shown < alias->count && shown < RESOLVE_TARGETS_SHOWN; shown++)
		words = JOIN(r, words, shown > 0 ? S(", ") : S(""),
			     target_words(r, &alias->targets[shown]));
	if (shown < alias->count)
		words = JOIN(r, words,
			     arena_format(r->arena, " and %zu more",
					  alias->count - shown));
	add_step(r, words);
}

/* --- the way -------------------------------------------------------------- */

static void no_such_user(struct resolution *r, const struct place *place)
{
	struct slice words = JOIN(
		r, address_format(&place->address, r->arena),
		place->depth > 0
			? S(": an alias leads there, and there is no such user")
			: S(": no such user"));

	if (place->depth == 0 &&
	    slice_equal_nocase(place->address.local, S("postmaster")))
		words = JOIN(r, words,
			     S("; RFC 5321 4.5.1 wants one: make a mailbox or"
			       " an alias \"postmaster\""));
	finish(r, RESOLVE_NO_USER, words);
}

/* Takes up an address of ours; from: whose alias leads to it, or NULL. */
static void add_place(struct resolution *r, const struct address *address,
		      const struct place *from)
{
	const struct conf *conf = r->resolver->conf;
	struct place *place = arena_alloc(r->arena, sizeof(*place));
	bool is_new;

	place->address = *address;
	place->depth = from != NULL ? from->depth + 1 : 0;
	if (candidates_find(address->local, conf->recipient_delimiter,
			    conf->drop_characters, r->arena,
			    &place->candidates) != 0) {
		no_such_user(r, place);
		return;
	}
	place->key =
		plain_address(r, place->candidates.folded, address->domain);
	if (from != NULL && slice_equal(from->key, place->key)) {
		/* "info: info, other": here a mailbox is meant, and it was
		 * asked for before the alias. */
		no_such_user(r, place);
		return;
	}
	(void)names_add(&r->seen, place->key, &is_new);
	if (!is_new)
		return; /* a cycle, or two ways to the same place */
	if (place->depth > RESOLVE_DEPTH)
		finish(r, RESOLVE_NO_USER,
		       JOIN(r, place->key,
			    S(": aliases lead deeper than 10 steps")));
	else if (r->seen.count > RESOLVE_ADDRESS_COUNT)
		finish(r, RESOLVE_NO_USER,
		       S("aliases lead to too many addresses"));
	else
		STAILQ_INSERT_TAIL(&r->places, place, entry);
}

static void follow(struct resolution *r, const struct place *place,
		   const struct alias *alias)
{
	explain_alias(r, place, alias);
	STAILQ_REMOVE_HEAD(&r->places, entry);
	for (size_t i = 0; i < alias->count && !r->is_done; i++) {
		const struct alias_target *target = &alias->targets[i];
		struct address to = target->address;

		if (target->is_same_user)
			to.local = place->address.local;
		if (domains_is_local(r->resolver->domains, to.domain))
			add_place(r, &to, place);
		else
			finish(r, RESOLVE_NOT_LOCAL,
			       JOIN(r, address_format(&to, r->arena),
				    S(": alias leads outside, which is not"
				      " there yet")));
	}
}

static void try_alias(struct resolution *r, struct place *place,
		      struct slice user)
{
	const struct aliases *aliases =
		domains_aliases(r->resolver->domains, place->address.domain);
	const struct alias *alias =
		aliases != NULL ? aliases_find(aliases, user) : NULL;

	place->next++;
	if (alias != NULL)
		follow(r, place, alias);
	else
		STEP(r, S("alias "), user, S(": there is none in "),
		     place->address.domain);
}

static void take_mailbox(struct resolution *r, const struct place *place)
{
	const struct candidate *c = &place->candidates.items[place->next];
	struct address to = { .local = c->whole,
			      .domain = place->address.domain };
	struct slice mailbox = address_format(&to, r->arena);

	STAILQ_REMOVE_HEAD(&r->places, entry);
	(void)target_set_add(&r->targets,
			     (struct target){ TARGET_MAILBOX, mailbox });
	if (r->targets.count > RESOLVE_TARGET_COUNT) {
		finish(r, RESOLVE_NO_USER,
		       S("aliases lead to more than 1000 targets"));
		return;
	}
	STEP(r, S("delivered to "), mailbox);
}

/* Dovecot's word on the mailbox that is being looked for. */
static void take_verdict(struct resolution *r, struct slice name,
			 const struct userdb_result *result)
{
	struct place *place = STAILQ_FIRST(&r->places);

	switch (result->verdict) {
	case USERDB_FOUND:
		if (result->user.n > 0 && !slice_equal(result->user, name))
			STEP(r, S("mailbox "), name,
			     S(": Dovecot knows it, as "), result->user);
		else
			STEP(r, S("mailbox "), name, S(": Dovecot knows it"));
		take_mailbox(r, place);
		return;
	case USERDB_NOT_FOUND:
		STEP(r, S("mailbox "), name, S(": Dovecot knows no such user"));
		place->next++;
		return;
	case USERDB_UNAVAILABLE:
		finish(r, RESOLVE_TRY_LATER,
		       JOIN(r, S("mailbox "), name,
			    S(": Dovecot cannot say now: "), result->reason));
		return;
	}
}

static struct slice wanted_name(struct resolution *r)
{
	const struct place *place = STAILQ_FIRST(&r->places);

	return plain_address(r, place->candidates.items[place->next].local,
			     place->address.domain);
}

static void on_lookup(const struct userdb_result *result, void *arg)
{
	struct resolution *r = arg;
	struct slice name = wanted_name(r);

	r->lookup = NULL;
	if (result->verdict != USERDB_UNAVAILABLE)
		user_cache_put(r->resolver->cache, name,
			       result->verdict == USERDB_FOUND,
			       clock_monotonic_ms());
	take_verdict(r, name, result);
	resolution_run(r);
}

static void try_mailbox(struct resolution *r)
{
	struct slice name = wanted_name(r);
	bool is_found;

	/* Who wants to see the steps wants to see Dovecot itself. */
	if (!r->with_steps && user_cache_get(r->resolver->cache, name,
					     clock_monotonic_ms(), &is_found)) {
		struct userdb_result known = {
			.verdict = is_found ? USERDB_FOUND : USERDB_NOT_FOUND
		};

		take_verdict(r, name, &known);
		return;
	}
	r->lookup =
		userdb_lookup(r->resolver->users, name, "lmtp", on_lookup, r);
}

static void resolution_step(struct resolution *r)
{
	struct place *place = STAILQ_FIRST(&r->places);
	const struct candidate *c;

	if (place == NULL && r->targets.count > 0) {
		finish(r, RESOLVE_TARGETS, S(""));
		return;
	}
	if (place == NULL) {
		finish(r, RESOLVE_NO_USER, S("the aliases lead to no mailbox"));
		return;
	}
	if (place->next == place->candidates.count) {
		no_such_user(r, place);
		return;
	}
	c = &place->candidates.items[place->next];
	switch (c->kind) {
	case CANDIDATE_MAILBOX:
		try_mailbox(r);
		break;
	case CANDIDATE_ALIAS:
	case CANDIDATE_CATCH_ALL:
		try_alias(r, place, c->local);
		break;
	}
}

void resolve_walk(struct resolution *r)
{
	while (!r->is_done && r->lookup == NULL)
		resolution_step(r);
}

/* Whose postmaster the bare <postmaster> is, RFC 5321 4.5.1. */
static struct slice postmaster_domain(const struct resolver *resolver,
				      struct arena *arena)
{
	struct slice host;

	if (name_domain(slice_of(resolver->conf->hostname), arena, &host) != 0)
		host = S("");
	while (host.n > 0) {
		struct slice label;

		if (domains_is_local(resolver->domains, host))
			return host;
		(void)slice_cut(host, '.', &label, &host);
	}
	return domains_first(resolver->domains);
}

void resolve_walk_begin(struct resolution *r)
{
	struct address address = r->asked;

	STAILQ_INIT(&r->places);
	names_init(&r->seen, r->arena);
	target_set_init(&r->targets, r->arena);
	r->steps = NULL;
	r->step_count = 0;
	r->is_done = false;
	r->answer = (struct resolve_answer){ .result = RESOLVE_TRY_LATER };
	if (address.domain.n == 0 && address.local.n > 0)
		address.domain = postmaster_domain(r->resolver, r->arena);
	if (!domains_is_local(r->resolver->domains, address.domain)) {
		finish(r, RESOLVE_NOT_LOCAL,
		       JOIN(r, address.domain, S(" is not a local domain")));
		return;
	}
	STEP(r, address.domain, S(" is a local domain"));
	/* `"a@b"@ours` would be `a@b@ours` to Dovecot, which may be told to
	 * cut a name at the first @. */
	if (slice_find(address.local, '@') < address.local.n) {
		finish(r, RESOLVE_NO_USER,
		       S("no local part of ours holds an @"));
		return;
	}
	add_place(r, &address, NULL);
}
