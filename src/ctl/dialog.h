/* SMTP with culverd over submit.sock: the client's side, one command at a
 * time, blocking. */
#ifndef CTL_DIALOG_H
#define CTL_DIALOG_H

#include "ctl/ctl.h"
#include "smtp/reply.h"

struct dialog;

/* Connects to run_dir/submit.sock. Returns a descriptor or -errno. */
int dialog_connect(const struct ctl *ctl);

/* Takes fd over. is_verbose: what goes both ways is printed. */
struct dialog *dialog_new(int fd, bool is_verbose);
void dialog_free(struct dialog **dialog);

/* Sends octets some time before the next reply is read. */
void dialog_send(struct dialog *d, struct slice octets);
/* Reads the next reply, which lives until the one after it. The connection
 * lost, or nonsense on it, is a 421 of our own. */
const struct reply *dialog_read(struct dialog *d);
/* Sends a line, which gets its CRLF, and reads the reply. */
const struct reply *dialog_say(struct dialog *d, struct slice line);

#endif
