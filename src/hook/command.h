/* The command of an alias: its words, its program, and what its end means. */
#ifndef HOOK_COMMAND_H
#define HOOK_COMMAND_H

#include "hook/program.h"
#include "proc/message.h"

enum { COMMAND_WORDS_MAX = 256 };

/*
 * The words of a command, parted at blanks as chasquid does: no quotes, no
 * variables, no shell. *ret_words ends with NULL and lives in arena. Returns
 * false when there is none, or more than COMMAND_WORDS_MAX.
 */
bool command_split(struct slice command, struct arena *arena,
		   const char *const **ret_words);

/* Which file a first word means: itself when it has a slash, else the first
 * of that name in environment_path() that can be executed. NULL: none. */
const char *command_find(const char *word, struct arena *arena);

/* The command in an alias's right side, "| command"; empty for another. */
struct slice command_of_targets(struct slice targets);

/*
 * 0 is delivered, 75 and whatever goes wrong on our side deferred, any other
 * status refused. The text is the program's last line, or our words; never
 * the command.
 */
struct outcome command_outcome(const struct program_result *result,
			       struct arena *arena);
/* It was not run: deferred. text is a literal. */
struct outcome command_deferred(const char *text);

#endif
