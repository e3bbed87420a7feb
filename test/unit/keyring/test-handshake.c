#include "keyring/handshake.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const char spaces[] = "                                "
			     "                                ";
static const char context[] = "TLS 1.3, server CertificateVerify";

/* 64 spaces, a context with its NUL, octets of a hash. */
static enum handshake tls13(const char *words, size_t hash_octets)
{
	char text[256] = { 0 };
	size_t n = strlen(words) + 1;

	memcpy(text, spaces, 64);
	memcpy(text + 64, words, n);
	memset(text + 64 + n, 'h', hash_octets);
	return handshake_of((struct slice){ text, 64 + n + hash_octets });
}

/* Two randoms, named_curve, the curve, a length, a point. */
static enum handshake tls12(unsigned char type, unsigned char curve,
			    size_t said_octets, size_t octets)
{
	char text[512];

	memset(text, 'r', 64);
	text[64] = (char)type;
	text[65] = 0;
	text[66] = (char)curve;
	text[67] = (char)said_octets;
	memset(text + 68, 4, octets);
	return handshake_of((struct slice){ text, 68 + octets });
}

static void test_tls13(void **state)
{
	(void)state;
	assert_int_equal(tls13(context, 32), HANDSHAKE_TLS13);
	assert_int_equal(tls13(context, 48), HANDSHAKE_TLS13);
	assert_int_equal(tls13(context, 0), HANDSHAKE_NONE);
	assert_int_equal(tls13(context, 31), HANDSHAKE_NONE);
	assert_int_equal(tls13(context, 33), HANDSHAKE_NONE);
	assert_int_equal(tls13(context, 64), HANDSHAKE_NONE);
	assert_int_equal(tls13("TLS 1.3, client CertificateVerify", 32),
			 HANDSHAKE_NONE);
	assert_int_equal(tls13("TLS 1.3, server CertificateVerif", 33),
			 HANDSHAKE_NONE);
}

static void test_tls13_padding(void **state)
{
	char text[256];
	size_t n = 64 + sizeof(context) + 32;

	(void)state;
	memcpy(text, spaces, 64);
	memcpy(text + 64, context, sizeof(context));
	memset(text + 64 + sizeof(context), 'h', 32);
	assert_int_equal(handshake_of((struct slice){ text, n }),
			 HANDSHAKE_TLS13);
	assert_int_equal(handshake_of((struct slice){ text + 1, n - 1 }),
			 HANDSHAKE_NONE);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(handshake_of((struct slice){ text, i }),
				 HANDSHAKE_NONE);
	for (size_t i = 0; i < 64 + sizeof(context); i++) {
		text[i] ^= 1;
		assert_int_equal(handshake_of((struct slice){ text, n }),
				 HANDSHAKE_NONE);
		text[i] ^= 1;
	}
}

static void test_tls12(void **state)
{
	(void)state;
	assert_int_equal(tls12(3, 29, 32, 32), HANDSHAKE_TLS12);
	assert_int_equal(tls12(3, 23, 65, 65), HANDSHAKE_TLS12);
	assert_int_equal(tls12(3, 24, 97, 97), HANDSHAKE_TLS12);
	/* explicit curves, finite fields, unknown curves */
	assert_int_equal(tls12(1, 23, 65, 65), HANDSHAKE_NONE);
	assert_int_equal(tls12(0, 23, 65, 65), HANDSHAKE_NONE);
	assert_int_equal(tls12(3, 30, 56, 56), HANDSHAKE_NONE);
	assert_int_equal(tls12(3, 0, 32, 32), HANDSHAKE_NONE);
	/* another size than it says, or than the curve has */
	assert_int_equal(tls12(3, 29, 32, 33), HANDSHAKE_NONE);
	assert_int_equal(tls12(3, 29, 32, 31), HANDSHAKE_NONE);
	assert_int_equal(tls12(3, 29, 33, 33), HANDSHAKE_NONE);
	assert_int_equal(tls12(3, 29, 32, 0), HANDSHAKE_NONE);
	assert_int_equal(tls12(3, 23, 32, 32), HANDSHAKE_NONE);
}

static void test_others(void **state)
{
	char zeros[300] = { 0 };

	(void)state;
	assert_int_equal(handshake_of((struct slice){ NULL, 0 }),
			 HANDSHAKE_NONE);
	for (size_t n = 1; n < sizeof(zeros); n++)
		assert_int_equal(handshake_of((struct slice){ zeros, n }),
				 HANDSHAKE_NONE);
	assert_int_equal(handshake_of(S("from:a@b.example\r\n")),
			 HANDSHAKE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls13),
		cmocka_unit_test(test_tls13_padding),
		cmocka_unit_test(test_tls12),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
