/* The role `lookup`: see doc/ARCHITECTURE.md. */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

/* The role's main function; returns the exit status. */
int lookup_main(unsigned index);

#endif
