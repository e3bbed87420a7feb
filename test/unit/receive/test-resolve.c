#include "receive/resolve.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- Dovecot, as the tests know it ------------------------------------------ */

struct userdb_lookup {
	char name[400];
	userdb_on_result *on_result;
	void *arg;
	struct userdb_client *client;
};

struct userdb_client {
	struct event_base *base;
	const char *users; /* " alice@a.test bob@a.test " */
	const char *down;  /* a name Dovecot cannot look up */
	bool is_silent;    /* keeps its answers for itself */
	struct userdb_lookup *lookup;
	unsigned asked;
};

static bool is_listed(const char *list, const char *name)
{
	char word[410];

	(void)snprintf(word, sizeof(word), " %s ", name);
	return strstr(list, word) != NULL;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct userdb_lookup *l = arg;
	struct userdb_client *c = l->client;
	struct userdb_result result = { .verdict = USERDB_NOT_FOUND };

	(void)fd;
	(void)what;
	if (strcmp(l->name, c->down) == 0) {
		result.verdict = USERDB_UNAVAILABLE;
		result.reason = S("no connection");
	} else if (is_listed(c->users, l->name)) {
		result.verdict = USERDB_FOUND;
		result.user = slice_of(l->name);
	}
	c->lookup = NULL;
	l->on_result(&result, l->arg);
	free(l);
}

struct userdb_lookup *userdb_lookup(struct userdb_client *client,
				    struct slice name, const char *service,
				    userdb_on_result *on_result, void *arg)
{
	struct userdb_lookup *l = calloc(1, sizeof(*l));
	static const struct timeval now = { 0 };

	assert_string_equal(service, "lmtp");
	assert_null(client->lookup);
	assert_true(name.n < sizeof(l->name));
	memcpy(l->name, name.p, name.n);
	l->on_result = on_result;
	l->arg = arg;
	l->client = client;
	client->lookup = l;
	client->asked++;
	if (!client->is_silent)
		(void)event_base_once(client->base, -1, EV_TIMEOUT, on_turn, l,
				      &now);
	return l;
}

/* Only a silent client has its look-ups cancelled here. */
void userdb_cancel(struct userdb_lookup **lookup)
{
	assert_true((*lookup)->client->is_silent);
	(*lookup)->client->lookup = NULL;
	free(*lookup);
	*lookup = NULL;
}

/* --- hooks/alias-resolve, as the tests know it -------------------------------- */

struct hook_call {
	char address[400];
	hooks_on_alias *done;
	void *arg;
	struct hooks *hooks;
};

struct hooks {
	struct event_base *base;
	const char *answers; /* "info@a.test=alice;x@a.test=| run"; NULL: there
	                        is no such hook */
	bool is_broken;
	bool is_silent;
	struct hook_call *call;
	char asked[400]; /* the addresses, each with a space */
};

bool hooks_has_alias_resolve(const struct hooks *hooks)
{
	return hooks->answers != NULL;
}

/* What follows "ADDRESS=" up to ";" */
static struct slice answer_for(const struct hooks *hooks, const char *address)
{
	struct slice all = slice_of(hooks->answers);
	struct slice one;
	struct slice key;

	while (all.n > 0) {
		(void)slice_cut(all, ';', &one, &all);
		if (slice_cut(one, '=', &key, &one) &&
		    slice_equal(key, slice_of(address)))
			return one;
	}
	return S("");
}

static void on_hook_turn(evutil_socket_t fd, short what, void *arg)
{
	struct hook_call *call = arg;
	struct msg_alias_resolved answer = { .is_answered = true };

	(void)fd;
	(void)what;
	answer.targets = answer_for(call->hooks, call->address);
	if (call->hooks->is_broken)
		answer = (struct msg_alias_resolved){ .problem = S("exit 3") };
	call->hooks->call = NULL;
	call->done(&answer, call->arg);
	free(call);
}

struct hook_call *hooks_alias_resolve(struct hooks *hooks, struct slice address,
				      hooks_on_alias *done, void *arg)
{
	struct hook_call *call = calloc(1, sizeof(*call));
	static const struct timeval now = { 0 };

	assert_null(hooks->call);
	assert_true(address.n < sizeof(call->address));
	memcpy(call->address, address.p, address.n);
	call->done = done;
	call->arg = arg;
	call->hooks = hooks;
	hooks->call = call;
	(void)snprintf(hooks->asked + strlen(hooks->asked),
		       sizeof(hooks->asked) - strlen(hooks->asked), "%s ",
		       call->address);
	if (!hooks->is_silent)
		(void)event_base_once(hooks->base, -1, EV_TIMEOUT, on_hook_turn,
				      call, &now);
	return call;
}

