/* The role `queue`: see doc/ARCHITECTURE.md. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

/* The role's main function; returns the exit status. */
int queue_main(unsigned index);

#endif
