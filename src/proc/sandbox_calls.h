/* Lists of the kernel's calls, for sandbox_seccomp.c alone. */
#ifndef PROC_SANDBOX_CALLS_H
#define PROC_SANDBOX_CALLS_H

#include <stddef.h>

struct sandbox_calls {
	const int *items; /* as libseccomp numbers them */
	size_t count;
};

/* What every role needs: its loop, its links, its memory, its log. mmap and
 * mprotect are in none of these lists: they have rules of their own. */
extern const struct sandbox_calls sandbox_common_calls;
/* All that is left to who has the keys: its links, its memory, its log. */
extern const struct sandbox_calls sandbox_keyring_calls;
extern const struct sandbox_calls sandbox_accepting_calls;
/* Files; Landlock says which. */
extern const struct sandbox_calls sandbox_file_calls;
/* Sockets of its own, to ask DNS, and libunbound's thread; socket and clone
 * have rules of their own. */
extern const struct sandbox_calls sandbox_dns_calls;
/* What no program that `hook` runs may do either. */
extern const struct sandbox_calls sandbox_denied_calls;

#endif