/* Only a silent one has its calls cancelled here. */
void hook_call_cancel(struct hook_call **call)
{
	assert_true((*call)->hooks->is_silent);
	(*call)->hooks->call = NULL;
	free(*call);
	*call = NULL;
}

/* --- the cases -------------------------------------------------------------- */

#define USERS                                                                  \
	" alice@a.test bob@a.test carl@b.test mary-ann@a.test j.doe@a.test "   \
	"info@b.test janedoe@a.test "

struct resolve_case {
	const char *name;
	const char *address;
	const char *aliases;   /* of a.test */
	const char *b_aliases; /* of b.test */
	const char *delimiter; /* NULL: "+" */
	const char *drop;
	const char *down;
	const char *answers; /* of alias-resolve */
	bool is_broken;      /* alias-resolve is */
	bool may_relay;
	enum resolve_result want;
	const char *targets; /* separated by a space; commands as |KEY,
	                        outside >ADDRESS/VIA, >> if forwarded */
	const char *problem; /* a part of it */
};

static const struct resolve_case cases[] = {
	{ .name = "a mailbox",
	  .address = "alice@a.test",
	  .targets = "alice@a.test" },
	{ .name = "the local part is folded",
	  .address = "ALICE@a.test",
	  .targets = "alice@a.test" },
	{ .name = "nobody",
	  .address = "nobody@a.test",
	  .want = RESOLVE_NO_USER,
	  .problem = "nobody@a.test: no such user" },
	{ .name = "a domain of others",
	  .address = "alice@c.test",
	  .want = RESOLVE_NOT_LOCAL,
	  .problem = "c.test is not a local domain" },
	{ .name = "an address literal",
	  .address = "alice@[192.0.2.1]",
	  .want = RESOLVE_NOT_LOCAL },
	{ .name = "Dovecot does not answer",
	  .address = "alice@a.test",
	  .down = "alice@a.test",
	  .want = RESOLVE_TRY_LATER,
	  .problem = "no connection" },
	{ .name = "no mailbox is guessed from an alias while Dovecot is down",
	  .address = "info@a.test",
	  .aliases = "info: alice\n",
	  .down = "info@a.test",
	  .want = RESOLVE_TRY_LATER },
	/* --- details and drop characters --------------------------------- */
	{ .name = "the detail reaches Dovecot as it was written",
	  .address = "Alice+Lists@a.test",
	  .targets = "alice+Lists@a.test" },
	{ .name = "the first delimiter counts",
	  .address = "alice+x+y@a.test",
	  .targets = "alice+x+y@a.test" },
	{ .name = "any of several delimiters counts",
	  .address = "alice-x+y@a.test",
	  .delimiter = "+-",
	  .targets = "alice-x+y@a.test" },
	{ .name = "a mailbox with a delimiter in its name comes first",
	  .address = "mary-ann@a.test",
	  .delimiter = "-",
	  .targets = "mary-ann@a.test" },
	{ .name = "no delimiters, no detail",
	  .address = "alice+x@a.test",
	  .delimiter = "",
	  .want = RESOLVE_NO_USER },
	{ .name = "nothing in front of the delimiter is nobody",
	  .address = "+alice@a.test",
	  .want = RESOLVE_NO_USER },
	{ .name = "drop characters are dropped, also for Dovecot",
	  .address = "b.o.b+x.y@a.test",
	  .drop = ".",
	  .targets = "bob+x.y@a.test" },
	{ .name = "a mailbox with a drop character in its name comes first",
	  .address = "j.doe+x@a.test",
	  .drop = ".",
	  .targets = "j.doe+x@a.test" },
	{ .name = "only drop characters are nobody",
	  .address = "\"..\"@a.test",
	  .drop = ".",
	  .want = RESOLVE_NO_USER },
	{ .name = "without drop characters a dot is a letter",
	  .address = "b.ob@a.test",
	  .want = RESOLVE_NO_USER },
	/* --- aliases ------------------------------------------------------ */
	{ .name = "an alias",
	  .address = "info@a.test",
	  .aliases = "info: alice, bob, carl@b.test\n",
	  .targets = "alice@a.test bob@a.test carl@b.test" },
	{ .name = "a mailbox comes before an alias of its name",
	  .address = "alice@a.test",
	  .aliases = "alice: bob\n",
	  .targets = "alice@a.test" },
	{ .name = "an exact alias comes before the mailbox without detail",
	  .address = "alice+x@a.test",
	  .aliases = "alice+x: bob\n",
	  .targets = "bob@a.test" },
	{ .name = "the mailbox without detail before the alias without it",
	  .address = "bob+x@a.test",
	  .aliases = "bob: alice\n",
	  .targets = "bob+x@a.test" },
	{ .name = "an alias is found without detail; its targets get none",
	  .address = "info+x@a.test",
	  .aliases = "info: alice\n",
	  .targets = "alice@a.test" },
	{ .name = "an alias is found without drop characters",
	  .address = "in.fo+x@a.test",
	  .drop = ".",
	  .aliases = "i.nfo: alice\n",
	  .targets = "alice@a.test" },
	{ .name = "a target may have a detail",
	  .address = "info@a.test",
	  .aliases = "info: alice+info\n",
	  .targets = "alice+info@a.test" },
	{ .name = "alias to alias in another domain",
	  .address = "x@a.test",
	  .aliases = "x: q@b.test, z\nz: alice\n",
	  .b_aliases = "q: carl, bob@a.test\n",
	  .targets = "carl@b.test bob@a.test alice@a.test" },
	{ .name = "two ways to a mailbox are one copy",
	  .address = "x@a.test",
	  .aliases = "x: y, z\ny: alice\nz: alice, bob\n",
	  .targets = "alice@a.test bob@a.test" },
	{ .name = "one missing target is no such user",
	  .address = "x@a.test",
	  .aliases = "x: alice, gone\n",
	  .want = RESOLVE_NO_USER,
	  .problem = "gone@a.test: an alias leads there" },
	{ .name = "a target Dovecot cannot look up now",
	  .address = "x@a.test",
	  .aliases = "x: alice, bob\n",
	  .down = "bob@a.test",
	  .want = RESOLVE_TRY_LATER },
	/* --- outside ------------------------------------------------------- */
	{ .name = "who may relay sends outside, the local part as it is",
	  .address = "Me+X@C.test",
	  .may_relay = true,
	  .targets = ">Me+X@c.test" },
	{ .name = "but not to an address literal",
	  .address = "alice@[192.0.2.1]",
	  .may_relay = true,
	  .want = RESOLVE_NOT_LOCAL },
	{ .name = "ours stays ours",
	  .address = "nobody@a.test",
	  .may_relay = true,
	  .want = RESOLVE_NO_USER },
	{ .name = "an alias leads outside, for anyone",
	  .address = "x@a.test",
	  .aliases = "x: alice, Me@C.test\n",
	  .targets = ">>Me@c.test alice@a.test" },
	{ .name = "two ways outside are one copy, by other hosts another",
	  .address = "x@a.test",
	  .aliases = "x: y, me@c.test, me@c.test via h\ny: me@c.test\n",
	  .targets = ">>me@c.test >>me@c.test/h" },
	{ .name = "an address of ours by other hosts is not looked up",
	  .address = "x@a.test",
	  .aliases = "x: gone via h1/h2\n",
	  .targets = ">>gone@a.test/h1/h2" },
	{ .name = "a catch-all leads outside, detail and all",
	  .address = "Nobody+x@a.test",
	  .aliases = "*: *@c.test\n",
	  .targets = ">>Nobody+x@c.test" },
	{ .name = "the alias' own name as target is a mailbox, here missing",
	  .address = "x@a.test",
	  .aliases = "x: x, alice\n",
	  .want = RESOLVE_NO_USER,
	  .problem = "x@a.test: an alias leads there" },
	/* --- cycles and depth ---------------------------------------------- */
	{ .name = "a cycle with a way out",
	  .address = "x@a.test",
	  .aliases = "x: y, alice\ny: x, bob\n",
	  .targets = "alice@a.test bob@a.test" },
	{ .name = "a cycle without a way out",
	  .address = "x@a.test",
	  .aliases = "x: y\ny: x\n",
	  .want = RESOLVE_NO_USER,
	  .problem = "lead to no mailbox" },
	{ .name = "ten steps",
	  .address = "n0@a.test",
	  .aliases = "n0: n1\nn1: n2\nn2: n3\nn3: n4\nn4: n5\nn5: n6\n"
		     "n6: n7\nn7: n8\nn8: n9\nn9: alice\n",
	  .targets = "alice@a.test" },
	{ .name = "eleven steps",
	  .address = "n0@a.test",
	  .aliases = "n0: n1\nn1: n2\nn2: n3\nn3: n4\nn4: n5\nn5: n6\n"
		     "n6: n7\nn7: n8\nn8: n9\nn9: n10\nn10: alice\n",
	  .want = RESOLVE_NO_USER,
	  .problem = "deeper than 10" },
	/* --- catch-all ------------------------------------------------------ */
	{ .name = "a catch-all",
	  .address = "nobody@a.test",
	  .aliases = "*: alice\n",
	  .targets = "alice@a.test" },
	{ .name = "a catch-all never shadows a mailbox",
	  .address = "bob@a.test",
	  .aliases = "*: alice\n",
	  .targets = "bob@a.test" },
	{ .name = "nor a mailbox with detail",
	  .address = "bob+x@a.test",
	  .aliases = "*: alice\n",
	  .targets = "bob+x@a.test" },
	{ .name = "nor an alias",
	  .address = "info@a.test",
	  .aliases = "*: alice\ninfo: bob\n",
	  .targets = "bob@a.test" },
	{ .name = "a catch-all does not hide that Dovecot is down",
	  .address = "bob@a.test",
	  .aliases = "*: alice\n",
	  .down = "bob@a.test",
	  .want = RESOLVE_TRY_LATER },
	{ .name = "a catch-all to nobody",
	  .address = "nobody@a.test",
	  .aliases = "*: gone\n",
	  .want = RESOLVE_NO_USER,
	  .problem = "gone@a.test: an alias leads there" },
	{ .name = "the user asked for, in another domain",
	  .address = "Carl+X@a.test",
	  .aliases = "*: *@b.test\n",
	  .targets = "carl+X@b.test" },
	{ .name = "two domains that point at each other",
	  .address = "nobody@a.test",
	  .aliases = "*: *@b.test\n",
	  .b_aliases = "*: *@a.test\n",
	  .want = RESOLVE_NO_USER },
	/* --- commands ------------------------------------------------------- */
	{ .name = "an alias that runs a command exists",
	  .address = "Robot@a.test",
	  .aliases = "robot: | /bin/cat a, b\n",
	  .targets = "|robot@a.test" },
	{ .name = "its name is the alias' own, without detail",
	  .address = "ro.bot+x@a.test",
	  .drop = ".",
	  .aliases = "robot: | /bin/cat\n",
	  .targets = "|robot@a.test" },
	{ .name = "an alias among others leads to a command",
	  .address = "all@a.test",
	  .aliases = "all: alice, robot, robot@b.test\nrobot: | a\n",
	  .b_aliases = "*: | b\n",
	  .targets = "alice@a.test |robot@a.test |*@b.test" },
	{ .name = "two ways to a command are one run",
	  .address = "all@a.test",
	  .aliases = "all: robot, x\nx: robot\nrobot: | a\n",
	  .targets = "|robot@a.test" },
	{ .name = "a command does not shadow a mailbox",
	  .address = "alice@a.test",
	  .aliases = "alice: | a\n*: | b\n",
	  .targets = "alice@a.test" },
	/* --- alias-resolve ---------------------------------------------------- */
	{ .name = "alias-resolve says where to",
	  .address = "info@a.test",
	  .answers = "info@a.test=alice, carl@b.test",
	  .targets = "alice@a.test carl@b.test" },
	{ .name = "what it says is added to the file's",
	  .address = "info@a.test",
	  .aliases = "info: bob\n",
	  .answers = "info@a.test=alice, bob",
	  .targets = "bob@a.test alice@a.test" },
	{ .name = "it may say a command",
	  .address = "info+x@a.test",
	  .aliases = "info: bob\n",
	  .answers = "info+x@a.test=| run, me",
	  .targets = "|info+x@a.test" },
	{ .name = "it is asked with drop characters, then without",
	  .address = "i.nfo@a.test",
	  .drop = ".",
	  .answers = "info@a.test=| run",
	  .targets = "|info@a.test" },
	{ .name = "and for the catch-all",
	  .address = "nobody@a.test",
	  .answers = "*@a.test=alice",
	  .targets = "alice@a.test" },
	{ .name = "targets of it are followed",
	  .address = "info@a.test",
	  .aliases = "x: y\n",
	  .answers = "info@a.test=x;y@a.test=bob",
	  .targets = "bob@a.test" },
	{ .name = "nothing said is no such user",
	  .address = "info@a.test",
	  .answers = "",
	  .want = RESOLVE_NO_USER,
	  .problem = "no such user" },
	{ .name = "broken, it is not for a mailbox to suffer",
	  .address = "alice@a.test",
	  .answers = "",
	  .is_broken = true,
	  .targets = "alice@a.test" },
	{ .name = "broken, an alias is to be tried later",
	  .address = "info@a.test",
	  .aliases = "info: alice\n",
	  .answers = "",
	  .is_broken = true,
	  .want = RESOLVE_TRY_LATER,
	  .problem = "alias-resolve failed: exit 3" },
	{ .name = "nonsense from it, too",
	  .address = "info@a.test",
	  .answers = "info@a.test=a b",
	  .want = RESOLVE_TRY_LATER,
	  .problem = "alias-resolve failed: \"a b\" is no target" },
	{ .name = "it may lead outside",
	  .address = "info@a.test",
	  .answers = "info@a.test=x@c.test via h",
	  .targets = ">>x@c.test/h" },
	/* --- postmaster ------------------------------------------------------- */
	{ .name = "bare postmaster is the one of hostname's domain",
	  .address = "<Postmaster>",
	  .b_aliases = "postmaster: info\n",
	  .targets = "info@b.test" },
	{ .name = "no postmaster",
	  .address = "<postmaster>",
	  .want = RESOLVE_NO_USER,
	  .problem = "RFC 5321 4.5.1" },
};

