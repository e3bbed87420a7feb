#include "receive/resolve-private.h"

#include "base/clock.h"
#include "smtp/name.h"

enum {
	RESOLVE_DEPTH = 10,
	RESOLVE_TARGET_COUNT = 1000,
	RESOLVE_ADDRESS_COUNT = 4000, /* looked at on the way to them */
	RESOLVE_STEP_COUNT = 2000,
};

/* --- words ---------------------------------------------------------------- */

void resolve_add_step(struct resolution *r, struct slice words)
{
	if (r->steps == NULL)
		r->steps = arena_array(r->arena, RESOLVE_STEP_COUNT,
				       sizeof(*r->steps));
	if (r->step_count < RESOLVE_STEP_COUNT)
		r->steps[r->step_count++] = words;
}

void resolve_finish(struct resolution *r, enum resolve_result result,
		    struct slice problem)
{
	r->is_done = true;
	r->answer.result = result;
	r->answer.problem = problem;
	r->answer.targets = target_set_all(&r->targets);
	if (problem.n > 0)
		RESOLVE_STEP(r, problem);
	r->answer.steps = (struct slices){ r->steps, r->step_count };
	r->answer.users = (struct slices){ r->users.items, r->users.count };
}

/* "name@domain" as Dovecot knows it: not quoted. */
static struct slice plain_address(struct resolution *r, struct slice local,
				  struct slice domain)
{
	return RESOLVE_JOIN(r, local, S("@"), domain);
}

/* --- the way -------------------------------------------------------------- */

static void no_such_user(struct resolution *r, const struct place *place)
{
	struct slice words = RESOLVE_JOIN(
		r, address_format(&place->address, r->arena),
		place->depth > 0
			? S(": an alias leads there, and there is no such user")
			: S(": no such user"));

	if (place->depth == 0 &&
	    slice_equal_nocase(place->address.local, S("postmaster")))
		words = RESOLVE_JOIN(
			r, words,
			S("; RFC 5321 4.5.1 wants one: make a mailbox or"
			  " an alias \"postmaster\""));
	resolve_finish(r, RESOLVE_NO_USER, words);
}

void resolve_add_place(struct resolution *r, const struct address *address,
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
	if (from != NULL && from->is_of_host &&
	    slice_equal(from->key, place->key)) {
		/* "root: root, other": the mailbox is meant. */
		place->was_in_host = true;
		STAILQ_INSERT_TAIL(&r->places, place, entry);
		return;
	}
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
		resolve_finish(
			r, RESOLVE_NO_USER,
			RESOLVE_JOIN(r, place->key,
				     S(": aliases lead deeper than 10 steps")));
	else if (r->seen.count > RESOLVE_ADDRESS_COUNT)
		resolve_finish(r, RESOLVE_NO_USER,
			       S("aliases lead to too many addresses"));
	else
		STAILQ_INSERT_TAIL(&r->places, place, entry);
}

bool resolve_add_target(struct resolution *r, struct target target)
{
	(void)target_set_add(&r->targets, target);
	if (r->targets.count <= RESOLVE_TARGET_COUNT)
		return true;
	resolve_finish(r, RESOLVE_NO_USER,
		       S("aliases lead to more than 1000 targets"));
	return false;
}

void resolve_add_remote(struct resolution *r, const struct address *address,
			struct slice via, bool is_by_alias)
{
	struct slice to = address_format(address, r->arena);
	struct target target = {
		.kind = TARGET_REMOTE,
		.address = to,
		.via = via,
		/* The way back leads to where it was asked for. */
		.is_forwarded =
			is_by_alias &&
			domains_is_local(r->resolver->domains, r->asked.domain),
	};

	if (!resolve_add_target(r, target))
		return;
	if (via.n > 0)
		RESOLVE_STEP(r, S("sent to "), to, S(" via "), via);
	else
		RESOLVE_STEP(r, S("sent to "), to,
			     S(", by the MX of its domain"));
}

static void take_mailbox(struct resolution *r, const struct place *place)
{
	const struct candidate *c = &place->candidates.items[place->next];
	struct address to = { .local = c->whole,
			      .domain = place->address.domain };
	struct slice mailbox = address_format(&to, r->arena);

	STAILQ_REMOVE_HEAD(&r->places, entry);
	if (resolve_add_target(r, (struct target){ .kind = TARGET_MAILBOX,
						   .address = mailbox }))
		RESOLVE_STEP(r, S("delivered to "), mailbox);
}

static void keep_user(struct resolution *r, struct slice user)
{
	bool is_new;

	if (r->with_users)
		(void)names_add(&r->users, arena_copy(r->arena, user), &is_new);
}

