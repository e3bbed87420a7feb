#include "hook/command.h"

#include "hook/environment.h"
#include "hook/output.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice next_word(struct slice *rest)
{
	struct slice word;

	while (rest->n > 0 && is_blank(*rest->p))
		*rest = slice_tail(*rest, 1);
	word = (struct slice){ .p = rest->p };
	while (rest->n > 0 && !is_blank(*rest->p)) {
		*rest = slice_tail(*rest, 1);
		word.n++;
	}
	return word;
}

bool command_split(struct slice command, struct arena *arena,
		   const char *const **ret_words)
{
	const char **words =
		arena_array(arena, COMMAND_WORDS_MAX + 1, sizeof(*words));
	size_t n = 0;
	struct slice word;

	while ((word = next_word(&command)).n > 0) {
		if (n == COMMAND_WORDS_MAX || slice_find(word, '\0') < word.n)
			return false;
		words[n++] = arena_string(arena, word);
	}
	*ret_words = words;
	return n > 0;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

const char *command_find(const char *word, struct arena *arena)
{
	struct slice rest = slice_of(environment_path()), directory;

	if (strchr(word, '/') != NULL)
		return word;
	while (rest.n > 0) {
		const char *path;

		(void)slice_cut(rest, ':', &directory, &rest);
		path = arena_join(arena,
				  (const struct slice[]){ directory, S("/"),
							  slice_of(word) },
				  3)
			       .p;
		if (is_program(path))
			return path;
	}
	return NULL;
}

struct slice command_of_targets(struct slice targets)
{
	targets = output_targets(targets);
	if (targets.n == 0 || *targets.p != '|' ||
	    slice_find(targets, '\n') < targets.n)
		return S("");
	return output_targets(slice_tail(targets, 1));
}

struct outcome command_deferred(const char *text)
{
	/* RFC 3463 3.4: other or undefined mail system status. */
	return (struct outcome){ .kind = OUTCOME_DEFERRED,
				 .code = 451,
				 .status = { 4, 3, 0 },
				 .text = slice_of(text) };
}

static struct outcome exited(int status, struct slice line)
{
	struct outcome o = { .kind = OUTCOME_REFUSED,
			     .code = 554,
			     .status = { 5, 3, 0 },
			     .text = line };

	if (status == 0)
		return (struct outcome){ .kind = OUTCOME_DELIVERED,
					 .code = 250,
					 .status = { 2, 0, 0 },
					 .text = S("Taken by a command") };
	if (status == OUTPUT_DEFER_STATUS)
		o = command_deferred("The command cannot take it now");
	else if (line.n == 0)
		o.text = S("The command refused it");
	if (line.n > 0)
		o.text = line;
	return o;
}

struct outcome command_outcome(const struct program_result *result,
			       struct arena *arena)
{
	switch (result->end) {
	case PROGRAM_EXITED:
		return exited(result->number,
			      output_last_line(result->output, arena));
	case PROGRAM_SIGNALED:
		return command_deferred("The command was killed");
	case PROGRAM_TOO_LATE:
		return command_deferred("The command took too long");
	case PROGRAM_TOO_LOUD:
		return command_deferred("The command said too much");
	case PROGRAM_NO_INPUT:
		return command_deferred("The message cannot be read");
	case PROGRAM_NOT_STARTED:
		break;
	}
	return command_deferred("The command cannot be run");
}