static const struct srs_keys keys = {
	.current = SLICE("0123456789abcdef0123456789abcdef")
};

struct world {
	struct event_base *base;
	struct userdb_client users;
	struct hooks hooks;
	struct conf conf;
	struct domains *domains;
	struct resolver *resolver;
	struct arena *arena;
	struct resolution *resolution;
	unsigned answers;
	enum resolve_result result;
	char targets[400];
	char problem[400];
	char steps[4000];
};

static void put(char *text, size_t room, struct slice word, const char *between)
{
	size_t n = strlen(text);

	(void)snprintf(text + n, room - n, "%s%.*s", n > 0 ? between : "",
		       (int)word.n, word.p);
}

static void put_target(struct world *w, const struct target *target)
{
	struct slice mark = S("");

	if (target->kind == TARGET_COMMAND)
		mark = S("|");
	else if (target->kind == TARGET_REMOTE)
		mark = target->is_forwarded ? S(">>") : S(">");
	put(w->targets, sizeof(w->targets), mark, " ");
	put(w->targets, sizeof(w->targets), target->address, "");
	if (target->via.n > 0)
		put(w->targets, sizeof(w->targets), target->via, "/");
}

static void on_answer(const struct resolve_answer *answer, void *arg)
{
	struct world *w = arg;

	w->resolution = NULL;
	w->answers++;
	w->result = answer->result;
	w->targets[0] = w->problem[0] = w->steps[0] = '\0';
	if (answer->result == RESOLVE_TARGETS)
		for (size_t i = 0; i < answer->targets.count; i++)
			put_target(w, &answer->targets.items[i]);
	put(w->problem, sizeof(w->problem), answer->problem, "");
	for (size_t i = 0; i < answer->steps.count; i++)
		put(w->steps, sizeof(w->steps), answer->steps.items[i], "\n");
}

