/* Writes what is made from keys.def while the sources are built: the manual
 * page and the sample file. */
#include "conf/conf.h"

#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "man") == 0)
		conf_print_man(stdout);
	else if (argc == 2 && strcmp(argv[1], "sample") == 0)
		conf_print_sample(stdout);
	else
		return 2;
	return fflush(stdout) == 0 ? 0 : 1;
}
