/* handler DIRECTORY NODE: a task for bench/faults. Its name says what it does: "WORD MILLISECONDS FAILURES FORKS".
   It works so long, in a child of its own if FORKS is 1, and fails its first FAILURES tries, unless
   DIRECTORY/repaired exists. DIRECTORY/log gets a line at its start and at its end. A second process that runs the
   same task meets the lock of the first, which the kernel keeps until the last process of that one is gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *node, *id;
static int records;

static void say(const char *what) {
    struct timespec now;
    char line[200];
    clock_gettime(CLOCK_REALTIME, &now);
    int length = snprintf(line, sizeof line, "%s %s %s %d %lld\n", what, id, node, getpid(),
                          now.tv_sec * 1000000LL + now.tv_nsec / 1000);
    if (write(records, line, length) != length)
        _exit(3);
}

static void work(int milliseconds) {
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0)
        ;
}

int main(int count, char **arguments) {
    int milliseconds = 0, failures = 0, forks = 0;
    char path[4096];
    if (count != 3 || (id = getenv("OTRSD_TASK_ID")) == NULL)
        return 2;
    node = arguments[2];
    sscanf(getenv("OTRSD_TASK_NAME"), "%*s %d %d %d", &milliseconds, &failures, &forks);
    snprintf(path, sizeof path, "%s/log", arguments[1]);
    records = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    snprintf(path, sizeof path, "%s/locks/%s", arguments[1], id);
    int lock = open(path, O_WRONLY | O_CREAT, 0600);
    if (records < 0 || lock < 0)
        return 3;
    if (flock(lock, LOCK_EX | LOCK_NB) != 0)
        say("double");
    say("start");
    pid_t child = forks ? fork() : -1;
    if (child == 0) {
        work(milliseconds);
        _exit(0);
    } else if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    } else {
        work(milliseconds);
    }
    snprintf(path, sizeof path, "%s/repaired", arguments[1]);
    if (atoi(getenv("OTRSD_TASK_TRY")) <= failures && access(path, F_OK) != 0) {
        say("fail");
        fputs("asked to fail\n", stderr);
        return 1;
    }
    say("end");
    return 0;
}
