/*
 * logsink PATH: a /dev/log whose reader throws everything away, so that
 * logging costs a server what it costs and reaches no log of the system.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char line[65536];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(at.sun_path)) {
		fprintf(stderr, "usage: logsink PATH\n");
		return 2;
	}
	strcpy(at.sun_path, argv[1]);
	unlink(argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    chmod(argv[1], 0666) != 0) {
		perror(argv[1]);
		return 1;
	}
	while (recv(fd, line, sizeof(line), 0) >= 0)
		;
	return 0;
}
