/* The role `receive`: see doc/ARCHITECTURE.md. */
#ifndef RECEIVE_RECEIVE_H
#define RECEIVE_RECEIVE_H

/* The role's main function; returns the exit status. */
int receive_main(unsigned index);

#endif
