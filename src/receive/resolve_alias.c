/* Where an alias leads: what stands in the file, and what alias-resolve says. */
#include "receive/resolve-private.h"

#include "base/mem.h"

enum {
	TARGETS_SHOWN = 10,
	/* Of alias-resolve in all, for one address: its targets take some
	 * fifty times as much. */
	ANSWERS_OCTETS = 256 << 10,
};

/* --- words ---------------------------------------------------------------- */

static struct slice target_words(struct resolution *r,
				 const struct alias_target *target)
{
	struct slice words = address_format(&target->address, r->arena);

	if (target->is_same_user)
		words = RESOLVE_JOIN(r, S("*@"), target->address.domain);
	if (target->via.n > 0)
		words = RESOLVE_JOIN(r, words, S(" via "), target->via);
	return words;
}

/* "a, b and 3 more", or "runs a command: ...". */
static struct slice alias_words(struct resolution *r, const struct alias *alias)
{
	struct slice words = S(" -> ");
	size_t shown = 0;

	if (alias->command.n > 0)
		return RESOLVE_JOIN(r, S(" runs a command: "), alias->command);
	for (; shown < alias->count && shown < TARGETS_SHOWN; shown++)
		words = RESOLVE_JOIN(r, words, shown > 0 ? S(", ") : S(""),
				     target_words(r, &alias->targets[shown]));
	if (shown < alias->count)
		words = RESOLVE_JOIN(r, words,
				     arena_format(r->arena, " and %zu more",
						  alias->count - shown));
	return words;
}

/* --- following ------------------------------------------------------------ */

static void follow_target(struct resolution *r, const struct place *place,
			  const struct alias_target *target)
{
	struct address to = target->address;

	if (target->is_same_user)
		to.local = place->address.local;
	if (target->via.n == 0 && resolve_is_ours(r, to.domain))
		resolve_add_place(r, &to, place);
	else
		resolve_add_remote(r, &to, target->via, true);
}

/* key: of the alias, as `hook` finds it again. */
static void follow(struct resolution *r, const struct place *place,
		   const struct alias *alias, struct slice key)
{
	if (alias == NULL || r->is_done)
		return;
	if (alias->command.n > 0 &&
	    !resolve_add_target(r, (struct target){ .kind = TARGET_COMMAND,
						    .address = key }))
		return;
	for (size_t i = 0; i < alias->count && !r->is_done; i++)
		follow_target(r, place, &alias->targets[i]);
}

static struct slice key_of(struct resolution *r, const struct place *place,
			   struct slice user)
{
	return RESOLVE_JOIN(r, user, S("@"), place->address.domain);
}

bool resolve_try_host(struct resolution *r, struct place *place)
{
	const struct aliases *aliases = domains_host(r->resolver->domains);
	const struct alias *alias = NULL;

	place->was_in_host = true;
	if (aliases != NULL)
		alias = aliases_find(aliases, place->candidates.folded);
	if (alias == NULL) {
		RESOLVE_STEP(r, S("/etc/aliases: no "),
			     place->candidates.folded);
		return false;
	}
	RESOLVE_STEP(r, S("/etc/aliases: "), alias->user,
		     alias_words(r, alias));
	place->is_of_host = true;
	STAILQ_REMOVE_HEAD(&r->places, entry);
	follow(r, place, alias, key_of(r, place, alias->user));
	return true;
}

static const struct alias *find_alias(struct resolution *r,
				      const struct place *place)
{
	const struct candidate *c = &place->candidates.items[place->next];
	const struct aliases *aliases =
		domains_aliases(r->resolver->domains, place->address.domain);
	const struct alias *alias = NULL;

	if (c->kind == CANDIDATE_ANSWER)
		return NULL;
	if (aliases != NULL)
		alias = aliases_find(aliases, c->local);
	if (alias != NULL)
		RESOLVE_STEP(
			r, S("alias "), alias->user, S(" of "),
			place->address.domain,
			arena_format(r->arena, " (aliases:%u)", alias->line),
			alias_words(r, alias));
	else
		RESOLVE_STEP(r, S("alias "), c->local, S(": there is none in "),
			     place->address.domain);
	return alias;
}

/* in_file and said may each be NULL. */
static void take_alias(struct resolution *r, struct place *place,
		       const struct alias *in_file, const struct alias *said)
{
	const struct candidate *c = &place->candidates.items[place->next];

	place->next++;
	if (in_file == NULL && said == NULL)
		return;
	STAILQ_REMOVE_HEAD(&r->places, entry);
	follow(r, place, in_file, key_of(r, place, c->local));
	follow(r, place, said, key_of(r, place, c->whole));
}

/* --- alias-resolve ---------------------------------------------------------- */

/* What it said; NULL when that is nothing, or the resolution ended. */
static const struct alias *read_answer(struct resolution *r,
				       const struct place *place,
				       const struct msg_alias_resolved *answer)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	struct alias *said = arena_alloc(r->arena, sizeof(*said));
	struct slice problem = answer->problem;

	r->answered += answer->targets.n;
	if (!answer->is_answered)
		;
	else if (r->answered > ANSWERS_OCTETS)
		problem = S("it says too much");
	else if (!aliases_parse_targets(answer->targets, place->address.domain,
					r->arena, errors, said))
		problem = slice_of(conf_errors_line(errors, 0));
	else
		return said->count > 0 || said->command.n > 0 ? said : NULL;
	resolve_finish(r, RESOLVE_TRY_LATER,
		       RESOLVE_JOIN(r, S("alias-resolve failed: "), problem));
	return NULL;
}

static void on_alias(const struct msg_alias_resolved *answer, void *arg)
{
	struct resolution *r = arg;
	struct place *place = STAILQ_FIRST(&r->places);
	struct slice asked =
		key_of(r, place, place->candidates.items[place->next].whole);
	const struct alias *said;

	r->call = NULL;
	said = read_answer(r, place, answer);
	if (said != NULL)
		RESOLVE_STEP(r, S("alias-resolve "), asked,
			     alias_words(r, said));
	else if (!r->is_done)
		RESOLVE_STEP(r, S("alias-resolve "), asked,
			     S(": says nothing"));
	if (!r->is_done)
		take_alias(r, place, place->alias, said);
	resolution_run(r);
}

void resolve_try_alias(struct resolution *r, struct place *place)
{
	const struct candidate *c = &place->candidates.items[place->next];
	struct hooks *hooks = r->resolver->hooks;

	place->alias = find_alias(r, place);
	if (hooks != NULL && hooks_has_alias_resolve(hooks))
		r->call = hooks_alias_resolve(hooks, key_of(r, place, c->whole),
					      on_alias, r);
	else
		take_alias(r, place, place->alias, NULL);
}
