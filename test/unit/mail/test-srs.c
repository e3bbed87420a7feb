#include "mail/srs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1700000000, DAY = 86400 };

#define KEY   "0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abcdef0123456789abcdeF"

static const struct srs_keys keys = { .current = SLICE(KEY) };

static struct arena *a;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static struct address address(const char *text)
{
	struct address to;

	assert_int_equal(address_parse(slice_of(text), a, &to), 0);
	return to;
}

static const char *text_of(const struct address *address)
{
	return arena_string(a, address_format(address, a));
}

/* Hashes were computed by another implementation of HMAC. */
static const struct {
	const char *name, *sender, *want;
	const char *back; /* NULL: sender */
} ways[] = {
	{ "a sender", "Bob+x=y@c.test",
	  "SRS0=LSRMLCTM=G3=c.test=Bob+x=y@a.test", NULL },
	{ "who was forwarded before", "SRS0=HHHH=TT=c.test=bob@f.test",
	  "SRS1=2I5ASGTI=f.test==HHHH=TT=c.test=bob@a.test", NULL },
	{ "by one with a separator of its own",
	  "srs0+HHHH=TT=c.test=bob@f.test",
	  "SRS1=HQN7RIBL=f.test=+HHHH=TT=c.test=bob@a.test",
	  "SRS0+HHHH=TT=c.test=bob@f.test" },
	{ "who was forwarded twice: the first is told, not the second",
	  "SRS1=GGGG=f.test==HHHH=TT=c.test=bob@g.test",
	  "SRS1=2I5ASGTI=f.test==HHHH=TT=c.test=bob@a.test",
	  "SRS0=HHHH=TT=c.test=bob@f.test" },
	{ "a sender called SRS0", "SRS0@c.test",
	  "SRS0=LZP5GYTO=G3=c.test=SRS0@a.test", NULL },
	{ "one that is no SRS1 after all", "SRS1=x@c.test",
	  "SRS0=JASA5T77=G3=c.test=SRS1=x@a.test", NULL },
};

static void test_there_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *back =
			ways[i].back != NULL ? ways[i].back : ways[i].sender;
		struct address sender = address(ways[i].sender);
		struct address to, from;

		print_message("%s\n", ways[i].name);
		to = (struct address){ .local = srs_forward(&keys, &sender, NOW,
							    a),
				       .domain = S("a.test") };
		assert_string_equal(text_of(&to), ways[i].want);
		to = address(text_of(&to));
		assert_int_equal(srs_reverse(&keys, to.local, NOW, a, &from),
				 SRS_OK);
		assert_string_equal(text_of(&from), back);
	}
}

static struct slice forward(const char *text, int64_t now)
{
	struct address sender = address(text);

	return srs_forward(&keys, &sender, now, a);
}

static const struct {
	const char *name, *local;
	enum srs_result want;
} wrong[] = {
	{ "a user", "bob", SRS_NONE },
	{ "nothing", "", SRS_NONE },
	{ "a mailbox with such a name", "srs0-list", SRS_NONE },
	{ "another", "srs0", SRS_NONE },
	{ "nothing behind it", "SRS0=", SRS_NONE },
	{ "half of it", "SRS0=LSRMLCTM=G3=c.test", SRS_FORGED },
	{ "no user", "SRS0=LSRMLCTM=G3=c.test=", SRS_FORGED },
	{ "another user", "SRS0=LSRMLCTM=G3=c.test=Bob+x=z", SRS_FORGED },
	{ "another domain", "SRS0=LSRMLCTM=G3=d.test=Bob+x=y", SRS_FORGED },
	{ "another day", "SRS0=LSRMLCTM=G4=c.test=Bob+x=y", SRS_FORGED },
	{ "a part of the hash", "SRS0=LSRM=G3=c.test=Bob+x=y", SRS_FORGED },
	{ "no hash", "SRS0==G3=c.test=Bob+x=y", SRS_FORGED },
	{ "half of SRS1", "SRS1=2I5ASGTI=f.test", SRS_FORGED },
	{ "another first host", "SRS1=2I5ASGTI=g.test==HHHH=TT=c.test=bob",
	  SRS_FORGED },
	{ "a hash made for the other kind", "SRS1=LSRMLCTM=G3=c.test=Bob+x=y",
	  SRS_FORGED },
};