static void add_domain(struct world *w, const char *name, const char *text)
{
	struct conf_errors *errors = conf_errors_new();
	struct aliases *aliases =
		aliases_parse(slice_of(text != NULL ? text : ""), "aliases",
			      slice_of(name), w->conf.drop_characters, errors);

	assert_non_null(aliases);
	domains_add(w->domains, slice_of(name), aliases);
	conf_errors_free(&errors);
}

static void build(struct world *w, const struct resolve_case *c)
{
	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	w->arena = arena_new(1 << 20);
	w->users.base = w->base;
	w->users.users = USERS;
	w->users.down = c->down != NULL ? c->down : "";
	w->conf.hostname = "mx.mail.b.test";
	w->conf.mailname = "host.test";
	w->conf.recipient_delimiter = c->delimiter != NULL ? c->delimiter : "+";
	w->conf.drop_characters = c->drop != NULL ? c->drop : "";
	w->domains = domains_new();
	add_domain(w, "a.test", c->aliases);
	add_domain(w, "b.test", c->b_aliases);
	w->hooks.base = w->base;
	w->hooks.answers = c->answers;
	w->hooks.is_broken = c->is_broken;
	w->resolver = resolver_new(w->base, &w->users, &w->hooks, &keys);
	resolver_use(w->resolver, &w->conf, w->domains);
}

