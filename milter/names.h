/*
 * The protocol's bits and stages in words, for people.
 */
#ifndef MILTER_NAMES_H
#define MILTER_NAMES_H

#include "milter/protocol.h"

#include <stdint.h>

/* A bit of options, and what a filter that sets it will do: "add headers". */
struct milter_bit_name {
	uint32_t bit;
	const char *name;
};

/* What is told to filters: "connect", "end of header". */
struct milter_step_name {
	const char *name;
	uint32_t skip_bit;   /* set: the filter is not told */
	uint32_t silent_bit; /* set: it is told, and does not answer */
};

enum { MILTER_ACTION_NAMES = 9, MILTER_HABIT_NAMES = 3, MILTER_STEP_NAMES = 9 };

/* MILTER_MAY_*. */
extern const struct milter_bit_name milter_action_names[MILTER_ACTION_NAMES];
/* The steps' bits that do not belong to one event. */
extern const struct milter_bit_name milter_habit_names[MILTER_HABIT_NAMES];
/* In the order of the protocol. */
extern const struct milter_step_name milter_step_names[MILTER_STEP_NAMES];
/* By enum milter_stage. */
extern const char *const milter_stage_names[MILTER_STAGES];

#endif
