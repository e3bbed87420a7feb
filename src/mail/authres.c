#include "mail/authres.h"

const char *authres_word(enum authres_result result)
{
	static const char *const words[AUTHRES_COUNT] = {
		[AUTHRES_NONE] = "none",
		[AUTHRES_PASS] = "pass",
		[AUTHRES_FAIL] = "fail",
		[AUTHRES_SOFTFAIL] = "softfail",
		[AUTHRES_NEUTRAL] = "neutral",
		[AUTHRES_POLICY] = "policy",
		[AUTHRES_TEMPERROR] = "temperror",
		[AUTHRES_PERMERROR] = "permerror",
	};

	return result < AUTHRES_COUNT ? words[result] : "?";
}
