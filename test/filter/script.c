#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *file_text(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	if (f == NULL)
		return NULL;
	if (getdelim(&text, &room, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

static char hex(const char *two)
{
	const char digits[3] = { two[0], two[1], '\0' };

	return (char)strtoul(digits, NULL, 16);
}

/* In place. Returns the length. */
static size_t unescape(char *field)
{
	char *to = field;

	for (const char *from = field; *from != '\0';) {
		if (from[0] == '\\' && from[1] == 'x' && from[2] != '\0') {
			*to++ = hex(from + 2);
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return (size_t)(to - field);
}

static void read_rule(char *line, struct rule *ret_rule)
{
	struct rule rule = { 0 };
	char *field;

	rule.stage = strsep(&line, "\t");
	rule.condition = line != NULL ? strsep(&line, "\t") : NULL;
	rule.action = line != NULL ? strsep(&line, "\t") : NULL;
	if (rule.condition != NULL)
		unescape(rule.condition);
	for (size_t i = 0; i < RULE_ARGUMENTS; i++) {
		field = line != NULL ? strsep(&line, "\t") : NULL;
		if (field == NULL)
			break;
		rule.length[i] = unescape(field);
		rule.argument[i] = field;
	}
	*ret_rule = rule;
}

bool script_read(const char *path, struct script *ret_script)
{
	struct script script = { .text = file_text(path) };
	struct rule *rules;
	char *next = script.text;
	char *line;

	if (script.text == NULL)
		return false;
	while ((line = strsep(&next, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		rules = reallocarray(script.rules, script.count + 1,
				     sizeof(*rules));
		if (rules == NULL)
			abort();
		script.rules = rules;
		read_rule(line, &script.rules[script.count]);
		if (script.rules[script.count].action != NULL)
			script.count++;
	}
	*ret_script = script;
	return true;
}

void script_free(struct script *script)
{
	free(script->rules);
	free(script->text);
	*script = (struct script){ 0 };
}

bool rule_fits(const struct rule *rule, const char *stage, unsigned number,
	       const char *about)
{
	const char *condition = rule->condition;

	if (strcmp(rule->stage, stage) != 0)
		return false;
	if (condition[0] == '#')
		return strtoul(condition + 1, NULL, 10) == number;
	return strstr(about, condition) != NULL;
}