static void tear_down(struct world *w)
{
	resolver_free(&w->resolver);
	domains_free(&w->domains);
	arena_free(&w->arena);
	free(w->users.lookup);
	event_base_free(w->base);
}

static void start(struct world *w, const char *text, unsigned flags)
{
	struct address address;
	struct slice rest;

	if (text[0] == '<')
		assert_int_equal(address_parse_path(slice_of(text), w->arena,
						    &address, &rest),
				 0);
	else
		assert_int_equal(
			address_parse(slice_of(text), w->arena, &address), 0);
	w->resolution =
		resolve_start(w->resolver, &address, flags, on_answer, w);
}

static void ask(struct world *w, const char *text, unsigned flags)
{
	unsigned before = w->answers;

	start(w, text, flags);
	assert_int_equal(w->answers, before); /* never at once */
	(void)event_base_dispatch(w->base);
	assert_int_equal(w->answers, before + 1);
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct resolve_case *c = &cases[i];
		unsigned flags =
			c->may_relay ? RESOLVE_MAY_RELAY : RESOLVE_FOR_ALL;
		struct world w;

		print_message("%s\n", c->name);
		build(&w, c);
		ask(&w, c->address, flags);
		assert_int_equal(w.result, c->want);
		assert_string_equal(w.targets,
				    c->targets != NULL ? c->targets : "");
		if (c->problem != NULL)
			assert_non_null(strstr(w.problem, c->problem));
		assert_string_equal(w.steps, "");
		/* A second time, with what is remembered, and in words. */
		ask(&w, c->address, flags);
		assert_int_equal(w.result, c->want);
		ask(&w, c->address, flags | RESOLVE_WITH_STEPS);
		assert_int_equal(w.result, c->want);
		assert_true(w.steps[0] != '\0');
		tear_down(&w);
	}
}