static void test_what_leads_nowhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct address back;

		print_message("%s\n", wrong[i].name);
		assert_int_equal(srs_reverse(&keys, slice_of(wrong[i].local),
					     NOW, a, &back),
				 wrong[i].want);
	}
}

static void test_case_does_not_matter(void **state)
{
	struct address back;

	(void)state;
	assert_int_equal(srs_reverse(&keys,
				     S("srs0=lsrmlctm=g3=c.test=bob+x=y"), NOW,
				     a, &back),
			 SRS_OK);
	assert_string_equal(text_of(&back), "bob+x=y@c.test");
	assert_int_equal(srs_reverse(&keys,
				     S("SRS0=LSRMLCTM=G3=C.TEST=BOB+X=Y"), NOW,
				     a, &back),
			 SRS_OK);
	assert_string_equal(text_of(&back), "BOB+X=Y@c.test");
}

static void test_days(void **state)
{
	(void)state;
	/* Each day of more than one round. */
	for (int64_t day = 0; day < 1100; day++) {
		int64_t sent = day * DAY;
		struct slice local = forward("bob@c.test", sent);
		struct address back;

		assert_int_equal(srs_reverse(&keys, local, sent, a, &back),
				 SRS_OK);
		assert_int_equal(srs_reverse(&keys, local,
					     sent + SRS_DAYS * DAY, a, &back),
				 SRS_OK);
		assert_int_equal(srs_reverse(&keys, local,
					     sent + (SRS_DAYS + 1) * DAY, a,
					     &back),
				 SRS_EXPIRED);
		assert_int_equal(
			srs_reverse(&keys, local, sent + 1022 * DAY, a, &back),
			SRS_EXPIRED);
		arena_clear(a);
	}
}

static void test_keys_change(void **state)
{
	const struct srs_keys rotated = { .current = S(OTHER),
					  .previous = S(KEY) };
	const struct srs_keys gone = { .current = S(OTHER) };
	const struct srs_keys none = { .current = S("") };
	struct slice zero = forward("bob@c.test", NOW);
	struct slice one = forward("SRS0=HHHH=TT=c.test=bob@f.test", NOW);
	struct address back;

	(void)state;
	assert_int_equal(srs_reverse(&rotated, zero, NOW, a, &back), SRS_OK);
	assert_int_equal(srs_reverse(&rotated, one, NOW, a, &back), SRS_OK);
	assert_int_equal(srs_reverse(&gone, zero, NOW, a, &back), SRS_FORGED);
	assert_int_equal(srs_reverse(&gone, one, NOW, a, &back), SRS_FORGED);
	assert_int_equal(srs_reverse(&none, zero, NOW, a, &back), SRS_FORGED);
}

/* Any octet that is another one, but for its case, is seen. */
static void test_each_octet_counts(void **state)
{
	struct slice local = forward("bob@c.test", NOW);

	(void)state;
	for (size_t i = 5; i < local.n; i++) {
		char changed[64];
		struct address back;

		memcpy(changed, local.p, local.n);
		changed[i] = changed[i] == '7' ? '6' : '7';
		assert_int_equal(srs_reverse(&keys,
					     (struct slice){ changed, local.n },
					     NOW, a, &back),
				 SRS_FORGED);
	}
}

static void test_odd_users(void **state)
{
	static const char *const senders[] = {
		"\"a b\"@c.test",
		"\"a@b\"@c.test",
		"m\xc3\xbcller@c.test",
		"=@c.test",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct address sender = address(senders[i]), to, back;

		to = (struct address){ .local = srs_forward(&keys, &sender, NOW,
							    a),
				       .domain = S("a.test") };
		to = address(text_of(&to));
		assert_int_equal(srs_reverse(&keys, to.local, NOW, a, &back),
				 SRS_OK);
		assert_string_equal(text_of(&back), senders[i]);
		assert_int_equal(back.is_utf8, sender.is_utf8);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_what_leads_nowhere),
		TEST(test_case_does_not_matter),
		TEST(test_days),
		TEST(test_keys_change),
		TEST(test_each_octet_counts),
		TEST(test_odd_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
