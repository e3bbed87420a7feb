/*
 * What the filter is to do: a file with one rule a line, fields between tabs:
 * STAGE, CONDITION, ACTION, ARGUMENTS... In fields "\xHH" stands for an octet.
 * test/system/filters.py writes it and tells the actions.
 */
#ifndef FILTER_SCRIPT_H
#define FILTER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

enum { RULE_ARGUMENTS = 20 };

struct rule {
	char *stage;
	char *condition; /* "", "#3": the third call, or a part of the event */
	char *action;
	char *argument[RULE_ARGUMENTS + 1]; /* up to a NULL */
	size_t length[RULE_ARGUMENTS];      /* they may hold any octet */
};

struct script {
	char *text;
	struct rule *rules;
	size_t count;
};

/* False when there is no such file. */
bool script_read(const char *path, struct script *ret_script);
void script_free(struct script *script);
/* Whether the rule is for this call: its number in the message, from 1 on, and
 * what it is about. */
bool rule_fits(const struct rule *rule, const char *stage, unsigned number,
	       const char *about);

#endif