static void test_steps(void **state)
{
	static const struct resolve_case c = {
		.aliases = "# ours\n\ninfo: alice, *@b.test\n",
		.b_aliases = "*: gone, carl, bob@a.test, alice@a.test\n",
	};
	struct world w;

	(void)state;
	build(&w, &c);
	ask(&w, "info+x@a.test", true);
	assert_string_equal(
		w.steps,
		"a.test is a local domain\n"
		"mailbox info+x@a.test: Dovecot knows no such user\n"
		"alias info+x: there is none in a.test\n"
		"mailbox info@a.test: Dovecot knows no such user\n"
		"alias info of a.test (aliases:3) -> alice@a.test, *@b.test\n"
		"mailbox alice@a.test: Dovecot knows it\n"
		"delivered to alice@a.test\n"
		"mailbox info+x@b.test: Dovecot knows no such user\n"
		"alias info+x: there is none in b.test\n"
		"mailbox info@b.test: Dovecot knows it\n"
		"delivered to info+x@b.test");
	tear_down(&w);
}

static const char *rewritten(struct world *w, const char *text, int64_t now)
{
	struct address sender, to;

	assert_int_equal(address_parse(slice_of(text), w->arena, &sender), 0);
	to = (struct address){ .local = srs_forward(&keys, &sender, now,
						    w->arena),
			       .domain = S("a.test") };
	return arena_string(w->arena, address_format(&to, w->arena));
}

static void test_way_back(void **state)
{
	static const struct resolve_case c = { .aliases = "*: alice\n" };
	const int64_t now = clock_wall_s();
	const char *good;
	struct world w;

	(void)state;
	build(&w, &c);
	good = rewritten(&w, "Carl+x@c.test", now);
	ask(&w, good, RESOLVE_NULL_SENDER);
	assert_int_equal(w.result, RESOLVE_TARGETS);
	assert_string_equal(w.targets, ">Carl+x@c.test");
	ask(&w, good, RESOLVE_FOR_ALL);
	assert_int_equal(w.result, RESOLVE_NO_USER);
	assert_non_null(strstr(w.problem, "only reports"));
	ask(&w, good, RESOLVE_MAY_RELAY);
	assert_int_equal(w.result, RESOLVE_NO_USER);
	ask(&w, rewritten(&w, "bob@b.test", now), RESOLVE_NULL_SENDER);
	assert_int_equal(w.result, RESOLVE_NO_USER); /* Dovecot has no bob@b */
	ask(&w, rewritten(&w, "Bob@a.test", now), RESOLVE_NULL_SENDER);
	assert_string_equal(w.targets, "bob@a.test");
	ask(&w, rewritten(&w, "bob@c.test", now - 30 * 86400),
	    RESOLVE_NULL_SENDER);
	assert_int_equal(w.result, RESOLVE_NO_USER);
	assert_non_null(strstr(w.problem, "too old"));
	ask(&w, "SRS0=AAAAAAAA=AA=c.test=bob@a.test", RESOLVE_NULL_SENDER);
	assert_int_equal(w.result, RESOLVE_NO_USER);
	assert_non_null(strstr(w.problem, "not ours"));
	ask(&w, "srs0-list@a.test", RESOLVE_NULL_SENDER);
	assert_string_equal(w.targets, "alice@a.test");
	tear_down(&w);
}

