/* The role `deliver`: see doc/ARCHITECTURE.md. */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

/* The role's main function; returns the exit status. */
int deliver_main(unsigned index);

#endif
