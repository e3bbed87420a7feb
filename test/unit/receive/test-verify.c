#include "receive/verify.h"

#include "base/mem.h"
#include "fake_role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

struct world {
	struct role_self self;
	struct verifier *verifier;
	unsigned spf_count, message_count;
	enum authres_result spf, dmarc;
	int fd; /* the content's */
};

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	fake_role_init(&w->self);
	w->verifier = verifier_new(&w->self);
	w->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	verifier_free(&w->verifier);
	fake_role_done(&w->self);
	fd_close(&w->fd);
	mem_free(&w);
	return 0;
}

static void on_spf(const struct msg_spf *answer, void *arg)
{
	struct world *w = arg;

	w->spf_count++;
	w->spf = answer->result;
}

static void on_verified(const struct msg_verified *answer, void *arg)
{
	struct world *w = arg;

	w->message_count++;
	w->dmarc = answer->dmarc;
}

static struct verify_call *ask_spf(struct world *w)
{
	char helo[] = "mx.example.com";
	const struct msg_spf_wanted m = { .id = 4711, /* not ours to choose */
					  .trace = S("T"),
					  .client_address = S("192.0.2.1"),
					  .helo = slice_of(helo),
					  .reverse_path = S("a@example.com") };
	struct verify_call *c = verify_spf(w->verifier, &m, on_spf, w);

	helo[0] = '?'; /* it was copied */
	return c;
}

static struct verify_call *ask_message(struct world *w)
{
	const struct msg_verify m = { .trace = S("T"),
				      .content_octets = 3,
				      .spf_result = AUTHRES_PASS,
				      .spf_domain = S("example.com") };

	return verify_message(w->verifier, &m, w->fd, on_verified, w);
}

static void answer_spf(struct world *w, uint64_t id)
{
	const struct message m = {
		.type = MESSAGE_SPF, .spf = { .id = id, .result = AUTHRES_PASS }
	};

	verifier_on_message(w->verifier, &m);
}

static void answer_message(struct world *w, uint64_t id)
{
	const struct message m = { .type = MESSAGE_VERIFIED,
				   .verified = { .id = id,
						 .dmarc = AUTHRES_FAIL } };

	verifier_on_message(w->verifier, &m);
}

static void die(struct world *w)
{
	w->self.has_verify = false;
	verifier_on_peer_gone(w->verifier);
}

static void come_back(struct world *w)
{
	w->self.has_verify = true;
	verifier_on_peer(w->verifier);
}

static void test_answers_find_their_calls(void **state)
{
	struct world *w = *state;
	const struct message *spf, *message;

	assert_non_null(ask_spf(w));
	assert_non_null(ask_message(w));
	spf = fake_role_sent(&w->self, MESSAGE_SPF_WANTED, 0);
	message = fake_role_sent(&w->self, MESSAGE_VERIFY, 0);
	assert_true(spf->spf_wanted.id != message->verify.id);
	assert_true(slice_equal(spf->spf_wanted.helo, S("mx.example.com")));
	assert_true(message->fd >= 0);
	assert_true(slice_equal(message->verify.spf_domain, S("example.com")));
	/* Of the other kind, and unknown: nothing. */
	answer_spf(w, message->verify.id);
	answer_message(w, spf->spf_wanted.id);
	answer_spf(w, 99);
	assert_int_equal(w->spf_count + w->message_count, 0);
	answer_message(w, message->verify.id);
	answer_spf(w, spf->spf_wanted.id);
	answer_spf(w, spf->spf_wanted.id);
	assert_int_equal(w->spf_count, 1);
	assert_int_equal(w->message_count, 1);
	assert_int_equal(w->spf, AUTHRES_PASS);
	assert_int_equal(w->dmarc, AUTHRES_FAIL);
}

static void test_a_death_is_survived_once(void **state)
{
	struct world *w = *state;

	assert_non_null(ask_spf(w));
	assert_non_null(ask_message(w));
	die(w);
	fake_role_turn(&w->self);
	assert_int_equal(w->spf_count + w->message_count, 0);
	come_back(w);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_SPF_WANTED), 2);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_VERIFY), 2);
	assert_true(fake_role_sent(&w->self, MESSAGE_VERIFY, 1)->fd >= 0);
	answer_spf(
		w,
		fake_role_sent(&w->self, MESSAGE_SPF_WANTED, 1)->spf_wanted.id);
	assert_int_equal(w->spf_count, 1);
	die(w);
	come_back(w);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_VERIFY), 2);
	fake_role_turn(&w->self);
	assert_int_equal(w->message_count, 1);
	assert_int_equal(w->dmarc, AUTHRES_TEMPERROR);
}

static void test_away(void **state)
{
	struct world *w = *state;

	w->self.has_verify = false;
	assert_non_null(ask_spf(w));
	assert_int_equal(w->self.sent_count, 0);
	come_back(w);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_SPF_WANTED), 1);
	die(w);
	/* It does not come back. */
	(void)event_base_loop(w->self.base, EVLOOP_ONCE);
	assert_int_equal(w->spf_count, 1);
	assert_int_equal(w->spf, AUTHRES_TEMPERROR);
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	struct verify_call *c = ask_spf(w);
	uint64_t id =
		fake_role_sent(&w->self, MESSAGE_SPF_WANTED, 0)->spf_wanted.id;

	verify_call_cancel(&c);
	assert_null(c);
	verify_call_cancel(&c);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_VERIFY_CANCEL), 1);
	answer_spf(w, id);
	assert_int_equal(w->spf_count, 0);
	/* Away: nobody is to be told, now or later. */
	w->self.has_verify = false;
	c = ask_spf(w);
	verify_call_cancel(&c);
	come_back(w);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_VERIFY_CANCEL), 1);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_SPF_WANTED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers_find_their_calls),
		TEST(test_a_death_is_survived_once),
		TEST(test_away),
		TEST(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
