#include "base/mem.h"
#include "ctl/check.h"

#include <stdio.h>

/* A filter's text need not be UTF-8, and JSON has to be. */
static json_t *json_of(struct slice text)
{
	AUTO(mem_free_string) char *ascii = NULL;

	if (slice_is_utf8(text))
		return json_stringn(text.n > 0 ? text.p : "", text.n);
	ascii = mem_array(text.n, 1);
	for (size_t i = 0; i < text.n; i++) {
		ascii[i] = text.p[i];
		if ((unsigned char)text.p[i] > 127)
			ascii[i] = '?';
	}
	return json_stringn(ascii, text.n);
}

/* report[key], made by make if it is not there. */
static json_t *member(struct check *c, const char *key, json_t *(*make)(void))
{
	json_t *value = json_object_get(c->report, key);

	if (value == NULL) {
		value = make();
		(void)json_object_set_new(c->report, key, value);
	}
	return value;
}

static void print(struct check *c, struct slice text)
{
	ctl_print(arena_string(c->arena, text));
}

void check_say(struct check *c, const char *key, const char *label,
	       struct slice text)
{
	if (c->report != NULL) {
		(void)json_object_set_new(c->report, key, json_of(text));
		return;
	}
	(void)printf("%s: ", label);
	print(c, text);
	(void)putchar('\n');
}

void check_say_number(struct check *c, const char *key, uint64_t number)
{
	if (c->report != NULL)
		(void)json_object_set_new(c->report, key,
					  json_integer((json_int_t)number));
	else
		(void)printf("%s: %ju\n", key, (uintmax_t)number);
}

void check_say_words(struct check *c, const char *key, const char *label,
		     const char *const *words, size_t count)
{
	if (c->report != NULL) {
		json_t *list = member(c, key, json_array);

		for (size_t i = 0; i < count; i++)
			(void)json_array_append_new(list,
						    json_string(words[i]));
		return;
	}
	for (size_t i = 0; i < count; i++)
		(void)printf("%s%s", i == 0 ? label : ", ", words[i]);
	if (count > 0)
		(void)putchar('\n');
}

void check_say_macros(struct check *c, const char *stage, struct slice names)
{
	if (c->report != NULL) {
		(void)json_object_set_new(member(c, "macros", json_object),
					  stage, json_of(names));
		return;
	}
	(void)printf("macros at %s: ", stage);
	print(c, names.n > 0 ? names : S("none"));
	(void)putchar('\n');
}

static json_t *json_of_step(const struct check_step *step)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "stage", json_string(step->stage));
	(void)json_object_set_new(object, "result", json_string(step->result));
	if (step->code != 0)
		(void)json_object_set_new(object, "code",
					  json_integer(step->code));
	if (step->text.n > 0)
		(void)json_object_set_new(object, "text", json_of(step->text));
	return object;
}

void check_say_step(struct check *c, const char *list,
		    const struct check_step *step)
{
	if (c->report != NULL) {
		(void)json_array_append_new(member(c, list, json_array),
					    json_of_step(step));
		return;
	}
	(void)printf("%s: %s", step->stage, step->result);
	if (step->code != 0)
		(void)printf(" %u", step->code);
	if (step->text.n > 0) {
		(void)fputs(step->code != 0 ? " " : ": ", stdout);
		print(c, step->text);
	}
	(void)putchar('\n');
	(void)fflush(stdout); /* the next step may take its time */
}

void check_fail(struct check *c, struct slice problem)
{
	if (c->has_failed)
		return;
	c->has_failed = true;
	if (c->report != NULL)
		(void)json_object_set_new(c->report, "problem",
					  json_of(problem));
	else
		ctl_complain("milter %s: %s", c->milter->name,
			     arena_string(c->arena, problem));
}