/* /etc/aliases; mailname is host.test and no local domain. */
static const struct {
	const char *name;
	const char *aliases;
	const char *mailname; /* NULL: host.test */
	const char *address;
	enum resolve_result want;
	const char *targets;
	bool is_for_all;
} host_cases[] = {
	{ .name = "root's mail goes where it says",
	  .aliases = "root: alice@a.test",
	  .address = "root@host.test",
	  .targets = "alice@a.test" },
	{ .name = "any name of this machine",
	  .aliases = "root: alice@a.test",
	  .address = "Root@localhost",
	  .targets = "alice@a.test" },
	{ .name = "its host name as well",
	  .aliases = "root: alice@a.test",
	  .address = "root@mx.mail.b.test",
	  .targets = "alice@a.test" },
	{ .name = "in steps",
	  .aliases = "www-data: root\nroot: ops\nops: bob@a.test, alice@a.test",
	  .address = "www-data@host.test",
	  .targets = "bob@a.test alice@a.test" },
	{ .name = "a mailbox that Dovecot knows",
	  .aliases = "root: carl",
	  .address = "root@host.test",
	  .targets = "carl@host.test" },
	{ .name = "itself is the mailbox",
	  .aliases = "carl: carl, alice@a.test",
	  .address = "carl@host.test",
	  .targets = "carl@host.test alice@a.test" },
	{ .name = "neither alias nor mailbox",
	  .aliases = "root: alice@a.test",
	  .address = "www-data@host.test",
	  .want = RESOLVE_NO_USER },
	{ .name = "a cycle leads nowhere",
	  .aliases = "root: ops\nops: root",
	  .address = "root@host.test",
	  .want = RESOLVE_NO_USER },
	{ .name = "a local domain that is mailname, /etc/aliases first",
	  .aliases = "bob: alice",
	  .mailname = "a.test",
	  .address = "bob@a.test",
	  .targets = "alice@a.test" },
	{ .name = "a local domain that is mailname, a mailbox of it",
	  .aliases = "root: alice",
	  .mailname = "a.test",
	  .address = "bob@localhost",
	  .targets = "bob@a.test" },
	{ .name = "another local domain is not looked up there",
	  .aliases = "bob: alice@a.test",
	  .address = "bob@a.test",
	  .targets = "bob@a.test" },
	{ .name = "mail from elsewhere knows nothing of it",
	  .aliases = "root: alice@a.test",
	  .address = "root@host.test",
	  .want = RESOLVE_NOT_LOCAL,
	  .is_for_all = true },
	{ .name = "a bare postmaster without other home",
	  .aliases = "postmaster: root\nroot: alice@a.test",
	  .address = "<Postmaster>",
	  .targets = "alice@a.test",
	  .is_for_all = true },
};

static void test_host(void **state)
{
	static const struct resolve_case c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(host_cases) / sizeof(host_cases[0]);
	     i++) {
		AUTO(conf_errors_free)
		struct conf_errors *errors = conf_errors_new();
		unsigned flags = host_cases[i].is_for_all ? RESOLVE_FOR_ALL
							  : RESOLVE_FOR_HOST;
		struct world w;

		print_message("%s\n", host_cases[i].name);
		build(&w, &c);
		w.users.users = " alice@a.test bob@a.test carl@host.test ";
		if (host_cases[i].mailname != NULL)
			w.conf.mailname = host_cases[i].mailname;
		domains_set_host(w.domains,
				 aliases_parse(slice_of(host_cases[i].aliases),
					       "f", slice_of(w.conf.mailname),
					       "", errors));
		ask(&w, host_cases[i].address, flags);
		assert_int_equal(w.result, host_cases[i].want);
		assert_string_equal(w.targets, host_cases[i].targets != NULL
						       ? host_cases[i].targets
						       : "");
		ask(&w, host_cases[i].address, flags | RESOLVE_WITH_STEPS);
		assert_int_equal(w.result, host_cases[i].want);
		assert_true(w.steps[0] != '\0');
		tear_down(&w);
	}
}

static void test_remembered(void **state)
{
	static const struct resolve_case c = { 0 };
	struct world w;

	(void)state;
	build(&w, &c);
	ask(&w, "alice@a.test", false);
	ask(&w, "alice+y@a.test", false);
	assert_int_equal(w.users.asked, 2); /* alice, alice+y */
	ask(&w, "alice+y@a.test", false);
	assert_int_equal(w.users.asked, 2);
	ask(&w, "alice@a.test", true); /* asks Dovecot itself */
	assert_int_equal(w.users.asked, 3);
	resolver_use(w.resolver, &w.conf, w.domains);
	ask(&w, "alice@a.test", false);
	assert_int_equal(w.users.asked, 4);
	w.users.down = "bob@a.test";
	ask(&w, "bob@a.test", false);
	assert_int_equal(w.result, RESOLVE_TRY_LATER);
	w.users.down = "";
	ask(&w, "bob@a.test", false);
	assert_int_equal(w.result, RESOLVE_TARGETS);
	tear_down(&w);
}

