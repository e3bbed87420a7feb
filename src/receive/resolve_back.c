/* The way back of what an alias had sent outside: addresses of SRS. */
#include "receive/resolve-private.h"

#include "base/clock.h"

static void no_way(struct resolution *r, struct slice local, struct slice why)
{
	resolve_finish(r, RESOLVE_NO_USER, RESOLVE_JOIN(r, local, why));
}

static void go_back(struct resolution *r, struct slice local,
		    const struct address *sender)
{
	/* Nobody else shall use it to write to him: RFC 5321 6.1 keeps the null
	 * sender for reports. */
	if (!r->is_report) {
		no_way(r, local,
		       S(": only reports, which have no sender, go "
			 "back there"));
		return;
	}
	RESOLVE_STEP(r, local, S(": of SRS, goes back to "),
		     address_format(sender, r->arena));
	if (resolve_is_ours(r, sender->domain))
		resolve_add_place(r, sender, NULL);
	else
		resolve_add_remote(r, sender, S(""), false);
}

bool resolve_way_back(struct resolution *r, struct slice local)
{
	struct address sender;

	switch (srs_reverse(r->resolver->keys, local, clock_wall_s(), r->arena,
			    &sender)) {
	case SRS_OK:
		go_back(r, local, &sender);
		return true;
	case SRS_NONE:
		return false;
	case SRS_FORGED:
		no_way(r, local, S(": looks like SRS, and is not ours"));
		return true;
	case SRS_EXPIRED:
		no_way(r, local, S(": of SRS, and too old"));
		return true;
	}
	return false;
}
