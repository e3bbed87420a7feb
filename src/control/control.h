/* The role `control`: see doc/ARCHITECTURE.md. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

/* The role's main function; returns the exit status. */
int control_main(unsigned index);

#endif
