/* A question to the running daemon over control.sock, and its answer: JSON
 * objects, one a line (control/answer.h). */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "ctl/ctl.h"

#include <jansson.h>

/* Called for each line of the answer. True: another one follows. */
typedef bool ask_on_line(const struct ctl *ctl, json_t *line, void *arg);

/*
 * Sends request, which it takes over, and hands out what comes back until
 * on_line says that it was the last line. An {"error":...} it says itself.
 * Returns CTL_DONE, or CTL_FAILED having said why.
 */
int ask(const struct ctl *ctl, json_t *request, ask_on_line *on_line,
	void *arg);

/* The path of name in run_dir, or what -s says in its place. */
void ask_run_path(const struct ctl *ctl, const char *name, char *path,
		  size_t size);

/* Prints a line of the answer as it is. */
void ask_print_json(const json_t *line);
/* A member that is text; "" when it is none. */
const char *ask_text(const json_t *object, const char *key);
/* A member that is a number; 0 when it is none. */
json_int_t ask_number(const json_t *object, const char *key);

#endif
