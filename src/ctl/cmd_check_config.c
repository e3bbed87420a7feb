/* culver check-config: the words the daemon says at its start. */
#include "base/mem.h"
#include "conf/tree.h"
#include "ctl/ctl.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void print_json(const struct conf_errors *errors, bool is_good)
{
	json_t *object = json_object();
	json_t *bad = json_array(), *warnings = json_array();
	char *text;

	for (size_t i = 0; i < conf_errors_lines(errors); i++)
		(void)json_array_append_new(
			conf_errors_is_warning(errors, i) ? warnings : bad,
			json_string(conf_errors_line(errors, i)));
	(void)json_object_set_new(object, "good", json_boolean(is_good));
	(void)json_object_set_new(object, "errors", bad);
	(void)json_object_set_new(object, "warnings", warnings);
	text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text != NULL)
		(void)puts(text);
	free(text); /* jansson's */
	json_decref(object);
}

static void print_lines(const struct conf_errors *errors)
{
	for (size_t i = 0; i < conf_errors_lines(errors); i++) {
		bool is_warning = conf_errors_is_warning(errors, i);

		(void)fprintf(stderr, "%s%s\n", is_warning ? "warning: " : "",
			      conf_errors_line(errors, i));
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int cmd_check_config(const struct ctl *ctl)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	AUTO(tree_free)
	struct tree *tree = tree_load(ctl->dir, ctl->overrides,
				      ctl->override_count, errors);

	if (ctl->is_json)
		print_json(errors, tree != NULL);
	else
		print_lines(errors);
	if (tree == NULL)
		return CTL_FAILED;
	if (!ctl->is_json)
		(void)printf("%s is good: %zu domain%s, %zu certificate%s\n",
			     ctl->dir, tree->domain_count,
			     plural(tree->domain_count),
			     tree->certificate_count,
			     plural(tree->certificate_count));
	return CTL_DONE;
}
