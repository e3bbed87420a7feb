/* ctl_print*() and ctl_complain() of ctl.h. */
#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>

/* Prints an octet of text; returns the columns it takes. */
static size_t print_octet(unsigned char c)
{
	if (c < 32 || c == 127) {
		(void)printf("\\x%02X", c);
		return 4;
	}
	(void)putchar(c);
	return (c & 0xC0) != 0x80; /* UTF-8: not for what continues */
}

void ctl_print(const char *text)
{
	while (*text != '\0')
		(void)print_octet((unsigned char)*text++);
}

void ctl_print_column(const char *text, size_t columns)
{
	size_t n = 0;

	while (*text != '\0')
		n += print_octet((unsigned char)*text++);
	for (; n < columns; n++)
		(void)putchar(' ');
	(void)putchar(' ');
}

void ctl_complain(const char *format, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fputs("culver: ", stderr);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}
