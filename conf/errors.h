/* What is wrong with the configuration, in words the daemon, check-config and
 * reload all use: "FILE:LINE: SETTING: what is wrong; what is allowed". */
#ifndef CONF_ERRORS_H
#define CONF_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

struct conf_errors;

struct conf_errors *conf_errors_new(void);
void conf_errors_free(struct conf_errors **errors);

/* file and setting may be NULL, line 0. Control octets are escaped. */
void conf_errors_add(struct conf_errors *errors, const char *file,
		     unsigned line, const char *setting, const char *format,
		     ...) __attribute__((format(printf, 5, 6)));
/* The same for what is worth saying but does not stop the server. */
void conf_errors_warn(struct conf_errors *errors, const char *file,
		      unsigned line, const char *setting, const char *format,
		      ...) __attribute__((format(printf, 5, 6)));

size_t conf_errors_count(const struct conf_errors *errors); /* errors only */
size_t conf_errors_lines(const struct conf_errors *errors); /* both */
/* Line i of conf_errors_lines(), in the order found; without line end. */
const char *conf_errors_line(const struct conf_errors *errors, size_t i);
bool conf_errors_is_warning(const struct conf_errors *errors, size_t i);

#endif