/* Dovecot's word on the mailbox that is being looked for. */
static void take_verdict(struct resolution *r, struct slice name,
			 const struct userdb_result *result)
{
	struct place *place = STAILQ_FIRST(&r->places);

	switch (result->verdict) {
	case USERDB_FOUND:
		keep_user(r, result->user.n > 0 ? result->user : name);
		if (result->user.n > 0 && !slice_equal(result->user, name))
			RESOLVE_STEP(r, S("mailbox "), name,
				     S(": Dovecot knows it, as "),
				     result->user);
		else
			RESOLVE_STEP(r, S("mailbox "), name,
				     S(": Dovecot knows it"));
		take_mailbox(r, place);
		return;
	case USERDB_NOT_FOUND:
		RESOLVE_STEP(r, S("mailbox "), name,
			     S(": Dovecot knows no such user"));
		place->next++;
		return;
	case USERDB_UNAVAILABLE:
		resolve_finish(r, RESOLVE_TRY_LATER,
			       RESOLVE_JOIN(r, S("mailbox "), name,
					    S(": Dovecot cannot say now: "),
					    result->reason));
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

	/* Who wants to see the steps wants to see Dovecot itself, and what is
	 * remembered has no user's name. */
	if (!r->with_steps && !r->with_users &&
	    user_cache_get(r->resolver->cache, name, clock_monotonic_ms(),
			   &is_found)) {
		struct userdb_result known = {
			.verdict = is_found ? USERDB_FOUND : USERDB_NOT_FOUND
		};

		take_verdict(r, name, &known);
		return;
	}
	r->lookup =
		userdb_lookup(r->resolver->users, name, "lmtp", on_lookup, r);
}

/* RFC 5321 4.5.1: a bare <postmaster> that has no other home. */
static bool is_postmaster_of_host(const struct resolution *r)
{
	const struct aliases *host = domains_host(r->resolver->domains);

	return r->asked.domain.n == 0 && !r->is_in_host && host != NULL &&
	       aliases_find(host, S("postmaster")) != NULL;
}

static void go_to_host(struct resolution *r)
{
	struct address address = { .local = S("postmaster"),
				   .domain = slice_of(
					   r->resolver->conf->mailname) };

	r->is_in_host = true;
	STAILQ_INIT(&r->places);
	names_init(&r->seen, r->arena);
	resolve_add_place(r, &address, NULL);
}

static void resolution_step(struct resolution *r)
{
	struct place *place = STAILQ_FIRST(&r->places);
	const struct candidate *c;

	if (place == NULL && r->targets.count > 0) {
		resolve_finish(r, RESOLVE_TARGETS, S(""));
		return;
	}
	if (place == NULL) {
		resolve_finish(r, RESOLVE_NO_USER,
			       S("the aliases lead to no mailbox"));
		return;
	}
	if (r->is_in_host && !place->was_in_host &&
	    resolver_is_host(r->resolver, place->address.domain) &&
	    resolve_try_host(r, place))
		return;
	if (place->next == place->candidates.count) {
		if (place->depth == 0 && is_postmaster_of_host(r))
			go_to_host(r);
		else
			no_such_user(r, place);
		return;
	}
	c = &place->candidates.items[place->next];
	switch (c->kind) {
	case CANDIDATE_MAILBOX:
		try_mailbox(r);
		break;
	case CANDIDATE_ALIAS:
	case CANDIDATE_ANSWER:
	case CANDIDATE_CATCH_ALL:
		resolve_try_alias(r, place);
		break;
	}
}

void resolve_walk(struct resolution *r)
{
	while (!r->is_done && r->lookup == NULL && r->call == NULL)
		resolution_step(r);
}

bool resolve_is_ours(const struct resolution *r, struct slice domain)
{
	return domains_is_local(r->resolver->domains, domain) ||
	       (r->is_in_host && resolver_is_host(r->resolver, domain));
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
	names_init(&r->users, r->arena);
	r->steps = NULL;
	r->step_count = 0;
	r->answered = 0;
	r->is_done = false;
	r->is_in_host = r->is_for_host;
	r->answer = (struct resolve_answer){ .result = RESOLVE_TRY_LATER };
	if (address.domain.n == 0 && address.local.n > 0)
		address.domain = postmaster_domain(r->resolver, r->arena);
	if (address.domain.n == 0 && is_postmaster_of_host(r)) {
		go_to_host(r);
		return;
	}
	if (!resolve_is_ours(r, address.domain) && r->may_relay &&
	    !address_is_literal(&address)) {
		/* The walk ends with it. */
		resolve_add_remote(r, &address, S(""), false);
		return;
	}
	if (!resolve_is_ours(r, address.domain)) {
		resolve_finish(r, RESOLVE_NOT_LOCAL,
			       RESOLVE_JOIN(r, address.domain,
					    S(" is not a local domain")));
		return;
	}
	if (domains_is_local(r->resolver->domains, address.domain)) {
		RESOLVE_STEP(r, address.domain, S(" is a local domain"));
	} else {
		RESOLVE_STEP(r, address.domain, S(" is this machine"));
		address.domain = slice_of(r->resolver->conf->mailname);
	}
	if (resolve_way_back(r, address.local))
		return;
	/* `"a@b"@ours` would be `a@b@ours` to Dovecot, which may be told to
	 * cut a name at the first @. */
	if (slice_find(address.local, '@') < address.local.n) {
		resolve_finish(r, RESOLVE_NO_USER,
			       S("no local part of ours holds an @"));
		return;
	}
	resolve_add_place(r, &address, NULL);
}
