/* The role `hook`: see doc/ARCHITECTURE.md. */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

/* The role's main function; returns the exit status. */
int hook_main(unsigned index);

#endif
