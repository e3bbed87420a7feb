/*
 * The process that has the private keys of TLS and DKIM and does nothing but
 * sign with them, what request.h allows. `receive` asks for handshakes over a
 * link of its own (WAITING_LINK), at which it waits.
 */
#ifndef KEYRING_KEYRING_H
#define KEYRING_KEYRING_H

/* The program of ROLE_KEYRING; returns the exit status. */
int keyring_main(unsigned index);

#endif