/* Asked in the order of chasquid, and never for a mailbox. */
static void test_asked(void **state)
{
	static const struct resolve_case c = { .answers = "*@a.test=| run x",
					       .drop = "." };
	struct world w;

	(void)state;
	build(&w, &c);
	ask(&w, "alice@a.test", false);
	assert_string_equal(w.hooks.asked, "");
	ask(&w, "In.fo+X@a.test", true);
	assert_string_equal(w.hooks.asked,
			    "in.fo+x@a.test info@a.test *@a.test ");
	assert_non_null(
		strstr(w.steps, "alias-resolve info@a.test: says nothing\n"));
	assert_non_null(strstr(w.steps,
			       "alias-resolve *@a.test runs a command: run x"));
	tear_down(&w);
}

/* Cancelled, or begun again with another configuration, while it is asked. */
static void test_cancel_call(void **state)
{
	static const struct resolve_case c = { .answers = "" };
	struct world w;

	(void)state;
	build(&w, &c);
	w.hooks.is_silent = true;
	start(&w, "info@a.test", false);
	(void)event_base_dispatch(w.base);
	assert_non_null(w.hooks.call);
	resolve_cancel(&w.resolution);
	assert_null(w.hooks.call);
	start(&w, "info@a.test", false);
	(void)event_base_dispatch(w.base);
	assert_non_null(w.hooks.call);
	add_domain(&w, "a.test", "info: | run\n");
	resolver_use(w.resolver, &w.conf, w.domains);
	assert_null(w.hooks.call);
	w.hooks.answers = NULL;
	(void)event_base_dispatch(w.base);
	assert_int_equal(w.answers, 1);
	assert_string_equal(w.targets, "|info@a.test");
	tear_down(&w);
}

/* More than is good for us, a little at a time. */
static void test_talkative(void **state)
{
	static char answers[300000];
	static const struct resolve_case c = { .answers = answers };
	struct world w;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		n += (size_t)sprintf(answers + n, "x%d@a.test=x%d", i, i + 1);
		while (n % 36000 != 0)
			answers[n++] = i < 7 ? ',' : ' ';
		answers[n++] = ';';
	}
	build(&w, &c);
	ask(&w, "x0@a.test", false);
	assert_int_equal(w.result, RESOLVE_TRY_LATER);
	assert_string_equal(w.problem,
			    "alias-resolve failed: it says too much");
	tear_down(&w);
}

static void test_cancel(void **state)
{
	static const struct resolve_case c = { 0 };
	struct world w;

	(void)state;
	build(&w, &c);
	start(&w, "alice@a.test", false);
	resolve_cancel(&w.resolution); /* before it began */
	(void)event_base_dispatch(w.base);
	w.users.is_silent = true;
	start(&w, "alice@a.test", false);
	(void)event_base_loop(w.base, EVLOOP_ONCE);
	assert_non_null(w.users.lookup);
	resolve_cancel(&w.resolution);
	assert_null(w.users.lookup);
	assert_int_equal(w.answers, 0);
	tear_down(&w);
}

/* A reload in the middle: the answer is of the new configuration. */
static void test_reload(void **state)
{
	static const struct resolve_case c = { 0 };
	struct domains *old;
	struct world w;

	(void)state;
	build(&w, &c);
	w.users.is_silent = true;
	start(&w, "info@a.test", false);
	(void)event_base_loop(w.base, EVLOOP_ONCE);
	assert_non_null(w.users.lookup);
	old = w.domains;
	w.domains = domains_new();
	add_domain(&w, "a.test", "info: alice\n");
	resolver_use(w.resolver, &w.conf, w.domains);
	domains_free(&old);
	assert_int_equal(w.answers, 0);
	w.users.is_silent = false;
	(void)event_base_dispatch(w.base);
	assert_int_equal(w.answers, 1);
	assert_string_equal(w.targets, "alice@a.test");
	tear_down(&w);
}

/* 1,000 mailboxes are the most, over all aliases on the way. */
static void test_many_targets(void **state)
{
	static char users[40000];
	static char text[40000];
	static const struct resolve_case c = { 0 };

	(void)state;
	for (unsigned count = 1000; count <= 1001; count++) {
		struct world w;
		size_t u = 0;
		size_t t = (size_t)sprintf(text, "all: u0, one, two\none: u1");

		users[0] = '\0';
		for (unsigned i = 0; i < count; i++) {
			u += (size_t)sprintf(users + u, " u%u@a.test ", i);
			if (i == count / 2)
				t += (size_t)sprintf(text + t, "\ntwo: u%u", i);
			else if (i > 1)
				t += (size_t)sprintf(text + t, ", u%u", i);
		}
		build(&w, &c);
		w.users.users = users;
		add_domain(&w, "a.test", text);
		ask(&w, "all@a.test", true);
		assert_int_equal(w.result, count <= 1000 ? RESOLVE_TARGETS
							 : RESOLVE_NO_USER);
		tear_down(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_way_back),
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_cancel_call),
		cmocka_unit_test(test_talkative),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_many_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
