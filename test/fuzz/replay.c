/* Runs a fuzz target over its seeds: fuzz-NAME reads every file of
 * $srcdir/test/fuzz/fuzz-NAME.in, or the files it is given. */
#include <dirent.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;
	int failed;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
		perror(path);
		return 1;
	}
	rewind(f);
	data = malloc((size_t)size + 1);
	failed =
		data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size;
	(void)fclose(f);
	if (!failed)
		(void)LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return failed;
}

static int replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[4096];
	int seeds = 0, failures = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) <
		    (int)sizeof(file))
			failures += replay(file);
		else
			failures++;
		seeds++;
	}
	if (dir != NULL)
		(void)closedir(dir);
	printf("%s: %d seeds, %d unreadable\n", path, seeds, failures);
	return seeds == 0 || failures > 0; /* no seeds: nothing was tested */
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	char path[4096];
	int failures = 0;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			failures += replay(argv[i]);
		return failures > 0;
	}
	(void)snprintf(path, sizeof(path), "%s/test/fuzz/%s.in",
		       srcdir != NULL ? srcdir : ".", basename(argv[0]));
	return replay_directory(path);
}
