/* The role `verify`: see doc/ARCHITECTURE.md. */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

/* The role's main function; returns the exit status. */
int verify_main(unsigned index);

#endif
